//! What becomes of a change when the client goes away.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::json;
use tailsteward::sandbox::Sandbox;

use crate::support::{
    proxy::{Fault, faulty},
    tailnet::sandbox,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_finished_although_the_client_has_left() {
    let (sandbox, tailnet) = sandbox().await;
    let slow = faulty(&sandbox.base_url(), 0, Fault::Slow).await;
    let list = tailnet.devices().list().await.unwrap();
    let device = list.iter().find(|it| it.short_name() == "web-01").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
        .args(["--access", "change"])
        .env("TAILSCALE_BASE_URL", slow)
        .env("TAILSCALE_API_KEY", Sandbox::API_KEY)
        .env("TAILSTEWARD_STORE", "memory")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let lines = [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": "t", "version": "1" } } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
            "name": "update_device",
            "arguments": { "device": "web-01", "name": "left", "ipv4": "100.99.8.8" } } }),
    ];
    let mut stdin = child.stdin.take().unwrap();
    for line in lines {
        writeln!(stdin, "{line}").unwrap();
    }
    // The first of the two writes is under way, and takes longer than the server is waited for.
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(stdin);
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();

    assert!(ended.success());
    let now = tailnet.devices().get(device.key()).await.unwrap();
    assert_eq!((now.short_name(), now.ipv4()), ("left", Some("100.99.8.8")));
}
