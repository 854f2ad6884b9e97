//! Posture integrations.

use super::*;

const ALL: &str = "/tailnet/-/posture/integrations";

fn falcon() -> Value {
    json!({"provider": "falcon", "cloudId": "us-1", "clientId": "me", "clientSecret": "s3cret"})
}

#[tokio::test]
async fn an_integration_is_made_once_for_a_provider() {
    let tailnet = Tailnet::new().await;
    let made = tailnet.post(ALL, falcon()).await.ok();
    assert_eq!((&made["provider"], &made["cloudId"]), (&json!("falcon"), &json!("us-1")));
    assert!(made.get("clientSecret").is_none());
    assert!(made["status"]["matchedCount"].as_u64().unwrap() > 0);
    assert_eq!(tailnet.get(ALL).await.ok()["integrations"], json!([made]));
    let again = tailnet.post(ALL, falcon()).await;
    again.refused(409, "an integration with \"falcon\" exists already");
    assert_eq!(tailnet.audit("&event=TAILNET.CREATE.POSTURE_INTEGRATION").await.len(), 1);
}

#[tokio::test]
async fn what_is_not_sent_stays() {
    let tailnet = Tailnet::new().await;
    let made = tailnet.post(ALL, falcon()).await.ok();
    let path = format!("/posture/integrations/{}", text(&made["id"]));
    let body = json!({"clientId": "other", "provider": "intune"});
    let changed = tailnet.call("PATCH", &path, body).await.ok();
    assert_eq!(
        (&changed["provider"], &changed["cloudId"], &changed["clientId"]),
        (&json!("falcon"), &json!("us-1"), &json!("other"))
    );
    assert_eq!(tailnet.get(&path).await.ok(), changed);
    tailnet.call("DELETE", &path, Value::Null).await.ok_and_empty();
    tailnet.get(&path).await.refused(404, "posture integration not found");
}

#[tokio::test]
async fn a_secret_and_a_known_provider_are_required() {
    let tailnet = Tailnet::new().await;
    tailnet.post(ALL, json!({"provider": "falcon"})).await.refused(400, "clientSecret is required");
    let unknown = tailnet.post(ALL, json!({"provider": "x", "clientSecret": "y"})).await;
    unknown.refused(400, "invalid provider \"x\"");
    assert_eq!(tailnet.get(ALL).await.ok(), json!({ "integrations": [] }));
}

#[tokio::test]
async fn without_identities_nothing_matches() {
    let tailnet = Tailnet::new().await;
    let off = json!({ "postureIdentityCollectionOn": false });
    tailnet.call("PATCH", "/tailnet/-/settings", off).await.ok();
    let made = tailnet.post(ALL, falcon()).await.ok();
    assert_eq!(made["status"]["matchedCount"], 0);
}
