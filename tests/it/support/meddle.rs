//! A proxy in front of a sandbox that does to each request what a function says.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http, response::Response};
use tailsteward::sandbox::Sandbox;

use super::loopback::plain_http;

/// A request on its way.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Below `/api/v2/tailnet/-`.
    pub path: String,
    pub body: String,
    /// How many of this method and path there were before it.
    pub nth: usize,
}

impl Asked {
    pub fn is(&self, method: &str, path: &str) -> bool {
        (self.method.as_str(), self.path.as_str()) == (method, path)
    }
}

/// What becomes of it.
#[derive(Debug, Clone)]
pub enum Meddle {
    Pass,
    /// It does not get there; this is the answer.
    Say(u16, &'static str),
    /// It is carried out; the answer is a 504.
    Lost,
    /// Somebody else writes this policy file just before it.
    After(String),
    /// It is carried out; the answer has no version.
    NoVersion,
    /// It is carried out; the answer is this.
    Turned(&'static str),
    /// It is carried out with this body instead.
    Sent(String),
}

type Script = dyn Fn(&Asked) -> Meddle + Send + Sync;

struct Proxy {
    to: String,
    client: reqwest::Client,
    script: Box<Script>,
    seen: Mutex<HashMap<(String, String), usize>>,
}

/// The address of a proxy in front of `sandbox`.
pub async fn meddled(
    sandbox: &Sandbox,
    script: impl Fn(&Asked) -> Meddle + Send + Sync + 'static,
) -> String {
    let proxy = Arc::new(Proxy {
        to: sandbox.base_url(),
        client: plain_http(),
        script: Box::new(script),
        seen: Mutex::default(),
    });
    let router = Router::new().fallback(forward).with_state(proxy);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// Puts `text` in the place of the policy file, whatever it is now.
pub async fn write_policy(sandbox: &str, text: &str) {
    let request = plain_http().post(format!("{sandbox}/api/v2/tailnet/-/acl"));
    let request = request.header("content-type", "application/hujson").body(text.to_owned());
    let answer = request.bearer_auth(Sandbox::API_KEY).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn forward(
    State(proxy): State<Arc<Proxy>>,
    method: http::Method,
    uri: http::Uri,
    mut headers: http::HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_start_matches("/api/v2/tailnet/-").to_owned();
    let nth = {
        let mut seen = proxy.seen.lock().unwrap();
        let count = seen.entry((method.to_string(), path.clone())).or_default();
        *count += 1;
        *count - 1
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    let asked = Asked { method: method.to_string(), path, body: text, nth };
    let meddle = (proxy.script)(&asked);
    let answer = |status: u16, text: &'static str| {
        let answer = Response::builder().status(status).header("content-type", "application/json");
        answer.body(text.into()).unwrap()
    };
    if let Meddle::Say(status, text) = meddle {
        return answer(status, text);
    }
    if let Meddle::After(text) = &meddle {
        write_policy(&proxy.to, text).await;
    }
    headers.remove("host");
    headers.remove("content-length");
    let body = if let Meddle::Sent(text) = &meddle { text.clone().into() } else { body };
    let url = format!("{}{}", proxy.to, uri.path_and_query().unwrap());
    let sent = proxy.client.request(method, url).headers(headers).body(body).send().await.unwrap();
    match meddle {
        Meddle::Lost => return answer(504, r#"{"message":"request took too long to process"}"#),
        Meddle::Turned(text) => return answer(200, text),
        _ => {}
    }
    let mut response = Response::builder().status(sent.status());
    for name in ["content-type", "etag"] {
        let is_kept = name != "etag" || !matches!(meddle, Meddle::NoVersion);
        if let Some(value) = sent.headers().get(name).filter(|_| is_kept) {
            response = response.header(name, value);
        }
    }
    response.body(sent.bytes().await.unwrap().into()).unwrap()
}
