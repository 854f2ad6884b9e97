//! Events that are posted to webhooks.

use super::*;
use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What was posted: the signature and the body.
type Posted = (String, String);

/// An endpoint that refuses the first `refused` messages.
async fn endpoint(refused: usize) -> (String, UnboundedReceiver<Posted>) {
    let (sender, receiver) = unbounded_channel();
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let take = move |headers: HeaderMap, body: String| async move {
        let signature = headers["tailscale-webhook-signature"].to_str().unwrap().to_owned();
        sender.send((signature, body)).unwrap();
        let nth = seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if nth < refused { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
    };
    let router = Router::new().route("/hook", post(take));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, receiver)
}

async fn hook(tailnet: &Tailnet, url: &str, subscriptions: &[&str]) -> Value {
    let body = json!({ "endpointUrl": url, "subscriptions": subscriptions });
    tailnet.post("/tailnet/-/webhooks", body).await.ok()
}

async fn next(posted: &mut UnboundedReceiver<Posted>) -> Posted {
    tokio::time::timeout(Duration::from_secs(30), posted.recv()).await.unwrap().unwrap()
}

fn event(posted: &Posted) -> Value {
    serde_json::from_str::<Value>(&posted.1).unwrap()[0].clone()
}

/// As Tailscale's documentation has receivers verify it.
fn is_signed(posted: &Posted, secret: &str) -> bool {
    let (time, hash) = posted.0.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut wanted = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    wanted.update(format!("{time}.{}", posted.1).as_bytes());
    let wanted: Vec<String> =
        wanted.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    wanted.concat() == hash
}

#[tokio::test]
async fn events_are_posted_with_a_signature_to_those_who_subscribed() {
    let tailnet = Tailnet::new().await;
    let (url, mut posted) = endpoint(0).await;
    let webhook = hook(&tailnet, &url, &["nodeDeleted", "userSuspended"]).await;
    let secret = text(&webhook["secret"]);
    let device = tailnet.personal().await;
    let path = format!("/device/{}", id_of(&device));

    // Nobody has subscribed to this one.
    tailnet.post(&format!("{path}/authorized"), json!({ "authorized": false })).await.ok();
    tailnet.call("DELETE", &path, Value::Null).await.ok_and_empty();
    let deleted = next(&mut posted).await;
    let test = format!("/webhooks/{}/test", text(&webhook["endpointId"]));
    assert_eq!(tailnet.post(&test, Value::Null).await.status, 202);
    let tested = next(&mut posted).await;

    assert!(is_signed(&deleted, secret) && is_signed(&tested, secret));
    assert!(!is_signed(&deleted, "another"));
    let event_of = event(&deleted);
    assert_eq!((&event_of["type"], &event_of["version"]), (&json!("nodeDeleted"), &json!(1)));
    assert_eq!(event_of["data"]["nodeID"], device["nodeId"]);
    assert_eq!(event_of["tailnet"], "example.com");
    assert_eq!(event(&tested)["type"], "test");
    assert!(posted.try_recv().is_err());
}

#[tokio::test]
async fn a_category_has_all_its_events_and_a_refused_message_comes_again() {
    let tailnet = Tailnet::new().await;
    let (url, mut posted) = endpoint(1).await;
    hook(&tailnet, &url, &["categoryTailnetManagement"]).await;
    let device = tailnet.personal().await;

    tailnet
        .call("DELETE", &format!("/device/{}", id_of(&device)), Value::Null)
        .await
        .ok_and_empty();

    let (first, second) = (next(&mut posted).await, next(&mut posted).await);
    assert_eq!(event(&first)["type"], "nodeDeleted");
    assert_eq!(first, second, "the same message, with the same signature");
}

#[tokio::test]
async fn plain_http_is_for_this_machine_only() {
    let tailnet = Tailnet::new().await;
    for url in [
        "http://hooks.example.com/a",
        "http://127.0.0.1.example.com/",
        // The host of these is example.com: the rest is a user and a password.
        "http://localhost:80@example.com/",
        "http://127.0.0.1@example.com/",
        "ftp://localhost/",
    ] {
        let body = json!({ "endpointUrl": url, "subscriptions": ["nodeDeleted"] });
        assert_eq!(tailnet.post("/tailnet/-/webhooks", body).await.status, 400, "{url}");
    }
}
