//! A real tailnet on loopback: `tests/tailnet`, whose programs `.ci/tailnet` builds.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

use serde_json::Value;

use crate::support::loopback::plain_http;

/// Why a test is ignored, and how to run it.
pub const NEEDS: &str =
    "TAILSTEWARD_TEST_TAILNET names no programs: run `.ci/tailnet cargo test …`";

/// Real daemons, which end with this value.
pub struct Daemons {
    ready: Value,
    child: Child,
    // The tailnet ends when its input does.
    _held: ChildStdin,
}

impl Daemons {
    pub fn start(arguments: &[&str]) -> Self {
        let programs = PathBuf::from(std::env::var("TAILSTEWARD_TEST_TAILNET").expect(NEEDS));
        let mut child = Command::new(programs.join("tailnet"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let held = child.stdin.take().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).expect("the tailnet did not start");
        Self { ready, child, _held: held }
    }

    /// What the tailnet says of a member, such as `ca`.
    pub fn text(&self, member: &str) -> String {
        self.ready[member].as_str().unwrap().to_owned()
    }

    /// What is known of `node1`, `node2`, …
    pub fn node(&self, number: usize) -> &Value {
        &self.ready["nodes"][number - 1]
    }

    pub fn id(&self, number: usize) -> String {
        self.node(number)["stableid"].as_str().unwrap().to_owned()
    }

    pub fn socket(&self, number: usize) -> PathBuf {
        self.node(number)["socket"].as_str().unwrap().into()
    }

    /// Changes the tailnet: see `tests/tailnet/README.md`.
    pub async fn post(&self, call: &str, body: &str) {
        let url = format!("{}{call}", self.text("admin"));
        let answer = plain_http().post(url).body(body.to_owned()).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{call}: {status} {}", answer.text().await.unwrap());
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries until `what` gives something, for what reaches a daemon a moment later.
pub async fn soon<T, F: Future<Output = Option<T>>>(mut what: impl FnMut() -> F) -> T {
    for _ in 0..100 {
        if let Some(found) = what().await {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it did not come within ten seconds");
}
