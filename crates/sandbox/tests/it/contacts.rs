//! Contact preferences.

use super::*;

const ALL: &str = "/tailnet/-/contacts";

#[tokio::test]
async fn there_are_three_contacts() {
    let tailnet = Tailnet::new().await;
    let contacts = tailnet.get(ALL).await.ok();
    for kind in ["account", "support", "security"] {
        assert!(text(&contacts[kind]["email"]).contains('@'));
    }
    assert_eq!(contacts["security"]["needsVerification"], true);
}

#[tokio::test]
async fn a_new_address_waits_to_be_verified() {
    let tailnet = Tailnet::new().await;
    let path = format!("{ALL}/support");
    let old = tailnet.get(ALL).await.ok()["support"]["email"].clone();
    let resend = format!("{path}/resend-verification-email");
    tailnet.post(&resend, Value::Null).await.refused(400, "the contact is verified already");
    tailnet.call("PATCH", &path, json!({ "email": "a@b.example" })).await.ok_and_empty();
    tailnet.call("PATCH", &path, json!({ "email": "c@d.example" })).await.ok_and_empty();
    let support = tailnet.get(ALL).await.ok()["support"].clone();
    // The last verified address stays in use.
    let expected = json!({"email": "c@d.example", "fallbackEmail": old, "needsVerification": true});
    assert_eq!(support, expected);
    tailnet.post(&resend, Value::Null).await.ok_and_empty();
    assert_eq!(tailnet.audit("&event=TAILNET.UPDATE.SUPPORT_EMAIL").await.len(), 2);
}

#[tokio::test]
async fn a_bad_address_or_kind_is_refused() {
    let tailnet = Tailnet::new().await;
    let before = tailnet.get(ALL).await.ok();
    for email in [json!("nobody"), json!("a@b@c"), json!(null), json!(3)] {
        let answer =
            tailnet.call("PATCH", &format!("{ALL}/account"), json!({ "email": email })).await;
        assert_eq!(answer.status, 400, "{email}");
    }
    let body = json!({ "email": "a@b.example" });
    assert_eq!(tailnet.call("PATCH", &format!("{ALL}/other"), body).await.status, 404);
    assert_eq!(tailnet.get(ALL).await.ok(), before);
}
