//! Shares: invitations to use one device.

use serde_json::{Value, json};
use tailsteward::wire::Secret;

use crate::administration::{Stage, are_refused};

#[tokio::test]
async fn a_share_has_what_was_asked_for_and_shows_its_link_once() {
    let stage = Stage::new().await;
    let share = json!({ "device": stage.device, "multi_use": true, "allow_exit_node": true });
    let done = stage.agent.call("share_device", share).await;
    let shown = stage.agent.call("get_device_invite", json!({ "invite": done["id"] })).await;

    assert!(done["shown_once"]["inviteUrl"].as_str().unwrap().starts_with("https://"), "{done}");
    assert!(done["warnings"].to_string().contains("1000 people"), "{done}");
    assert_eq!((&shown["multiUse"], &shown["allowExitNode"]), (&json!(true), &json!(true)));
    assert!(shown.get("inviteUrl").is_none());
}

#[tokio::test]
async fn a_share_that_is_accepted_brings_the_device_in() {
    let stage = Stage::new().await;
    let externals = async || {
        let page = stage.agent.call("list_devices", json!({ "external": true })).await;
        page["matching"].as_u64().unwrap()
    };
    let before = externals().await;

    let done = stage.agent.call("accept_device_invite", json!({ "invite": stage.link })).await;

    assert_eq!(externals().await, before + 1);
    assert!(done["notes"].to_string().contains("is shared into this tailnet now"), "{done}");
    assert!(done["id"].is_string() && !stage.has_secret(&done), "{done}");
    let again = stage.agent.fail("accept_device_invite", json!({ "invite": stage.link })).await;
    assert_eq!(again["kind"], "rejected", "{again}");
    assert!(!stage.has_secret(&again), "{again}");
}

#[tokio::test]
async fn a_link_is_in_no_plan_that_is_printed() {
    let stage = Stage::new().await;
    let link: Secret = stage.link.parse().unwrap();
    let plan = stage.tailnet.device_invites().plan_accept(&link).unwrap();
    let printed = format!("{plan:?} {:?}", plan.preview());
    assert!(!stage.has_secret(&Value::String(printed)), "{plan:?}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let stage = Stage::new().await;
    let external = stage.agent.call("list_devices", json!({ "external": true })).await;
    let external = &external["devices"][0]["name"];
    let bad = json!({ "device": stage.device, "email": "nobody" });
    are_refused(
        &stage,
        vec![
            ("share_device", bad, "invalid_input", "`email` is `nobody`"),
            ("share_device", json!({ "device": external }), "refused", "only shared into"),
            ("share_device", json!({ "device": "zzz" }), "not_found", "zzz"),
            ("delete_device_invite", json!({ "invite": " " }), "invalid_input", "`invite`"),
            ("delete_device_invite", json!({ "invite": "1" }), "not_found", ""),
            ("accept_device_invite", json!({}), "invalid_input", "`invite`"),
            ("accept_device_invite", json!({ "invite": "a b" }), "invalid_input", "`invite`"),
        ],
    )
    .await;
}
