//! OAuth apps.

use super::*;

const ALL: &str = "/tailnet/-/oauth-apps";

fn wanted() -> Value {
    json!({
        "name": "my-app",
        "redirectURIs": ["https://app.example/callback", "http://localhost:8080/"],
        "scopes": ["auth_keys:create", "devices:core:read"],
    })
}

#[tokio::test]
async fn the_secret_is_shown_once() {
    let tailnet = Tailnet::new().await;
    let made = tailnet.post(ALL, wanted()).await.ok();
    assert!(text(&made["clientSecret"]).starts_with("tskey-client-"));
    let path = format!("{ALL}/{}", text(&made["id"]));
    let read = tailnet.get(&path).await.ok();
    assert!(read.get("clientSecret").is_none());
    assert_eq!(tailnet.get(ALL).await.ok(), json!({ "oauthApps": [read] }));
}

#[tokio::test]
async fn it_is_replaced_and_deleted() {
    let tailnet = Tailnet::new().await;
    let made = tailnet.post(ALL, wanted()).await.ok();
    let path = format!("{ALL}/{}", text(&made["id"]));
    let mut body = wanted();
    body["description"] = json!("Two");
    let changed = tailnet.call("PUT", &path, body).await.ok();
    assert_eq!((&changed["description"], &changed["id"]), (&json!("Two"), &made["id"]));
    assert!(changed.get("clientSecret").is_none());
    assert_eq!(tailnet.call("PUT", &path, wanted()).await.ok()["description"], "");
    tailnet.call("DELETE", &path, Value::Null).await.ok_and_empty();
    tailnet.get(&path).await.refused(404, "OAuth app not found");
}

#[tokio::test]
async fn a_bad_one_is_refused() {
    let tailnet = Tailnet::new().await;
    for (field, value) in [
        ("name", json!("ab")),
        ("name", json!("no spaces")),
        ("description", json!("x".repeat(301))),
        ("redirectURIs", json!([])),
        ("redirectURIs", json!(["http://app.example/"])),
        ("redirectURIs", json!(["https://192.0.2.1/"])),
        ("scopes", json!([])),
        ("scopes", json!(["everything"])),
        ("allowedNodeAttributes", json!(["node:os"])),
    ] {
        let mut body = wanted();
        body[field] = value.clone();
        assert_eq!(tailnet.post(ALL, body).await.status, 400, "{field} {value}");
    }
    assert_eq!(tailnet.get(ALL).await.ok(), json!({ "oauthApps": [] }));
}

#[tokio::test]
async fn attributes_need_their_own_scope() {
    let tailnet = Tailnet::new().await;
    tailnet.sandbox.add_api_key("tskey-api-apps", &["oauth_apps"]);
    let mut body = wanted();
    body["allowedNodeAttributes"] = json!(["custom:tier"]);
    assert_eq!(tailnet.call_as("tskey-api-apps", "POST", ALL, body.clone()).await.status, 403);
    tailnet.post(ALL, body).await.ok();
}
