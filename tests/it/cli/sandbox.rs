//! `tailsteward sandbox`, as a process.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tailsteward::sandbox::Sandbox;

use crate::support::loopback::plain_http as http;

/// Starts it with a state file, and waits for its address.
fn start(state: &Path) -> (Child, String, BufReader<ChildStdout>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
        .args(["sandbox", "--listen", "127.0.0.1:0", "--tailnet", "second.example", "--state"])
        .arg(state)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    // Kept, because a process must be able to go on talking.
    let mut said = BufReader::new(child.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    let at = line.find("http://").unwrap_or_else(|| panic!("no address: {line}"));
    (child, line[at..].trim().to_owned(), said)
}

#[test]
fn two_tailnets_of_one_name_are_an_error() {
    for names in [["a.example", "a.example"], ["b.example", Sandbox::TAILNET]] {
        let output = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
            .args([
                "sandbox",
                "--listen",
                "127.0.0.1:0",
                "--tailnet",
                names[0],
                "--tailnet",
                names[1],
            ])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains("more than one tailnet"), "{told}");
    }
}

/// L9: off loopback it warns, and on loopback it does not.
#[test]
fn l9_a_sandbox_that_others_can_reach_warns() {
    for (listen, warns) in [("0.0.0.0:0", true), ("127.0.0.1:0", false)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
            .args(["sandbox", "--sandbox-devices", "1", "--listen", listen])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        // The line with the address is always there.
        let mut text = String::new();
        assert!(said.read_line(&mut text).unwrap() > 0, "{text}");
        terminate(child);
        said.read_to_string(&mut text).unwrap();
        assert_eq!(text.contains("warning: this address is not loopback"), warns, "{text}");
    }
}

/// first-use 22: what a shell is to run is on stdout, once, and everything else is on stderr.
#[test]
fn stdout_is_what_a_shell_can_run() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
        .args(["sandbox", "--sandbox-devices", "1", "--listen", "127.0.0.1:0"])
        .args(["--tailnet", "second.example"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut stderr = child.stderr.take().unwrap();
    let mut script = String::new();
    while !script.contains("TAILSCALE_API_KEY") {
        assert!(stdout.read_line(&mut script).unwrap() > 0, "{script}");
    }
    terminate(child);
    stdout.read_to_string(&mut script).unwrap();
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();

    let echo = format!("{script}\necho $TAILSCALE_BASE_URL $TAILSCALE_API_KEY");
    let echoed = Command::new("sh").args(["-c", &echo]).output().unwrap().stdout;
    let echoed = String::from_utf8(echoed).unwrap();
    assert_eq!(script.matches("TAILSCALE_API_KEY").count(), 1, "{script}");
    assert!(script.lines().all(|it| it.starts_with("export ")), "{script}");
    assert!(echoed.starts_with("http://127.0.0.1:"), "{echoed}");
    assert!(echoed.trim().ends_with(Sandbox::API_KEY), "{echoed}");
    assert!(said.contains("the emulated admin API is at http://127.0.0.1:"), "{said}");
    let second = Sandbox::credentials("second.example").api_key;
    assert!(said.contains(&second) && !said.contains("export"), "{said}");
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
