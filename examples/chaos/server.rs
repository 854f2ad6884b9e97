//! A server as a process of its own, and a client on its stdin and stdout.

use std::{path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};
use tailsteward::sandbox::Sandbox;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(40);

/// What came of a call.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The tool answered.
    Done(Value),
    /// The tool answered with an error.
    Failed(Value),
    /// The server ended first, or its client left.
    Gone,
}

/// A running server with its client.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<Lines<BufReader<ChildStdout>>>,
    id: u64,
}

impl Server {
    /// Starts a server on the journal at `store`. A file size limit gets it an error, not a signal.
    pub(crate) async fn start(base_url: &str, store: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(program)
            .args(["--access", "danger", "--toolsets", "all", "--yes", "--as", "chaos", "--store"])
            .arg(store)
            .env(super::AS_SERVER, "1")
            .env("TAILSCALE_BASE_URL", base_url)
            .env("TAILSCALE_API_KEY", Sandbox::API_KEY)
            .env("TAILSTEWARD_RATE", "1000")
            .env("TAILSTEWARD_BURST", "10000")
            .env("TAILSTEWARD_DEADLINE_SECONDS", "3")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let mut server = Self { child, stdin, stdout, id: 0 };
        let client = json!({ "name": "chaos", "version": "1" });
        let hello = json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client,
        });
        server.send("initialize", hello).await;
        assert!(server.receive().await.is_some(), "the server does not start");
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        server.line(&ready).await;
        server
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Calls a tool.
    pub(crate) async fn call(&mut self, tool: &str, arguments: &Value) -> Answer {
        self.begin(tool, arguments).await;
        self.answer().await
    }

    /// Sends a call without waiting for its answer.
    pub(crate) async fn begin(&mut self, tool: &str, arguments: &Value) {
        self.send("tools/call", json!({ "name": tool, "arguments": arguments })).await;
    }

    /// Waits for the answer to the last call.
    pub(crate) async fn answer(&mut self) -> Answer {
        let Some(answer) = self.receive().await else { return Answer::Gone };
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str().unwrap_or("null");
        let value: Value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        if result["isError"] == true || answer.get("error").is_some() {
            return Answer::Failed(if value.is_null() { answer["error"].clone() } else { value });
        }
        Answer::Done(value)
    }

    /// Kills it, as `kill -9` does.
    pub(crate) async fn kill(&mut self) {
        let _ = self.child.kill().await;
    }

    /// The client leaves; the server ends by itself.
    pub(crate) async fn leave(&mut self) {
        self.stdin = None;
        self.stdout = None;
        if tokio::time::timeout(ANSWER_TIMEOUT, self.child.wait()).await.is_err() {
            self.kill().await;
        }
    }

    async fn send(&mut self, method: &str, params: Value) {
        self.id += 1;
        let call = json!({ "jsonrpc": "2.0", "id": self.id, "method": method, "params": params });
        self.line(&call).await;
    }

    async fn line(&mut self, line: &Value) {
        let Some(stdin) = &mut self.stdin else { return };
        // A server that was killed is noticed at the answer.
        let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
        let _ = stdin.flush().await;
    }

    /// The answer with the last id.
    async fn receive(&mut self) -> Option<Value> {
        let id = self.id;
        let stdout = self.stdout.as_mut()?;
        let answer = async {
            while let Ok(Some(line)) = stdout.next_line().await {
                let line: Value = serde_json::from_str(&line).unwrap_or_default();
                if line["id"] == id {
                    return Some(line);
                }
            }
            None
        };
        tokio::time::timeout(ANSWER_TIMEOUT, answer).await.ok().flatten()
    }
}
