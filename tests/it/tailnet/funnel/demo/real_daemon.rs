//! The demo, with a real daemon, a real ingress and real certificates.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;
use tailsteward::local::serve::Mount;

use super::super::real_daemon::visitor;
use crate::support::{daemons::Daemons, tailnet::sandbox};

/// A running demo, which is killed at the end.
struct Demo {
    child: Child,
    token: String,
}

/// The script for the machine of `node1`.
fn script(daemons: &Daemons, home: &std::path::Path, arguments: &[&str]) -> Command {
    let mut command =
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/start-funnel-demo.sh"));
    for (name, _) in std::env::vars().filter(|it| it.0.starts_with("TAILS")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .env("TAILSTEWARD", env!("CARGO_BIN_EXE_tailsteward"))
        .env("TAILSTEWARD_SOCKET", daemons.socket(1))
        .env("TAILSTEWARD_FUNNEL_INGRESS", daemons.ingress(443))
        .env("SSL_CERT_FILE", daemons.text("ca"))
        .env("HOME", home)
        // With its server it can be killed at once.
        .process_group(0);
    command
}

impl Demo {
    fn start(daemons: &Daemons, home: &std::path::Path, time: &str) -> Self {
        let port = free_port();
        let mut child = script(daemons, home, &["--yes", "--for", time, "--port", &port])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let token = lines.find_map(|line| {
            line.unwrap().strip_prefix("the token:").map(|token| token.trim().to_owned())
        });
        // Else the script would end at its next line.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, token: token.expect("the demo did not start") }
    }

    /// What Ctrl-C does. Returns the exit code.
    fn interrupt(&mut self) -> Option<i32> {
        let group = format!("-{}", self.child.id());
        assert!(Command::new("kill").args(["-2", "--", &group]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }

    /// SIGKILL for the script and its server: neither can tidy up.
    fn kill(&self) {
        let group = format!("-{}", self.child.id());
        assert!(Command::new("kill").args(["-9", "--", &group]).status().unwrap().success());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

fn free_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// Another program that this machine makes public.
async fn of_others(daemons: &Daemons, port: u16) -> Mount {
    let host = daemons.node(1)["dnsname"].as_str().unwrap();
    let mount = Mount::new(host, port, "/").unwrap();
    let daemon = daemons.daemon(1);
    daemon.set_handler(&mount, &json!({ "Proxy": "http://127.0.0.1:9" })).await.unwrap();
    daemon.set_funnel(&mount, true).await.unwrap();
    mount
}

async fn is_untouched(daemons: &Daemons, mount: &Mount) -> bool {
    let at = daemons.daemon(1).serve_config().await.unwrap().at(mount);
    at.funnel && at.handler == json!({ "Proxy": "http://127.0.0.1:9" })
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// The first message of an MCP client, from the internet.
fn hello(daemons: &Daemons) -> RequestBuilder {
    hello_at(daemons, 443)
}

fn hello_at(daemons: &Daemons, port: u16) -> RequestBuilder {
    let (client, host) = visitor(daemons, port);
    let params = json!({
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "visitor", "version": "1" }
    });
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    client
        .post(format!("https://{host}/mcp"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(hello.to_string())
}

async fn status(request: RequestBuilder) -> Option<StatusCode> {
    Some(request.send().await.ok()?.status())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn the_demo_answers_who_has_the_token_and_is_gone_in_time() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let home = tempfile::tempdir().unwrap();
    let _sandbox = sandbox().await;

    let mut demo = Demo::start(&daemons, home.path(), "15s");
    let since = Instant::now();
    let stranger = status(hello(&daemons)).await;
    let guest = status(hello(&daemons).bearer_auth(&demo.token)).await;

    assert_eq!(stranger, Some(StatusCode::UNAUTHORIZED));
    assert_eq!(guest, Some(StatusCode::OK));
    while status(hello(&daemons)).await.is_some() {
        assert!(since.elapsed() < Duration::from_mins(1), "it is still public");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(demo.child.wait().unwrap().success());
    assert!(daemons.daemon(1).serve_config().await.unwrap().served().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn what_a_killed_demo_leaves_is_ended_by_the_next_command() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let home = tempfile::tempdir().unwrap();
    let demo = Demo::start(&daemons, home.path(), "1h");
    assert_eq!(status(hello(&daemons)).await, Some(StatusCode::UNAUTHORIZED));

    demo.kill();
    let left = daemons.daemon(1).serve_config().await.unwrap().served().len();
    let stopped = script(&daemons, home.path(), &["--stop"]).output().unwrap();

    assert_eq!(left, 1, "kill -9 leaves what was served, with nothing behind it");
    assert!(stopped.status.success());
    assert!(daemons.daemon(1).serve_config().await.unwrap().served().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn the_demo_leaves_alone_what_others_serve() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let home = tempfile::tempdir().unwrap();
    let other = of_others(&daemons, 443).await;

    let declined = script(&daemons, home.path(), &["--port", &free_port()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!declined.status.success(), "{}", text(&declined));
    assert!(is_untouched(&daemons, &other).await, "{}", text(&declined));

    let stopped = script(&daemons, home.path(), &["--stop"]).output().unwrap();
    assert!(text(&stopped).contains("no demo is public"), "{}", text(&stopped));
    assert!(is_untouched(&daemons, &other).await, "{}", text(&stopped));

    let mut demo = Demo::start(&daemons, home.path(), "1h30m");
    assert_eq!(status(hello_at(&daemons, 8443)).await, Some(StatusCode::UNAUTHORIZED));
    assert_eq!(demo.interrupt(), Some(130));
    assert!(is_untouched(&daemons, &other).await);
    assert_eq!(daemons.daemon(1).serve_config().await.unwrap().served().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_demo_that_may_still_be_public_is_no_success() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let home = tempfile::tempdir().unwrap();
    let demo = Demo::start(&daemons, home.path(), "1h");
    demo.kill();

    let blind = script(&daemons, home.path(), &["--stop"])
        .env("TAILSTEWARD_SOCKET", home.path().join("nothing"))
        .output()
        .unwrap();
    let second = script(&daemons, home.path(), &["--yes"]).output().unwrap();
    let stopped = script(&daemons, home.path(), &["--stop"]).output().unwrap();

    assert_eq!(blind.status.code(), Some(1));
    assert!(text(&blind).contains("may still be public"), "{}", text(&blind));
    assert!(!second.status.success());
    assert!(text(&second).contains("an earlier demo is still public"), "{}", text(&second));
    assert!(stopped.status.success(), "{}", text(&stopped));
    assert!(daemons.daemon(1).serve_config().await.unwrap().served().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_wrong_time_is_refused_before_anything_is_public() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let home = tempfile::tempdir().unwrap();

    for (arguments, why) in [
        (&["--yes", "--for"][..], "--for needs a value, such as 2h"),
        (&["--yes", "--for", "2 h"], "must be a time"),
        (&["--yes", "--for", "2x"], "write it as"),
        (&["--yes", "--for", "31d"], "between 10s and 30d"),
    ] {
        let refused = script(&daemons, home.path(), arguments).output().unwrap();
        assert!(!refused.status.success(), "{arguments:?}: {}", text(&refused));
        assert!(text(&refused).contains(why), "{arguments:?}: {}", text(&refused));
    }
    let help = script(&daemons, home.path(), &["--help"]).output().unwrap();
    assert!(help.status.success() && text(&help).contains("--port 9000"), "{}", text(&help));
    assert!(!text(&help).contains("set -eu") && !text(&help).contains('#'), "{}", text(&help));
}
