//! Failures that somebody accepts: for a time, with a reason, and undoable.

use serde_json::{Value, json};
use tailsteward::{Tailnet, history::History};

use crate::support::{agent::Agent, edits::everything, tailnet::sandbox_of};

async fn agent_of(tailnet: &Tailnet) -> Agent {
    Agent::with(tailnet.clone(), everything()).await
}

fn of<'a>(audit: &'a Value, check: &str) -> Option<&'a Value> {
    audit["checks"].as_array().unwrap().iter().find(|it| it["id"] == check)
}

/// A check that fails in the sandbox, with the count of what fails.
async fn failing(agent: &Agent) -> (String, u64) {
    let audit = agent.call("device_audit", json!({ "limit": 100 })).await;
    let checks = audit["checks"].as_array().unwrap();
    let fails = checks.iter().find(|it| it["result"] == "fail" && it["count"].as_u64() > Some(1));
    let fails = fails.unwrap();
    (fails["id"].as_str().unwrap().to_owned(), fails["count"].as_u64().unwrap())
}

#[tokio::test]
async fn what_is_accepted_does_not_fail_until_it_is_undone() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let agent = agent_of(&tailnet.with_history(History::in_memory())).await;
    let (check, count) = failing(&agent).await;
    let arguments = json!({ "check": check, "reason": "known, see ticket 7", "for": "90d" });

    let plan = agent.call("accept_finding", with(&arguments, "dry_run", json!(true))).await;
    assert!(plan.to_string().contains("ticket 7"), "{plan}");
    let audit = agent.call("device_audit", json!({ "checks": [check] })).await;
    assert_eq!(of(&audit, &check).unwrap()["result"], "fail", "a dry run changes nothing");

    let done = agent.call("accept_finding", arguments).await;
    let audit = agent.call("device_audit", json!({ "checks": [check] })).await;
    let row = of(&audit, &check).unwrap();
    assert_eq!(row["result"], "accepted", "{audit}");
    assert!(row["accepted"].to_string().contains("ticket 7"), "{row}");

    agent.call("undo_change", json!({ "change": done["change"] })).await;
    let audit = agent.call("device_audit", json!({ "checks": [check] })).await;
    let row = of(&audit, &check).unwrap();
    assert_eq!((&row["result"], row["count"].as_u64()), (&json!("fail"), Some(count)), "{row}");
}

#[tokio::test]
async fn one_of_several_can_be_accepted() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let agent = agent_of(&tailnet.with_history(History::in_memory())).await;
    let (check, count) = failing(&agent).await;
    let audit = agent.call("device_audit", json!({ "checks": [check] })).await;
    let first = of(&audit, &check).unwrap()["subjects"][0].as_str().unwrap();
    let subject = first.split(": ").next().unwrap();

    let arguments = json!({ "check": check, "subject": subject, "reason": "it is", "for": "30d" });
    agent.call("accept_finding", arguments).await;

    let audit = agent.call("device_audit", json!({ "checks": [check] })).await;
    let row = of(&audit, &check).unwrap();
    assert_eq!((&row["result"], row["count"].as_u64()), (&json!("fail"), Some(count - 1)), "{row}");
    assert_eq!(row["accepted"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_accepted_says_why() {
    let (_sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent_of(&tailnet.with_history(History::in_memory())).await;
    for (field, arguments) in [
        ("check", json!({ "check": "Z9", "reason": "r", "for": "1d" })),
        ("reason", json!({ "check": "D3", "reason": " ", "for": "1d" })),
        ("until", json!({ "check": "D3", "reason": "r", "for": "900d" })),
        ("for", json!({ "check": "D3", "reason": "r", "for": "soon" })),
    ] {
        let error = agent.fail("accept_finding", arguments).await;
        assert!(error["message"].as_str().unwrap().contains(field), "{error}");
    }
    let without = agent_of(&tailnet).await;
    let arguments = json!({ "check": "D3", "reason": "r", "for": "1d" });
    let error = without.fail("accept_finding", arguments).await;
    assert_eq!(error["kind"], "history", "{error}");
    assert!(error["remedy"].as_str().unwrap().contains("--history"), "{error}");
}

#[tokio::test]
async fn the_last_score_is_in_the_network_status() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent_of(&tailnet.with_history(History::in_memory())).await;
    assert!(agent.call("get_network_status", json!({})).await["score"].is_null());
    let audit = agent.call("device_audit", json!({})).await;
    tailnet.forget_lists();
    let before = sandbox.requests().len();
    let status = agent.call("get_network_status", json!({})).await;
    let score = status["score"].as_str().unwrap();
    assert!(
        score.starts_with(audit["score"].as_str().unwrap()) && score.contains("ago"),
        "{score}"
    );
    assert!(sandbox.requests().len() - before <= 3, "still three requests");
    // An audit of some devices is no score of all.
    agent.call("device_audit", json!({ "os": "linux" })).await;
    assert_eq!(
        agent.call("get_network_status", json!({})).await["score"].as_str().unwrap()[..9],
        score[..9]
    );
}

fn with(arguments: &Value, name: &str, value: Value) -> Value {
    let mut all = arguments.clone();
    all[name] = value;
    all
}
