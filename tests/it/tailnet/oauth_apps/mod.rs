//! OAuth apps.

use serde_json::json;

use crate::tailnet::resource::{Fixture, are_refused};

#[tokio::test]
async fn what_is_not_said_of_an_app_stays() {
    let fixture = Fixture::new().await;
    let get = async || fixture.agent.call("get_oauth_app", json!({ "app": "portal" })).await;
    let before = get().await;
    let described = json!({ "app": "portal", "description": "for all" });
    fixture.agent.call("update_oauth_app", described).await;
    assert_eq!(get().await["description"], "for all");
    let cleared = json!({ "app": "portal", "description": "", "scopes": ["dns:read"] });
    let done = fixture.agent.call("update_oauth_app", cleared).await;
    let after = get().await;

    assert_eq!(after["redirectURIs"], before["redirectURIs"]);
    assert_eq!((after.get("description"), &after["scopes"]), (None, &json!(["dns:read"])));
    fixture.agent.call("undo_change", json!({ "change": done["change"] })).await;
    let back = get().await;
    assert_eq!((&back["description"], &back["scopes"]), (&json!("for all"), &before["scopes"]));
}

#[tokio::test]
async fn a_wide_scope_is_warned_of() {
    let fixture = Fixture::new().await;
    let new = json!({
        "name": "wide", "redirect_uris": ["https://a.example"], "scopes": ["all"], "dry_run": true,
    });
    let shown = fixture.agent.call("create_oauth_app", new).await;
    assert!(shown["warnings"].to_string().contains("covers everything"), "{shown}");
}

#[tokio::test]
async fn where_there_are_no_apps_it_is_said_that_they_are_alpha() {
    let fixture = Fixture::new().await;
    let narrow = fixture.with_scopes(&["dns:read"]).await;
    let failure = narrow.fail("list_oauth_apps", json!({})).await;
    assert!(failure["remedy"].as_str().unwrap().contains("alpha"), "{failure}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let fixture = Fixture::new().await;
    let new = |name: &str, uri: &str| {
        (
            "create_oauth_app",
            json!({ "name": name, "redirect_uris": [uri], "scopes": ["dns:read"] }),
        )
    };
    let good = "https://a.example/back";
    let long = "x".repeat(301);
    let mut refusals = Vec::new();
    for ((tool, arguments), part) in [
        (new("ab", good), "`name`"),
        (new("with space", good), "`name`"),
        (new("ünter", good), "`name`"),
        (new("fine", "http://a.example"), "`redirect_uris`"),
        (new("fine", "https://10.0.0.1/"), "`redirect_uris`"),
        (new("fine", "nowhere"), "`redirect_uris`"),
        (
            (
                "create_oauth_app",
                json!({ "name": "fine", "redirect_uris": [], "scopes": ["dns:read"] }),
            ),
            "`redirect_uris`",
        ),
        (
            ("create_oauth_app", json!({ "name": "fine", "redirect_uris": [good], "scopes": [] })),
            "`scopes`",
        ),
        (("update_oauth_app", json!({ "app": "portal" })), "nothing to change"),
        (("update_oauth_app", json!({ "app": "portal", "description": long })), "`description`"),
        (("update_oauth_app", json!({ "app": "portal", "node_attributes": ["os"] })), "`custom:`"),
    ] {
        refusals.push((tool, arguments, "invalid_input", part));
    }
    refusals.push(("delete_oauth_app", json!({ "app": "zzz" }), "not_found", "zzz"));
    are_refused(&fixture, refusals).await;
}
