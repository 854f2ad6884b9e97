//! Shares: invitations to use one device.

use serde_json::{Value, json};
use tailsteward::{
    change::store::{Place, Store},
    wire::Secret,
};

use crate::tailnet::resource::{Fixture, are_refused};

#[tokio::test]
async fn a_share_has_what_was_asked_for_and_shows_its_link_once() {
    let fixture = Fixture::new().await;
    let share = json!({ "device": fixture.device, "multi_use": true, "allow_exit_node": true });
    let done = fixture.agent.call("share_device", share).await;
    let shown = fixture.agent.call("get_device_invite", json!({ "invite": done["id"] })).await;

    assert!(done["shown_once"]["inviteUrl"].as_str().unwrap().starts_with("https://"), "{done}");
    assert!(done["warnings"].to_string().contains("1000 people"), "{done}");
    assert_eq!((&shown["multiUse"], &shown["allowExitNode"]), (&json!(true), &json!(true)));
    assert!(shown.get("inviteUrl").is_none());
}

#[tokio::test]
async fn a_share_that_is_accepted_brings_the_device_in() {
    let fixture = Fixture::new().await;
    let externals = async || {
        let page = fixture.agent.call("list_devices", json!({ "external": true })).await;
        page["matching"].as_u64().unwrap()
    };
    let before = externals().await;

    let done = fixture.agent.call("accept_device_invite", json!({ "invite": fixture.link })).await;

    assert_eq!(externals().await, before + 1);
    assert!(done["notes"].to_string().contains("is now shared into this tailnet"), "{done}");
    assert!(done["id"].is_string() && !fixture.has_secret(&done), "{done}");
    let again = fixture.agent.fail("accept_device_invite", json!({ "invite": fixture.link })).await;
    assert_eq!(again["kind"], "rejected", "{again}");
    assert!(!fixture.has_secret(&again), "{again}");
}

#[tokio::test]
async fn a_link_is_in_no_plan_that_is_printed() {
    let fixture = Fixture::new().await;
    let link: Secret = fixture.link.parse().unwrap();
    let plan = fixture.tailnet.device_invites().plan_accept(&link).unwrap();
    let printed = format!("{plan:?} {:?}", plan.preview());
    assert!(!fixture.has_secret(&Value::String(printed)), "{plan:?}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let fixture = Fixture::new().await;
    let external = fixture.agent.call("list_devices", json!({ "external": true })).await;
    let external = &external["devices"][0]["name"];
    let bad = json!({ "device": fixture.device, "email": "nobody" });
    are_refused(
        &fixture,
        vec![
            ("share_device", bad, "invalid_input", "`email` is `nobody`"),
            ("share_device", json!({ "device": external }), "refused", "is a shared-in device"),
            ("share_device", json!({ "device": "zzz" }), "not_found", "zzz"),
            ("delete_device_invite", json!({ "invite": " " }), "invalid_input", "`invite`"),
            ("delete_device_invite", json!({ "invite": "1" }), "not_found", ""),
            ("accept_device_invite", json!({}), "invalid_input", "`invite`"),
            ("accept_device_invite", json!({ "invite": "a b" }), "invalid_input", "`invite`"),
        ],
    )
    .await;
}

// M5: a call by name wrote the link, which is a secret, into audit and journal.
#[tokio::test]
async fn a_link_that_is_accepted_by_name_is_recorded_nowhere() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut setup = crate::support::edits::everything();
    setup.yes = true;
    setup.store = std::sync::Arc::new(Store::new(Place::File(path.clone())));
    let store = std::sync::Arc::clone(&setup.store);
    let agent = crate::support::agent::Agent::with(fixture.tailnet.clone(), setup).await;
    let body = json!({ "invite": fixture.link });

    let call = json!({ "operation": "acceptDeviceInvite", "parameters": { "body": body } });
    let done = agent.call("call_api_operation", call).await;
    let shown = agent.call("get_change", json!({ "change": done["change"] })).await;
    store.flush().await;

    assert!(!fixture.has_secret(&done) && !fixture.has_secret(&shown), "{done} {shown}");
    let code = fixture.link.rsplit('/').next().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(code));
    }
}
