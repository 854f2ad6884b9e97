//! What the entries of grants allow: each for itself, and only what is written.

use serde_json::{Value, json};

use super::{
    Served, Wanted,
    fake::{FakeDaemon, bob},
    named,
    wire::Wire,
};
use crate::support::tailnet::sandbox;

async fn granted(entries: Value) -> (FakeDaemon, Served, Wire) {
    let daemon = FakeDaemon::start();
    daemon.says(bob(entries));
    let served = Wanted::by(&daemon.socket).served().await;
    let wire = Wire::to(served.address.unwrap()).await;
    (daemon, served, wire)
}

#[tokio::test]
async fn entries_are_never_merged() {
    let (_daemon, _served, mut wire) = granted(json!([
        { "access": "danger", "toolsets": ["dns"] },
        { "toolsets": ["devices", "changes"] },
        { "access": "danger", "tools": ["update_acl_policy"], "tailnets": ["elsewhere"] },
    ]))
    .await;

    let tools = wire.tools().await;
    let arguments = json!({ "device": "web-01", "how": "remove" });
    let (failed, refused) = wire.call("revoke_device", arguments).await;
    let why = wire.answer("why_not", json!({ "tool": "revoke_device" })).await;
    let elsewhere = wire.answer("why_not", json!({ "tool": "update_acl_policy" })).await;
    let (policy, _) = wire.call("update_acl_policy", json!({ "policy": "{}" })).await;
    let allowed = wire.answer("why_not", json!({ "tool": "list_devices" })).await;

    assert!(tools.contains(&"list_devices".into()) && !tools.contains(&"revoke_device".into()));
    assert!(failed && refused["kind"] == "refused", "{refused}");
    assert!(refused["remedy"].as_str().unwrap().contains("why_not"), "{refused}");
    assert_eq!(
        why["missing"][0],
        "entry 2 of example.com/cap/tailsteward allows the tool with `read` access, but it needs `danger`"
    );
    assert_eq!(elsewhere["allowed"], false, "{elsewhere}");
    assert!(policy, "the entry is for another tailnet");
    assert_eq!(allowed, json!({ "tool": "list_devices", "needs": "read", "allowed": true }));
}

/// An undo does what another tool does, so it needs what that tool needs.
#[tokio::test]
async fn a_change_is_not_allowed_by_a_tool_that_does_the_same_on_a_detour() {
    let daemon = FakeDaemon::start();
    daemon.says(bob(json!([{ "access": "danger", "toolsets": ["*"] }])));
    let (_sandbox, tailnet) = sandbox().await;
    let served = Wanted::by(&daemon.socket).of(tailnet, |_| ()).await;
    let mut all = Wire::to(served.address.unwrap()).await;
    let arguments = json!({ "device": "web-01", "name": "web-one" });
    let changed = all.answer("update_device", arguments).await;
    assert_eq!(changed["applied"], true, "{changed}");
    daemon.says(bob(
        json!([{ "access": "danger", "toolsets": ["changes"] }, { "toolsets": ["devices"] }]),
    ));
    let mut undoing = Wire::to(served.address.unwrap()).await;

    let (failed, refused) =
        undoing.call("undo_change", json!({ "change": changed["change"] })).await;

    assert!(failed && refused["message"].as_str().unwrap().contains("update_device"), "{refused}");
}

#[tokio::test]
async fn one_malformed_entry_refuses_everything_and_is_named() {
    let good = json!({ "access": "danger", "toolsets": ["*"] });
    for (entry, words) in [
        (json!("read"), "not an object"),
        (json!({ "access": "admin", "toolsets": ["*"] }), "`access` is `admin`"),
        (json!({ "access": true, "toolsets": ["*"] }), "`access`: invalid type"),
        (json!({ "toolsets": "devices" }), "`toolsets`: invalid type"),
        (json!({ "toolsets": ["device"] }), "did you mean `devices`"),
        (json!({ "tools": ["list_device"] }), "did you mean `list_devices`"),
        (json!({ "toolsets": ["*"], "tailnets": null }), "`tailnets` is null"),
        (json!({ "toolsets": ["*"], "read_only": true }), "unknown field `read_only`"),
        (json!({ "toolsets": ["*"], "metrics": "yes" }), "`metrics`: invalid type"),
    ] {
        let (_daemon, _served, mut wire) = granted(json!([good, entry])).await;
        let heard = wire.ask("tools/list", json!({})).await;
        assert_eq!(heard.status, 403, "{entry}");
        let message = heard.message();
        assert!(message.contains("entry 2 of example.com/cap/tailsteward"), "{message}");
        assert!(message.contains(words), "{entry}: {message}");
    }
}

#[tokio::test]
async fn two_hundred_entries_are_fine_and_too_many_are_refused() {
    let one =
        json!({ "access": "change", "toolsets": ["devices", "dns"], "tools": ["get_acl_policy"] });
    let (_daemon, _served, mut wire) = granted(json!(vec![one.clone(); 200])).await;
    assert!(wire.tools().await.contains(&"get_acl_policy".into()));
    let (_daemon, _served, mut wire) = granted(json!(vec![one; 1001])).await;
    let heard = wire.ask("tools/list", json!({})).await;
    assert_eq!((heard.status, heard.message().contains("at most 1000")), (403, true));
}

#[tokio::test]
async fn resources_prompts_and_completions_follow_the_caller() {
    let (_daemon, _served, mut wire) = granted(json!([{ "toolsets": ["dns"] }])).await;

    let resources = wire.ask("resources/list", json!({})).await;
    let policy = wire.ask("resources/read", json!({ "uri": "tailnet://policy" })).await;
    let prompts = wire.ask("prompts/list", json!({})).await;
    let prompt = json!({ "name": "what_changed", "arguments": {} });
    let prompt = wire.ask("prompts/get", prompt).await;
    let reference = json!({ "type": "ref/resource", "uri": "tailnet://device/{device}" });
    let argument = json!({ "name": "device", "value": "web" });
    let params = json!({ "ref": reference, "argument": argument });
    let complete = wire.ask("completion/complete", params).await;

    assert!(!resources.text.contains("tailnet://devices"), "{}", resources.text);
    assert!(policy.json()["error"]["message"].as_str().unwrap().contains("unknown resource"));
    assert_eq!(prompts.json()["result"]["prompts"], json!([]), "{}", prompts.text);
    assert!(prompt.text.contains("unknown prompt"), "{}", prompt.text);
    assert_eq!(complete.json()["result"]["completion"]["values"], json!([]), "{}", complete.text);

    let (_daemon, _served, mut wire) =
        granted(json!([{ "toolsets": ["devices", "changes", "policy"] }])).await;
    let params = json!({ "ref": reference, "argument": argument });
    let complete = wire.ask("completion/complete", params).await;
    assert!(complete.text.contains("web-01"), "{}", complete.text);
    assert!(wire.ask("prompts/list", json!({})).await.text.contains("what_changed"));
}

#[tokio::test]
async fn an_entry_counts_only_for_the_tailnets_that_it_names() {
    let (_one, prod) = sandbox().await;
    let (_two, lab) = sandbox().await;
    let both = tailsteward::tailnet::Tailnets::new(vec![named("prod", &prod), named("lab", &lab)]);
    let daemon = FakeDaemon::start();
    daemon.says(bob(json!([
        { "access": "danger", "toolsets": ["devices"], "tailnets": ["lab"] },
        { "toolsets": ["devices"], "tailnets": ["prod"] },
        { "toolsets": ["policy"], "tailnets": ["lab"] },
    ])));
    let served = Wanted::by(&daemon.socket).of(both.unwrap(), |_| ()).await;
    let mut wire = Wire::to(served.address.unwrap()).await;
    let update = |tailnet: &str| json!({ "tailnet": tailnet, "device": "web-01", "name": "web-one", "dry_run": true });

    let (refused, why) = wire.call("update_device", update("prod")).await;
    let planned = wire.answer("update_device", update("lab")).await;
    let all = wire.answer("get_acl_policy", json!({ "tailnet": "all" })).await;
    let prod = wire.ask("resources/read", json!({ "uri": "tailnet://prod/policy" })).await;
    let lab = wire.ask("resources/read", json!({ "uri": "tailnet://lab/policy" })).await;

    assert!(refused && why["kind"] == "refused", "{why}");
    assert_eq!(planned["applied"], false, "{planned}");
    assert_eq!(all[0]["failed"]["kind"], "refused", "{all}");
    assert!(all[1]["answer"].is_object(), "{all}");
    assert!(prod.text.contains("unknown resource"), "{}", prod.text);
    assert!(lab.text.contains("grants"), "{}", lab.text);
}

#[tokio::test]
async fn metrics_need_an_entry_of_their_own() {
    let (_daemon, _served, mut wire) = granted(json!([{ "toolsets": ["*"] }])).await;
    assert_eq!(wire.send("GET", "/metrics", &[], String::new()).await.status, 403);
    let (_daemon, _served, mut wire) = granted(json!([{ "metrics": true }])).await;
    assert_eq!(wire.send("GET", "/metrics", &[], String::new()).await.status, 200);
    assert_eq!(wire.ask("tools/list", json!({})).await.status, 403);
}

#[tokio::test]
async fn an_entry_for_a_tailnet_that_is_not_managed_is_said_to_have_no_effect() {
    let (_daemon, _served, mut wire) = granted(json!([
        { "toolsets": ["devices"] },
        { "access": "danger", "toolsets": ["dns"], "tailnets": ["elsewhere"] },
    ]))
    .await;

    let who = wire.answer("whoami", json!({})).await;
    let why = wire.answer("why_not", json!({ "tool": "configure_dns" })).await;

    let expected =
        "entry 2 of example.com/cap/tailsteward is for elsewhere, but this server manages ";
    assert!(who["without_effect"][0].as_str().unwrap().starts_with(expected), "{who}");
    assert!(why["missing"].to_string().contains(expected), "{why}");
}
