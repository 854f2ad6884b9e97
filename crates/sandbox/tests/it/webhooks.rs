//! Webhooks.

use super::*;

const ALL: &str = "/tailnet/-/webhooks";

async fn made(tailnet: &Tailnet) -> Value {
    let body = json!({
        "endpointUrl": "https://hooks.example/a", "providerType": "",
        "subscriptions": ["nodeCreated", "nodeCreated", "categoryTailnetManagement"],
    });
    tailnet.post(ALL, body).await.ok()
}

#[tokio::test]
async fn the_secret_is_shown_when_it_is_made_and_when_it_is_rotated() {
    let tailnet = Tailnet::new().await;
    let hook = made(&tailnet).await;
    let path = format!("/webhooks/{}", text(&hook["endpointId"]));
    assert_eq!(hook["subscriptions"], json!(["nodeCreated", "categoryTailnetManagement"]));
    assert!(text(&hook["creatorLoginName"]).ends_with("@example.com"));
    assert!(tailnet.get(&path).await.ok().get("secret").is_none());
    assert!(tailnet.get(ALL).await.ok()["webhooks"][0].get("secret").is_none());
    let rotated = tailnet.post(&format!("{path}/rotate"), Value::Null).await.ok();
    assert_ne!(rotated["secret"], hook["secret"]);
    assert_eq!(tailnet.audit("&event=WEBHOOK_ENDPOINT.CREATE").await.len(), 1);
    let events = tailnet.audit("&event=WEBHOOK_ENDPOINT.UPDATE.SECRET").await;
    assert!(!events[0].to_string().contains(text(&rotated["secret"])));
}

#[tokio::test]
async fn only_the_subscriptions_change() {
    let tailnet = Tailnet::new().await;
    let path = format!("/webhooks/{}", text(&made(&tailnet).await["endpointId"]));
    tailnet.sandbox.advance(Duration::from_mins(1));
    let body = json!({"subscriptions": ["policyUpdate"], "endpointUrl": "https://other.example"});
    let changed = tailnet.call("PATCH", &path, body).await.ok();
    assert_eq!(changed["subscriptions"], json!(["policyUpdate"]));
    assert_eq!(changed["endpointUrl"], "https://hooks.example/a");
    assert_ne!(changed["lastModified"], changed["created"]);
    assert_eq!(tailnet.get(&path).await.ok(), changed);
    let refused = tailnet.call("PATCH", &path, json!({"subscriptions": ["nope"]})).await;
    refused.refused(400, "invalid subscription \"nope\"");
    assert_eq!(tailnet.get(&path).await.ok(), changed);
}

#[tokio::test]
async fn a_test_is_taken_note_of_and_a_deleted_one_is_gone() {
    let tailnet = Tailnet::new().await;
    let path = format!("/webhooks/{}", text(&made(&tailnet).await["endpointId"]));
    let test = tailnet.post(&format!("{path}/test"), Value::Null).await;
    assert_eq!((test.status, test.text.as_str()), (202, ""));
    tailnet.call("DELETE", &path, Value::Null).await.ok_and_empty();
    for (method, path) in
        [("GET", path.clone()), ("DELETE", path.clone()), ("POST", path + "/test")]
    {
        tailnet.call(method, &path, Value::Null).await.refused(404, "webhook not found");
    }
    assert_eq!(tailnet.get(ALL).await.ok(), json!({ "webhooks": [] }));
}

#[tokio::test]
async fn a_bad_one_is_refused() {
    let tailnet = Tailnet::new().await;
    for body in [
        json!({"endpointUrl": "http://plain.example", "subscriptions": ["nodeCreated"]}),
        json!({"endpointUrl": "https://a.example", "subscriptions": []}),
        json!({"endpointUrl": "https://a.example"}),
        json!({"endpointUrl": "https://a.example", "providerType": "icq", "subscriptions": ["nodeCreated"]}),
    ] {
        assert_eq!(tailnet.post(ALL, body).await.status, 400);
    }
    assert_eq!(tailnet.get(ALL).await.ok(), json!({ "webhooks": [] }));
}
