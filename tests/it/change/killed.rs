//! A server that is killed in the middle of a change, and what the next one says.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tailsteward::sandbox::Sandbox;

use crate::support::changes::own;
use crate::support::{
    proxy::{Fault, faulty},
    tailnet::sandbox,
};

struct Running {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    id: i64,
}

impl Running {
    fn start(base_url: &str, store: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
            .args(["--access", "change", "--store"])
            .arg(store)
            .env("TAILSCALE_BASE_URL", base_url)
            .env("TAILSCALE_API_KEY", Sandbox::API_KEY)
            .env("TAILSTEWARD_RATE", "1000")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut running = Self { child, stdin, stdout, id: 0 };
        running.ask(
            "initialize",
            json!({ "protocolVersion": "2025-06-18", "capabilities": {},
                    "clientInfo": { "name": "t", "version": "1" } }),
        );
        running.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        running
    }

    fn say(&mut self, line: &Value) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    fn send(&mut self, method: &str, params: Value) {
        self.id += 1;
        let id = self.id;
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.send(method, params);
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()["result"].clone()
    }

    fn tool(&mut self, name: &str, arguments: Value) -> Value {
        let result = self.ask("tools/call", json!({ "name": name, "arguments": arguments }));
        serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_cut_off_is_found_at_the_next_start() {
    let (sandbox, direct) = sandbox().await;
    let device = own(&direct).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("journal.db");
    // The write takes seven seconds on its way.
    let slow = faulty(&sandbox.base_url(), 0, Fault::Slow).await;
    let (base, key) = (sandbox.base_url(), device.key().to_owned());
    let found = tokio::task::spawn_blocking(move || {
        let mut first = Running::start(&slow, &store);
        let rename = json!({ "device": key, "name": "cut-off" });
        first.send("tools/call", json!({ "name": "update_device", "arguments": rename }));
        // Recorded, and not done: the journal is read by another server meanwhile.
        let mut second = Running::start(&slow, &store);
        let running = loop {
            let list = second.tool("list_changes", json!({}));
            if list["total"] == 1 {
                let running = second.tool("get_change", json!({ "change": 1 }));
                // An entry is begun a moment before its first step.
                if running["steps"][0].is_object() {
                    break running;
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        drop(first);
        drop(second);
        // The slow write has arrived, and the entry was not renewed for a while.
        std::thread::sleep(Duration::from_secs(10));
        let mut third = Running::start(&slow, &store);
        let cut_off = third.tool("get_change", json!({ "change": 1 }));
        let undone = third.tool("undo_change", json!({ "change": 1 }));
        (running, cut_off, undone)
    });
    let (running, cut_off, undone) = found.await.unwrap();

    assert_eq!((&running["outcome"], &running["running"]), (&json!("unknown"), &json!(true)));
    assert_eq!(cut_off["outcome"], "unknown");
    assert!(cut_off.get("running").is_none(), "{cut_off}");
    let step = &cut_off["steps"][0];
    assert!(step.get("outcome").is_none() && step["to"] == "cut-off", "{cut_off}");
    assert!(cut_off["note"].as_str().unwrap().contains("interrupted"), "{cut_off}");
    // Whether the API had heard of it: the answer to that is what is there now.
    let now = direct.devices().get(device.key()).await.unwrap();
    if step["now"] == "cut-off" {
        assert_eq!(undone["applied"], true, "{undone}");
    } else {
        assert_eq!(undone["kind"], "refused", "{undone}");
    }
    assert_eq!(now.short_name(), device.short_name());
    drop(base);
}
