//! Tailnet settings.

use serde_json::json;
use tailsteward::{
    Tailnet,
    sandbox::{Options, Sandbox},
};

use crate::{
    support::{
        proxy::{Fault, faulty},
        tailnet::settings,
    },
    tailnet::resource::{Fixture, agent, are_refused},
};

#[tokio::test]
async fn what_the_credential_may_not_see_is_said_to_be_unknown() {
    let fixture = Fixture::new().await;
    let all = fixture.agent.call("get_tailnet_settings", json!({})).await;
    let narrow = fixture.with_scopes(&["feature_settings"]).await;
    let some = narrow.call("get_tailnet_settings", json!({})).await;

    assert_eq!(all["settings"].as_object().unwrap().len(), 11, "{all}");
    assert!(all.get("unknown").is_none(), "{all}");
    assert_eq!(all["settings"]["acls_external_link"], "", "no link is known to be none");
    let unknown = json!({
        "acls_external_link": "policy_file:read",
        "acls_externally_managed_on": "policy_file:read",
        "https_enabled": "networking_settings:read",
        "network_flow_logging_on": "logs:network:read",
    });
    assert_eq!(some["unknown"], unknown);
    assert!(some["settings"].get("https_enabled").is_none());
}

#[tokio::test]
async fn a_setting_that_is_refused_takes_the_others_back() {
    let fixture = Fixture::new().await;
    let before = fixture.agent.call("get_tailnet_settings", json!({})).await;
    let narrow = fixture.with_scopes(&["feature_settings", "networking_settings:read"]).await;
    let change = json!({ "devices_approval_on": false, "https_enabled": false });

    let failure = narrow.fail("update_tailnet_settings", change).await;

    assert_eq!(failure["kind"], "forbidden", "{failure}");
    assert!(failure["message"].as_str().unwrap().contains("rolled back"), "{failure}");
    assert!(failure["remedy"].as_str().unwrap().contains("`networking_settings`"), "{failure}");
    assert_eq!(fixture.agent.call("get_tailnet_settings", json!({})).await, before);
}

#[tokio::test]
async fn every_step_can_fail_and_leaves_nothing_behind() {
    let change = json!({
        "devices_approval_on": false, "devices_key_duration_days": 30, "https_enabled": false,
        "users_role_allowed_to_join_external_tailnets": "none",
    });
    let fixture = Fixture::new().await;
    let before = fixture.agent.call("get_tailnet_settings", json!({})).await;
    for nth in 0..4 {
        let proxy = faulty(&fixture.sandbox.base_url(), nth, Fault::Refused).await;
        let agent = agent(&Tailnet::new(settings(&proxy))).await;
        let failure = agent.fail("update_tailnet_settings", change.clone()).await;
        assert_eq!(
            fixture.agent.call("get_tailnet_settings", json!({})).await,
            before,
            "{failure}"
        );
    }
    let proxy = faulty(&fixture.sandbox.base_url(), 2, Fault::AnswerLost).await;
    let done =
        agent(&Tailnet::new(settings(&proxy))).await.call("update_tailnet_settings", change).await;
    assert_eq!(done["changes"].as_array().unwrap().len(), 4, "{done}");
}

#[tokio::test]
async fn what_is_not_seen_cannot_be_put_back_and_is_said_to_stay() {
    let fixture = Fixture::new().await;
    let narrow = fixture.with_scopes(&["feature_settings", "policy_file:read"]).await;
    let seen = json!({ "devices_approval_on": false, "dry_run": true });
    let unseen = json!({ "https_enabled": false, "dry_run": true });

    let seen = narrow.call("update_tailnet_settings", seen).await;
    let unseen = narrow.call("update_tailnet_settings", unseen).await;

    assert!(seen.get("cannot_be_undone").is_none(), "{seen}");
    assert_eq!(unseen["cannot_be_undone"], true, "{unseen}");
    assert!(unseen["warnings"].to_string().contains("cannot be read"), "{unseen}");
}

#[tokio::test]
async fn what_people_may_regret_is_said_before() {
    let fixture = Fixture::new().await;
    for (change, part) in [
        (json!({ "devices_approval_on": false }), "need no approval"),
        (json!({ "users_approval_on": false }), "need no approval"),
        (json!({ "acls_externally_managed_on": true }), "admin console"),
        (json!({ "devices_key_duration_days": 7 }), "sooner"),
        (json!({ "network_flow_logging_on": false }), "no longer logged"),
    ] {
        let mut dry = change.clone();
        dry["dry_run"] = json!(true);
        let shown = fixture.agent.call("update_tailnet_settings", dry).await;
        assert!(shown["warnings"].to_string().contains(part), "{change}: {shown}");
    }
}

#[tokio::test]
async fn a_link_comes_and_goes() {
    let fixture = Fixture::new().await;
    // No link is an empty one, which is no URL.
    let agent = fixture.beyond_the_document().await;
    let link = |text: &str| json!({ "acls_external_link": text });
    let now = async || {
        let all = agent.call("get_tailnet_settings", json!({})).await;
        all["settings"]["acls_external_link"].clone()
    };
    let set = agent.call("update_tailnet_settings", link("https://git.example/acl")).await;
    assert_eq!(now().await, "https://git.example/acl");
    agent.call("undo_change", json!({ "change": set["change"] })).await;
    assert_eq!(now().await, "");
    let same = agent.call("update_tailnet_settings", link("")).await;
    assert_eq!(same["unchanged"], true);
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let fixture = Fixture::new().await;
    are_refused(
        &fixture,
        vec![
            ("update_tailnet_settings", json!({}), "invalid_input", "nothing to change"),
            (
                "update_tailnet_settings",
                json!({ "devices_key_duration_days": 0 }),
                "invalid_input",
                "between 1 and 180",
            ),
            (
                "update_tailnet_settings",
                json!({ "devices_key_duration_days": 181 }),
                "invalid_input",
                "between 1 and 180",
            ),
            (
                "update_tailnet_settings",
                json!({ "acls_external_link": "git" }),
                "invalid_input",
                "https://",
            ),
            ("update_tailnet_settings", json!({ "https_on": true }), "invalid_input", "https_on"),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_the_plan_lacks_is_told_as_that() {
    let options = Options { free_plan: true, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let agent = agent(&Tailnet::new(settings(&sandbox.base_url()))).await;
    agent.call("update_tailnet_settings", json!({ "network_flow_logging_on": false })).await;

    let failure =
        agent.fail("update_tailnet_settings", json!({ "network_flow_logging_on": true })).await;

    assert_eq!(failure["kind"], "plan_limit", "{failure}");
}
