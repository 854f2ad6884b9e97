//! Webhooks.

use serde_json::json;

use crate::tailnet::resource::{Fixture, are_refused};

const HOOK: &str = "https://hooks.example/a";

#[tokio::test]
async fn a_webhook_shows_its_secret_when_it_is_made_and_when_it_changes() {
    let fixture = Fixture::new().await;
    let new = json!({ "url": "https://hooks.example/b", "subscriptions": ["userCreated"], "provider": "slack" });
    let made = fixture.agent.call("create_webhook", new).await;
    let rotated =
        fixture.agent.call("rotate_webhook_secret", json!({ "webhook": made["id"] })).await;
    let shown = fixture.agent.call("get_webhook", json!({ "webhook": made["id"] })).await;

    let (first, second) = (&made["shown_once"]["secret"], &rotated["shown_once"]["secret"]);
    assert!(first.is_string() && second.is_string() && first != second);
    assert_eq!((&shown["providerType"], shown.get("secret")), (&json!("slack"), None));
}

#[tokio::test]
async fn the_events_of_a_webhook_are_replaced_and_come_back() {
    let fixture = Fixture::new().await;
    let events = async || {
        fixture.agent.call("get_webhook", json!({ "webhook": HOOK })).await["subscriptions"].clone()
    };
    let new = json!({ "webhook": HOOK, "subscriptions": ["policyUpdate", " policyUpdate", "nodeSigned"] });
    let done = fixture.agent.call("update_webhook", new.clone()).await;
    assert_eq!(events().await, json!(["policyUpdate", "nodeSigned"]));
    let same = fixture.agent.call("update_webhook", new).await;
    assert_eq!(same["unchanged"], true);
    fixture.agent.call("undo_change", json!({ "change": done["change"] })).await;
    assert_eq!(events().await, json!(["nodeCreated"]));
}

#[tokio::test]
async fn an_event_that_is_unknown_here_is_left_to_the_api() {
    let fixture = Fixture::new().await;
    let new = json!({ "webhook": HOOK, "subscriptions": ["nodeExploded"] });
    let mut dry = new.clone();
    dry["dry_run"] = json!(true);
    let shown = fixture.agent.call("update_webhook", dry).await;
    let failure = fixture.beyond_the_document().await.fail("update_webhook", new).await;

    assert!(
        shown["warnings"].to_string().contains("`nodeExploded` is not a known event"),
        "{shown}"
    );
    assert_eq!(failure["kind"], "rejected");
    assert!(failure["remedy"].as_str().unwrap().contains("nodeNeedsApproval"), "{failure}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let fixture = Fixture::new().await;
    let new = |url: &str, events: &[&str]| json!({ "url": url, "subscriptions": events });
    let unknown = json!({ "url": HOOK, "subscriptions": ["nodeCreated"], "provider": "irc" });
    are_refused(
        &fixture,
        vec![
            (
                "create_webhook",
                new("http://hooks.example", &["nodeCreated"]),
                "invalid_input",
                "https://",
            ),
            ("create_webhook", new("hooks", &["nodeCreated"]), "invalid_input", "`url`"),
            ("create_webhook", new(HOOK, &[]), "invalid_input", "nodeApproved"),
            ("create_webhook", unknown, "invalid_input", "provider"),
            (
                "update_webhook",
                json!({ "webhook": HOOK, "subscriptions": [] }),
                "invalid_input",
                "`subscriptions`",
            ),
            ("delete_webhook", json!({ "webhook": "zzz" }), "not_found", "no webhook"),
            ("test_webhook", json!({ "webhook": "" }), "invalid_input", "`webhook`"),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_unknown_webhook_is_answered_with_those_that_there_are() {
    let fixture = Fixture::new().await;
    let failure = fixture.agent.fail("get_webhook", json!({ "webhook": "zzz" })).await;
    assert!(failure["remedy"].as_str().unwrap().contains(HOOK), "{failure}");
    let new = json!({ "url": HOOK, "subscriptions": ["userCreated"] });
    fixture.agent.call("create_webhook", new).await;
    let twice = fixture.agent.fail("get_webhook", json!({ "webhook": HOOK })).await;
    assert_eq!(twice["kind"], "ambiguous", "{twice}");
}
