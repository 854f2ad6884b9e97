//! A connection of a test's own, on which it says exactly what is sent.

use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::http::{initialize, modern};

/// An open connection. Requests go over it one after the other.
pub struct Wire {
    sender: SendRequest<Body>,
    /// What every request has.
    headers: Vec<(String, String)>,
}

pub struct Heard {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Heard {
    /// The message, whether it came as JSON or as an event.
    pub fn json(&self) -> Value {
        let mut data = self.text.lines().filter_map(|it| it.strip_prefix("data:")).map(str::trim);
        let text = data.rfind(|it| !it.is_empty()).unwrap_or(&self.text);
        serde_json::from_str(text).unwrap_or_else(|_| panic!("{}", self.text))
    }

    /// The words of a refusal.
    pub fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or(&self.text).to_owned()
    }
}

impl Wire {
    pub async fn to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    #[cfg(unix)]
    pub async fn unix(path: &std::path::Path) -> Self {
        Self::over(tokio::net::UnixStream::connect(path).await.unwrap()).await
    }

    /// Through a SOCKS5 proxy, which is how a program on another node connects. `None` if it cannot.
    pub async fn through(socks: &str, host: &str, port: u16) -> Option<Self> {
        let mut stream = TcpStream::connect(socks).await.unwrap();
        stream.write_all(&[5, 1, 0]).await.unwrap();
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await.unwrap();
        assert_eq!(chosen, [5, 0]);
        let mut ask = vec![5, 1, 0, 3, u8::try_from(host.len()).unwrap()];
        ask.extend(host.as_bytes());
        ask.extend(port.to_be_bytes());
        stream.write_all(&ask).await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        if answer[1] != 0 {
            return None;
        }
        let rest = if answer[3] == 4 { 18 } else { 6 };
        stream.read_exact(&mut vec![0; rest]).await.unwrap();
        Some(Self::over(stream).await)
    }

    async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Self {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(async move { drop(connection.await) });
        Self { sender, headers: Vec::new() }
    }

    /// Adds a header to all that is sent from now on.
    pub fn always(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends a request, and returns its answer before its body.
    pub async fn begin(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> hyper::Response<hyper::body::Incoming> {
        let mut request = Request::builder().method(method).uri(path);
        if !self.headers.iter().chain(&[]).any(|it| it.0 == "host") {
            request = request.header("host", "localhost");
        }
        let own = self.headers.iter().map(|it| (it.0.as_str(), it.1.as_str()));
        for (name, value) in own.chain(headers.iter().copied()) {
            request = request.header(name, value);
        }
        self.sender.ready().await.unwrap();
        self.sender.send_request(request.body(Body::from(body)).unwrap()).await.unwrap()
    }

    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Heard {
        let answer = self.begin(method, path, headers, body).await;
        let (parts, body) = answer.into_parts();
        let bytes = to_bytes(Body::new(body), 16 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Heard { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    /// A message in the era without sessions.
    pub async fn ask(&mut self, method: &str, params: Value) -> Heard {
        let mut message = modern("", &json!({}));
        message["method"] = method.into();
        let meta = message["params"]["_meta"].take();
        message["params"] = params;
        message["params"]["_meta"] = meta;
        let name = message["params"]["name"].as_str().or(message["params"]["uri"].as_str());
        let name = name.unwrap_or_default().to_owned();
        let mut headers = vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
        ];
        if !name.is_empty() {
            headers.push(("mcp-name", &name));
        }
        self.send("POST", "/mcp", &headers, message.to_string()).await
    }

    /// What a tool answers: whether it failed, and the value.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> (bool, Value) {
        let heard = self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert_eq!(heard.status, 200, "{}", heard.text);
        let answer = heard.json();
        let text = answer["result"]["content"][0]["text"].as_str();
        let text = text.unwrap_or_else(|| panic!("{answer}"));
        let value = serde_json::from_str(text).unwrap_or_else(|_| text.into());
        (answer["result"]["isError"] == true, value)
    }

    /// What a tool answers that does not fail.
    pub async fn answer(&mut self, tool: &str, arguments: Value) -> Value {
        let (failed, value) = self.call(tool, arguments).await;
        assert!(!failed, "{tool}: {value}");
        value
    }

    /// The names of the tools that are listed.
    pub async fn tools(&mut self) -> Vec<String> {
        let heard = self.ask("tools/list", json!({})).await;
        assert_eq!(heard.status, 200, "{}", heard.text);
        let answer = heard.json();
        let tools = answer["result"]["tools"].as_array().unwrap().iter();
        tools.map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Opens a session of the era that has them, and returns its ID.
    pub async fn session(&mut self) -> Heard {
        let headers = [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        self.send("POST", "/mcp", &headers, initialize().to_string()).await
    }
}
