//! MCP servers, which must not become public without authentication.

use std::time::Duration;

use super::target::Target;
use crate::client::program::{Door, Program, Request};

/// How long a server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How much of its answer is read.
const MAX_ANSWER: usize = 64 << 10;

/// What somebody without a token finds at a port of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nobody listens.
    Nobody,
    /// An MCP server that answers anybody.
    OpenMcp,
    /// A server that asks who one is where MCP servers are.
    Guarded,
    /// Something else.
    Other,
}

/// Asks the port as an MCP client without a token would.
pub(super) async fn look(target: &Target) -> Found {
    if tokio::net::TcpStream::connect(target.at).await.is_err() {
        return Found::Nobody;
    }
    if target.url.starts_with("https") {
        return Found::Other;
    }
    ask(target).await
}

async fn ask(target: &Target) -> Found {
    let door = Door::Port(target.at.port(), String::new().into());
    let ask = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "tailsteward", "version": env!("CARGO_PKG_VERSION") }
        }
    });
    let mut headers = http::HeaderMap::new();
    let accepted = http::HeaderValue::from_static("application/json, text/event-stream");
    headers.insert(http::header::ACCEPT, accepted);
    let request = Request {
        method: http::Method::POST,
        // Where MCP servers are by convention; a program that is none has nothing there.
        path: "/mcp".to_owned(),
        headers,
        body: Some(ask.to_string().into()),
        timeout: TIMEOUT,
        limit: MAX_ANSWER,
    };
    let Ok(answer) = Program::new(door, "127.0.0.1").send(&request).await else {
        return Found::Other;
    };
    if matches!(answer.status.as_u16(), 401 | 403) {
        return Found::Guarded;
    }
    let text = String::from_utf8_lossy(&answer.body);
    let is_mcp = text.contains("\"jsonrpc\"") && text.contains("\"result\"");
    if answer.status.is_success() && is_mcp { Found::OpenMcp } else { Found::Other }
}
