//! The tools for alerts: rules, what fires, acknowledgements, mutes, and that all of it can be undone.

use std::sync::Arc;

use serde_json::{Value, json};
use tailsteward::alerts::Setup;

use super::watch::Watch;
use crate::support::{agent::Agent, edits::everything};

async fn agent(watch: &Watch) -> Agent {
    Agent::with(&watch.tailnet, everything()).await
}

async fn firing(agent: &Agent) -> Value {
    agent.call("get_active_alerts", json!({ "limit": 100 })).await
}

#[tokio::test]
async fn alerts_are_acknowledged_muted_and_both_are_undone() {
    let rule =
        json!([{ "name": "silent", "when": "silent", "longer_than": "5m", "notify": ["chat"] }]);
    let mut watch = Watch::recent(20, &rule).await;
    watch.look_after(0).await;
    let agent = agent(&watch).await;
    let all = firing(&agent).await;
    let first = all["alerts"][0].clone();
    assert!(first["since"].as_str().unwrap().contains("ago"), "{first}");
    assert!(first["first_step"].as_str().unwrap().contains("get_device_history"), "{first}");

    let done =
        agent.call("acknowledge_alert", json!({ "alert": first["id"], "note": "on my way" })).await;
    let acknowledged = firing(&agent).await;
    let rows = acknowledged["alerts"].as_array().unwrap();
    let row = rows.iter().find(|it| it["id"] == first["id"]).unwrap();
    assert!(row["acknowledged"].as_str().unwrap().contains("on my way"), "{row}");
    assert_ne!(rows[0]["id"], first["id"], "what nobody takes care of comes first");
    agent.call("undo_change", json!({ "change": done["change"] })).await;
    let undone = firing(&agent).await;
    assert!(undone["alerts"].as_array().unwrap().iter().all(|it| it["acknowledged"].is_null()));

    let muted = agent
        .call("mute_alerts", json!({ "rule": "silent", "reason": "we move", "for": "2h" }))
        .await;
    let rows = firing(&agent).await;
    assert!(rows["alerts"][0]["muted"].as_str().unwrap().contains("we move"), "still listed");
    let rules = agent.call("list_alert_rules", json!({ "rule": "silent" })).await;
    assert_eq!(rules["mutes"][0]["reason"], "we move");
    assert_eq!(rules["rules"][0]["from"], "config");
    agent.call("undo_change", json!({ "change": muted["change"] })).await;
    assert!(firing(&agent).await["alerts"][0]["muted"].is_null());

    for (tool, wrong, field) in [
        ("acknowledge_alert", json!({ "alert": "nothing" }), "alert"),
        ("acknowledge_alert", json!({}), "alert"),
        ("mute_alerts", json!({ "reason": "x" }), "for"),
        ("mute_alerts", json!({ "reason": "x", "for": "91d" }), "for"),
        ("mute_alerts", json!({ "reason": "", "for": "1h" }), "reason"),
        ("mute_alerts", json!({ "reason": "x", "for": "1h", "rule": "none" }), "rule"),
        ("mute_alerts", json!({ "reason": "x", "for": "1h", "scope": { "sort": "name" } }), "sort"),
        ("mute_alerts", json!({ "end": "none" }), "end"),
        ("mute_alerts", json!({ "end": "none", "for": "1h" }), "for"),
    ] {
        let error = agent.fail(tool, wrong.clone()).await;
        assert!(error.to_string().contains(field), "{wrong}: {error}");
    }
}

#[tokio::test]
async fn a_rule_is_previewed_set_and_undone() {
    let mut watch = Watch::recent(20, &json!([])).await;
    for _ in 0..3 {
        watch.look_after(60).await;
    }
    let agent = agent(&watch).await;
    let rule = json!({ "name": "laptops", "when": "silent", "longer_than": "10m",
        "scope": { "tagged": false }, "notify": ["chat"] });
    let dry = agent.call("set_alert_rules", json!({ "rules": [rule], "dry_run": true })).await;
    let notes = dry["notes"].to_string();
    assert!(notes.contains("would fire now for"), "{notes}");
    let done = agent.call("set_alert_rules", json!({ "rules": [rule] })).await;
    watch.look_after(60).await;
    let fires = watch.active("laptops").len();
    assert!(fires > 0 && notes.contains(&format!("now for {fires}:")), "{fires}: {notes}");
    let rules = agent.call("list_alert_rules", json!({ "rule": "laptops" })).await;
    assert_eq!(rules["rules"][0]["from"], "set");

    // What a rule leaves out stays.
    agent
        .call("set_alert_rules", json!({ "rules": [{ "name": "laptops", "severity": "info" }] }))
        .await;
    let rules = agent.call("list_alert_rules", json!({ "rule": "laptops" })).await;
    assert_eq!(
        (&rules["rules"][0]["severity"], &rules["rules"][0]["longer_than"]),
        (&json!("info"), &json!("10m"))
    );
    agent.call("set_alert_rules", json!({ "remove": ["laptops"] })).await;
    watch.look_after(60).await;
    assert_eq!(watch.active("laptops"), []);
    let past = agent.call("get_alert_history", json!({ "rule": "laptops" })).await;
    assert_eq!(past["by_rule"]["laptops"], fires);
    assert!(past["alerts"][0]["why"].as_str().unwrap().contains("removed"), "{past}");
    let error = agent.fail("undo_change", json!({ "change": done["change"] })).await;
    assert!(error["message"].as_str().unwrap().contains("none of its effects remain"), "{error}");
}

#[tokio::test]
async fn a_rule_that_cannot_be_is_refused_with_what_would_be_right() {
    let watch = Watch::recent(5, &json!([])).await;
    let agent = agent(&watch).await;
    for (rule, words) in [
        (json!({ "name": "Bad Name", "when": "silent", "longer_than": "1h" }), "name"),
        (json!({ "name": "x" }), "when"),
        (json!({ "name": "x", "when": "silent" }), "longer_than"),
        (
            json!({ "name": "x", "when": "silent", "longer_than": "1h", "times": 3 }),
            "takes longer_than",
        ),
        (json!({ "name": "x", "when": "cloned", "minors": 3 }), "takes no parameters"),
        (json!({ "name": "x", "when": "silent", "longer_than": "soon" }), "longer_than"),
        (
            json!({ "name": "x", "when": "event", "events": ["A.B"], "scope": { "os": "linux" } }),
            "scope",
        ),
        (json!({ "name": "x", "when": "cloned", "scope": { "oss": "linux" } }), "oss"),
        (json!({ "name": "x", "when": "cloned", "notify": ["nobody"] }), "chat"),
        (json!({ "name": "x", "when": "cloned", "repeat": "1s" }), "repeat"),
        (json!({ "name": "x", "when": "finding", "check": "Z9" }), "Z9"),
        (json!({ "name": "x", "when": "many_offline", "percent": 200, "within": "5m" }), "percent"),
        (
            json!({ "name": "x", "when": "credential_expires", "within": "5d", "kinds": ["ssh"] }),
            "kinds",
        ),
        (json!({ "name": "x", "when": "event", "events": ["A.B.C.D"] }), "A.B.C.D"),
        (
            json!({ "name": "x", "when": "setting_is", "setting": "tags", "value": "true" }),
            "devicesApprovalOn",
        ),
        (json!({ "name": "x", "when": "nothing" }), "when"),
        (json!({ "name": "x", "when": "cloned", "url": "https://example.com" }), "url"),
    ] {
        let error = agent.fail("set_alert_rules", json!({ "rules": [rule] })).await.to_string();
        assert!(error.contains(words), "{rule}: {error}");
    }
    let error = agent.fail("set_alert_rules", json!({ "remove": ["router-offline"] })).await;
    assert!(error.to_string().contains("on: false"), "{error}");
    let error = agent.fail("set_alert_rules", json!({})).await;
    assert!(error.to_string().contains("rules"), "{error}");
}

#[tokio::test]
async fn where_nobody_watches_one_look_tells_what_fires() {
    let mut watch = Watch::recent(40, &json!([])).await;
    watch.tailnet = watch.tailnet.with_alert_setup(Arc::new(Setup::default()));
    // The poller of this test has a history, but nobody ever looked.
    let agent = agent(&watch).await;
    let found = firing(&agent).await;
    assert!(found["notes"].to_string().contains("no watcher is running"), "{found}");
    assert!(!found["alerts"].as_array().unwrap().is_empty(), "{found}");
    let rules = agent.call("list_alert_rules", json!({})).await;
    let built_in = rules["rules"].as_array().unwrap();
    assert_eq!(built_in.len(), 15);
    assert!(built_in.iter().all(|it| it["from"] == "built_in" && it.get("notify").is_none()));
}
