//! A server over HTTP on loopback, with a handler that says who asks; and plain requests to it.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{RequestBuilder, Response};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tailsteward::{
    guard::Principal,
    server::{Access, Http, NewToken, Options, Probe, TokenFile, Tokens},
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use super::loopback::plain_http;

/// Offers `whoami`, and `sleep`, which counts how often it was done.
#[derive(Clone, Default)]
pub struct Echo {
    pub slept: Arc<AtomicUsize>,
}

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = ["whoami", "sleep"].map(|it| self.get_tool(it).unwrap());
        Ok(ListToolsResult::with_all_items(tools.to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = if request.name == "sleep" {
            let arguments = request.arguments.unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(arguments["ms"].as_u64().unwrap())).await;
            self.slept.fetch_add(1, Ordering::SeqCst);
            "slept".to_owned()
        } else {
            let parts = context.extensions.get::<http::request::Parts>().unwrap();
            let principal = parts.extensions.get::<Principal>().cloned();
            let principal = principal.unwrap_or_else(Principal::local);
            let parts = context.extensions.get::<http::request::Parts>();
            let proof = parts.is_some_and(|it| it.headers.contains_key("authorization"));
            json!({
                "name": &*principal.name,
                "read_only": principal.read_only,
                "toolsets": principal.toolsets,
                "proof": proof,
            })
            .to_string()
        };
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let schema = json!({ "type": "object", "properties": {} });
        ["whoami", "sleep"]
            .contains(&name)
            .then(|| Tool::new(name.to_owned(), "For tests.", schema.as_object().unwrap().clone()))
    }
}

/// A server that is running.
pub struct Served {
    pub address: SocketAddr,
    pub tokens: PathBuf,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<tailsteward::Result<()>>>,
    _folder: TempDir,
}

/// A file of tokens, and the token of `ci` in it.
pub fn token_file() -> (TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.toml");
    let token = add_token(&path, "ci", &NewToken::default());
    (folder, path, token)
}

pub fn add_token(path: &std::path::Path, name: &str, new: &NewToken) -> String {
    TokenFile::load(path).unwrap().add(name, new).unwrap().expose_secret().to_owned()
}

impl Served {
    /// For anyone.
    pub async fn open(change: impl FnOnce(&mut Options)) -> Self {
        Self::serve(Echo::default(), true, change).await.0
    }

    /// For holders of a token; with that of `ci`.
    pub async fn guarded(change: impl FnOnce(&mut Options)) -> (Self, String) {
        Self::serve(Echo::default(), false, change).await
    }

    pub async fn serve(
        handler: impl ServerHandler + Clone,
        anyone: bool,
        change: impl FnOnce(&mut Options),
    ) -> (Self, String) {
        let probe = Probe::new(async || Ok(()));
        Self::probed(handler, anyone, probe, change).await
    }

    pub async fn probed(
        handler: impl ServerHandler + Clone,
        anyone: bool,
        probe: Probe,
        change: impl FnOnce(&mut Options),
    ) -> (Self, String) {
        let (folder, tokens, token) = token_file();
        let access = if anyone {
            Access::Anyone
        } else {
            Access::Tokens(Arc::new(Tokens::open(&tokens).unwrap()))
        };
        let mut options = Options::new(access);
        options.limits.rate = 10_000.try_into().unwrap();
        change(&mut options);
        let http = Http::bind(SocketAddr::from(([127, 0, 0, 1], 0)), options).await.unwrap();
        let address = http.address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { drop(stopped.await) };
        let task = tokio::spawn(http.serve(handler, probe, stopped, async {}));
        let served = Self {
            address,
            tokens,
            client: plain_http(),
            stop: Some(stop),
            task: Some(task),
            _folder: folder,
        };
        (served, token)
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    /// A message to the endpoint, as clients send it.
    pub fn post(&self, message: &Value) -> RequestBuilder {
        self.raw(message.to_string())
    }

    /// The same with any body.
    pub fn raw(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.client.post(self.url("/mcp")).body(body);
        request
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
    }

    pub fn delete(&self) -> RequestBuilder {
        self.client.delete(self.url("/mcp"))
    }

    /// A call in the era without sessions.
    pub fn call(&self, tool: &str, arguments: &Value) -> RequestBuilder {
        let request = self.post(&modern(tool, arguments));
        request
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool)
    }

    /// What a tool answers in that era.
    pub async fn answer(&self, tool: &str, token: &str) -> Value {
        let response = self.call(tool, &json!({})).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap()
    }

    /// Opens a session, and says its id.
    pub async fn session(&self, token: &str) -> String {
        let response = self.initialize(token).await;
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
        let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let ready = self.post(&ready).bearer_auth(token).header("mcp-session-id", &id);
        assert_eq!(ready.send().await.unwrap().status(), 202);
        id
    }

    pub async fn initialize(&self, token: &str) -> Response {
        self.post(&initialize()).bearer_auth(token).send().await.unwrap()
    }

    /// The value of a counter, 0 if it is not there.
    pub async fn counter(&self, line: &str) -> f64 {
        let text = self.get("/metrics").send().await.unwrap().text().await.unwrap();
        let found = text.lines().find_map(|it| it.strip_prefix(line));
        found.map_or(0.0, |it| it.trim().parse().unwrap())
    }

    /// Tells it to end, and waits until it has.
    pub async fn stop(&mut self) {
        self.tell_to_end();
        self.task.take().unwrap().await.unwrap().unwrap();
    }

    pub fn tell_to_end(&mut self) {
        drop(self.stop.take());
    }
}

pub fn initialize() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" } } })
}

pub fn modern(tool: &str, arguments: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
        "name": tool, "arguments": arguments, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" } } } })
}

/// A call over HTTP to a server that runs by itself.
pub fn calling(url: &str, tool: &str, arguments: &Value) -> RequestBuilder {
    plain_http()
        .post(url)
        .body(modern(tool, arguments).to_string())
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
}

/// The message in an answer, whether it came as JSON or as an event.
pub async fn message(response: Response) -> Value {
    let text = response.text().await.unwrap();
    let mut data = text.lines().filter_map(|it| it.strip_prefix("data:")).map(str::trim);
    let json = data.rfind(|it| !it.is_empty()).unwrap_or(&text);
    serde_json::from_str(json).unwrap_or_else(|_| panic!("{text}"))
}
