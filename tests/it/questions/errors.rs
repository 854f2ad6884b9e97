//! An error says what to do; whoever does that gets on.

use serde_json::{Value, json};
use tailsteward::catalogue;

use super::assistant;
use crate::support::{agent::Agent, tailnet::sandbox};

/// A call that fails, and the kind of its error.
const WRONG: &[(&str, &str, &str)] = &[
    ("get_device_status", r#"{"device": "nosuch"}"#, "not_found"),
    ("get_user", r#"{"user": "nobody@example.com"}"#, "not_found"),
    ("get_key", r#"{"key": "kNOSUCH"}"#, "not_found"),
    ("revoke_key", r#"{"key": "kNOSUCH"}"#, "not_found"),
    ("get_webhook", r#"{"webhook": "nosuch"}"#, "not_found"),
    ("services_get", r#"{"service": "svc:nosuch"}"#, "not_found"),
    ("get_oauth_app", r#"{"app": "nosuch"}"#, "not_found"),
    ("get_posture_integration", r#"{"integration": "nosuch"}"#, "not_found"),
    ("get_user_invite", r#"{"invite": "1"}"#, "not_found"),
    ("get_change", r#"{"change": 999}"#, "not_found"),
    ("undo_change", r#"{"change": 999}"#, "not_found"),
    ("delete_webhook", r#"{"webhook": "nosuch"}"#, "not_found"),
    ("update_device", r#"{"device": "nosuch", "name": "x"}"#, "not_found"),
    ("share_device", r#"{"device": "nosuch", "email": "a@example.org"}"#, "not_found"),
];

/// The tools that the remedy names in brackets.
fn named(remedy: &str) -> Vec<&'static str> {
    let words = remedy.split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
    words.filter_map(|it| catalogue::named(it).ok()).map(|it| it.name).collect()
}

#[tokio::test]
async fn the_tool_of_a_remedy_leads_on() {
    let (_sandbox, tailnet) = sandbox().await;
    let agent = assistant(&tailnet).await;
    let mut failures = Vec::new();
    for (tool, arguments, kind) in WRONG {
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        if let Err(why) = leads_on(&agent, tool, arguments, kind).await {
            failures.push(format!("{tool}: {why}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

async fn leads_on(
    agent: &Agent,
    tool: &'static str,
    arguments: Value,
    kind: &str,
) -> Result<(), String> {
    let (error, failed) = agent.ask(tool, arguments).await;
    if !failed || error["kind"] != *kind {
        return Err(format!("no {kind}: {error}"));
    }
    let remedy = error["remedy"].as_str().ok_or(format!("no remedy: {error}"))?;
    let tools = named(remedy);
    let first = tools.first().ok_or(format!("no tool in: {remedy}"))?;
    let (answer, failed) = agent.ask(first, json!({})).await;
    if failed { Err(format!("{first}: {answer}")) } else { Ok(()) }
}

/// Wrong arguments name the field and what would be right: with that, the call works.
#[tokio::test]
async fn a_wrong_argument_is_answered_with_one_that_works() {
    let (_sandbox, tailnet) = sandbox().await;
    let agent = assistant(&tailnet).await;
    for (tool, wrong, names, right) in [
        ("list_devices", json!({ "onlin": false }), "online", json!({ "online": false })),
        ("list_devices", json!({ "sort": "seen" }), "last_seen", json!({ "sort": "last_seen" })),
        ("list_users", json!({ "role": "boss" }), "admin", json!({ "role": "admin" })),
        ("list_devices", json!({ "limit": 5000 }), "500", json!({ "limit": 500 })),
        ("get_log_streaming", json!({ "log": "net" }), "network", json!({ "log": "network" })),
        ("monitor_bandwidth", json!({ "by": "device" }), "devices", json!({ "by": "devices" })),
    ] {
        let (error, failed) = agent.ask(tool, wrong.clone()).await;
        assert!(failed && error["kind"] == "invalid_input", "{tool} {wrong}: {error}");
        assert!(error.to_string().contains(names), "{tool} {wrong}: {error}");
        let (answer, failed) = agent.ask(tool, right).await;
        assert!(!failed, "{tool}: {answer}");
    }
}
