//! Streams that stay open end when their caller is not allowed the same any more.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use serde_json::{Value, json};

use super::{
    Wanted,
    fake::{FakeDaemon, bob},
    wire::Wire,
};
use crate::support::tailnet::sandbox;

#[tokio::test]
async fn a_stream_ends_when_the_capability_is_gone() {
    let entries = json!([{ "toolsets": ["devices", "changes"] }]);
    for (after, ends) in [
        (bob(entries.clone()), false),
        (bob(json!([{ "toolsets": ["devices"] }])), true),
        (bob(Value::Null), true),
        (Value::Null, true),
    ] {
        let daemon = FakeDaemon::start();
        daemon.says(bob(entries.clone()));
        let (_sandbox, tailnet) = sandbox().await;
        let short = Duration::from_millis(100);
        let served = Wanted::by(&daemon.socket).of(tailnet, |it| it.limits.recheck = short).await;
        let mut wire = Wire::to(served.address.unwrap()).await;
        let opened = wire.session().await;
        let id = opened.headers["mcp-session-id"].to_str().unwrap().to_owned();
        let headers = [("accept", "text/event-stream"), ("mcp-session-id", id.as_str())];
        let stream = wire.begin("GET", "/mcp", &headers, String::new()).await;
        assert_eq!(stream.status(), 200);

        daemon.says(after);
        let end = to_bytes(Body::new(stream.into_body()), 1 << 20);
        let ended = tokio::time::timeout(Duration::from_secs(1), end).await.is_ok();

        assert_eq!(ended, ends);
    }
}
