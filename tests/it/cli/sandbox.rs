//! `tailsteward sandbox`, as a process.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};
use tailsteward::sandbox::Sandbox;

use crate::support::loopback::plain_http as http;

/// Starts it with a state file, and waits for its address.
fn start(state: &Path) -> (Child, String, BufReader<ChildStderr>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
        .args(["sandbox", "--listen", "127.0.0.1:0", "--tailnet", "second.example", "--state"])
        .arg(state)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    // Kept, because a process must be able to go on talking.
    let mut said = BufReader::new(child.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    let at = line.find("http://").unwrap_or_else(|| panic!("no address: {line}"));
    (child, line[at..].trim().to_owned(), said)
}

fn terminate(mut child: Child) {
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn its_state_outlives_it() {
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state.json");
    let key = Sandbox::credentials("second.example").api_key;
    let path = "/api/v2/tailnet/-/dns/searchpaths";
    let (child, url, _said) = start(&state);
    let change = json!({ "searchPaths": ["kept.example"] });
    let answer = http().post(url + path).bearer_auth(&key).json(&change).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    terminate(child);
    let (child, url, _said) = start(&state);
    let answer = http().get(url + path).bearer_auth(&key).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap(), change);
    terminate(child);
    std::fs::write(&state, "{}").unwrap();
    let said = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
        .args(["sandbox", "--listen", "127.0.0.1:0", "--state"])
        .arg(&state)
        .output()
        .unwrap();
    assert!(!said.status.success());
    assert!(String::from_utf8_lossy(&said.stderr).contains("state.json"));
}
