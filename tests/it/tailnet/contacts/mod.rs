//! Whom Tailscale writes to.

use serde_json::json;

use crate::tailnet::resource::{Fixture, are_refused};

#[tokio::test]
async fn a_new_address_waits_to_be_verified_and_the_old_one_is_used_until_then() {
    let fixture = Fixture::new().await;
    let before = fixture.agent.call("get_contacts", json!({})).await;
    let change = json!({ "contact": "support", "email": "help@elsewhere.example" });
    let done = fixture.agent.call("update_contact", change).await;
    let after = fixture.agent.call("get_contacts", json!({})).await;

    assert_eq!(after["support"]["email"], "help@elsewhere.example");
    assert_eq!(after["support"]["needsVerification"], true);
    assert_eq!(after["support"]["fallbackEmail"], before["support"]["email"]);
    let was = before["support"]["email"].as_str().unwrap();
    assert!(done["notes"].to_string().contains(was), "{done}");
    assert_eq!((&after["account"], &after["security"]), (&before["account"], &before["security"]));
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let fixture = Fixture::new().await;
    let change = |contact: &str, email: &str| json!({ "contact": contact, "email": email });
    are_refused(
        &fixture,
        vec![
            ("update_contact", change("billing", "a@b.example"), "invalid_input", "contact"),
            ("update_contact", change("support", "nobody"), "invalid_input", "`email` is `nobody`"),
            (
                "resend_contact_verification",
                json!({ "contact": "account" }),
                "refused",
                "already verified",
            ),
        ],
    )
    .await;
}
