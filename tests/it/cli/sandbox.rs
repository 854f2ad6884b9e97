//! `tailsteward sandbox`, as a process.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
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

/// L9: off loopback it warns, and on loopback it does not.
#[test]
fn l9_a_sandbox_that_others_can_reach_warns() {
    for (listen, warns) in [("0.0.0.0:0", true), ("127.0.0.1:0", false)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
            .args(["sandbox", "--sandbox-devices", "1", "--listen", listen])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        // The lines up to the key are always there.
        let mut text = String::new();
        while !text.contains("TAILSCALE_API_KEY") {
            assert!(said.read_line(&mut text).unwrap() > 0, "{text}");
        }
        terminate(child);
        said.read_to_string(&mut text).unwrap();
        assert_eq!(text.contains("warning: this address is not loopback"), warns, "{text}");
    }
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
