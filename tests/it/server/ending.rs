//! Shutdown with calls in progress.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::atomic::Ordering,
    time::Duration,
};

use serde_json::json;
use tailsteward::{sandbox::Sandbox, tool::Risk};

use crate::support::{
    http::{Echo, Served, calling, message},
    proxy::{Fault, faulty},
    tailnet::sandbox,
};

#[tokio::test]
async fn a_call_under_way_is_finished_and_answered_and_no_more_is_taken() {
    let echo = Echo::default();
    let (mut served, _) = Served::serve(echo.clone(), true, |_| {}).await;
    let session = served.session("").await;
    let listening = served.get("/mcp").header("mcp-session-id", session);
    let listening = listening.header("accept", "text/event-stream").send().await.unwrap();
    let call = tokio::spawn(served.call("sleep", &json!({ "ms": 1000 })).send());
    tokio::time::sleep(Duration::from_millis(300)).await;

    served.tell_to_end();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let late = served.get("/health").send().await;
    let answer = message(call.await.unwrap().unwrap()).await;
    served.stop().await;

    assert!(late.is_err(), "{late:?}");
    assert_eq!(answer["result"]["content"][0]["text"], "slept", "{answer}");
    assert_eq!(echo.slept.load(Ordering::SeqCst), 1);
    // It ends, too.
    let _ = listening.bytes().await;
}

#[tokio::test]
async fn the_end_is_not_put_off_for_ever() {
    let (mut served, _) =
        Served::serve(Echo::default(), true, |it| it.limits.grace = Duration::from_millis(200))
            .await;
    let call = tokio::spawn(served.call("sleep", &json!({ "ms": 600_000 })).send());
    tokio::time::sleep(Duration::from_millis(300)).await;

    tokio::time::timeout(Duration::from_secs(20), served.stop()).await.expect("it goes on");

    call.abort();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_the_program_finishes_a_change() {
    let (sandbox, tailnet) = sandbox().await;
    let slow = faulty(&sandbox.base_url(), 0, Fault::Slow).await;
    let device = tailnet.devices().list().await.unwrap();
    let device = device.iter().find(|it| it.short_name() == "web-01").unwrap().key().to_owned();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
        .args(["--access", Risk::Danger.to_string().as_str(), "serve", "--http", "0", "--no-auth"])
        .env("TAILSCALE_BASE_URL", slow)
        .env("TAILSCALE_API_KEY", Sandbox::API_KEY)
        .env("TAILSTEWARD_STORE", "memory")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // first-use 22: the address is on stdout.
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("MCP at ").unwrap().to_owned();
    let arguments = json!({ "device": "web-01", "name": "left", "ipv4": "100.99.8.8" });
    let request = calling(&url, "update_device", &arguments);
    let call = tokio::spawn(request.send());
    tokio::time::sleep(Duration::from_secs(2)).await;

    let told = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let answer = message(call.await.unwrap().unwrap()).await;
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();

    assert!(told.success() && ended.success());
    assert_eq!(answer["result"]["isError"], json!(false), "{answer}");
    let now = tailnet.devices().get(&device).await.unwrap();
    assert_eq!((now.short_name(), now.ipv4()), ("left", Some("100.99.8.8")));
}
