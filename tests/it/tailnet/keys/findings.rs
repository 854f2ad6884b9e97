//! Which keys are to be replaced.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    tailnet::keys::{
        Kind, NewKey,
        rotation::{Policy, Report},
    },
};

use super::{auth, client, is_valid, made, recording};
use crate::support::{Reply, Server, edits::agent, tailnet::sandbox_of};

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// What is found of a key: the problem, and what to do.
fn found(report: &Report, id: &str) -> Vec<(String, String)> {
    let of = report.findings.iter().filter(|it| it.key == id);
    of.map(|it| (it.problem.clone(), it.remedy.clone())).collect()
}

async fn checked(tailnet: &Tailnet, now: Timestamp) -> Report {
    tailnet.keys().check_rotation(&Policy::default(), now).await.unwrap()
}

/// A program that rotated a key of its own with a grace of a week: the old one, and the change.
async fn rotated(tailnet: &Tailnet) -> (String, i64) {
    let new = {
        let mut it = NewKey::default();
        it.kind = Kind::Auth;
        it
    };
    let plan = tailnet.keys().plan_create(&new).unwrap();
    let old = tailnet.apply(&plan).await.unwrap().id.unwrap();
    let plan = tailnet.keys().plan_rotate(&old, days(7)).await.unwrap();
    let change = tailnet.apply(&plan).await.unwrap().change.unwrap();
    (old, change)
}

#[tokio::test]
async fn a_key_whose_grace_is_over_is_found_until_it_is_revoked() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let tailnet = recording(&tailnet);
    let now = Timestamp::now();
    let (old, _) = rotated(&tailnet).await;

    let early = checked(&tailnet, now + days(6)).await;
    let due = checked(&tailnet, now + days(7) + SignedDuration::from_mins(1)).await;
    let plan = tailnet.keys().plan_delete(&old).await.unwrap();
    tailnet.apply(&plan).await.unwrap();
    let after = checked(&tailnet, now + days(8)).await;

    assert!(found(&early, &old).is_empty(), "{early:?}");
    let [(problem, remedy)] = found(&due, &old).try_into().unwrap();
    assert!(problem.contains("its grace period ended"), "{problem}");
    assert_eq!(remedy, format!("revoke {old}"));
    assert!(found(&after, &old).is_empty(), "{after:?}");
    assert!(!is_valid(&sandbox, &old).await);
}

#[tokio::test]
async fn a_rotation_that_was_rolled_back_is_not_due() {
    let (_sandbox, tailnet) = sandbox_of(20).await;
    let tailnet = recording(&tailnet);
    let now = Timestamp::now();
    let (old, change) = rotated(&tailnet).await;

    let plan = tailnet.changes().plan_undo(change).await.unwrap();
    tailnet.apply(&plan).await.unwrap();

    let report = checked(&tailnet, now + days(8)).await;
    assert!(found(&report, &old).is_empty(), "{report:?}");
}

#[tokio::test]
async fn a_grace_that_an_assistant_gave_is_found_by_its_tool() {
    let (_sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    let old = made(&agent, auth()).await;
    agent.call("rotate_key", json!({ "key": old, "grace": "1s" })).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;

    let report = agent.call("check_key_rotation", json!({})).await;

    let findings = report["findings"].as_array().unwrap();
    let due = findings.iter().find(|it| it["key"] == old).unwrap_or_else(|| panic!("{report}"));
    assert!(due["problem"].as_str().unwrap().contains("it was replaced"), "{due}");
    assert!(report.get("notes").is_none(), "{report}");
}

#[tokio::test]
async fn keys_that_are_too_old_are_found_by_the_policy_of_their_kind() {
    let (_sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    let trusts = made(&agent, client()).await;
    let joins = made(&agent, auth()).await;
    let now = Timestamp::now();

    let fresh = checked(&tailnet, now).await;
    let later = checked(&tailnet, now + days(366)).await;
    let lenient = Policy(BTreeMap::from([(Kind::Client, 400)]));
    let lenient = tailnet.keys().check_rotation(&lenient, now + days(366)).await.unwrap();
    let strict = agent.call("check_key_rotation", json!({ "api": 199, "auth": 19 })).await;

    assert!(found(&fresh, &trusts).is_empty() && found(&fresh, &joins).is_empty(), "{fresh:?}");
    let [(problem, remedy)] = found(&later, &trusts).try_into().unwrap();
    assert!(problem.contains("days old, more than 365"), "{problem}");
    assert_eq!(remedy, format!("rotate {trusts}"));
    assert!(found(&lenient, &trusts).is_empty(), "{lenient:?}");
    let findings = strict["findings"].as_array().unwrap();
    let of = |what: &str| findings.iter().filter(|it| it["description"] == what).count();
    assert_eq!(of("CI runners"), 1, "{strict}");
    assert!(of("Sandbox access key") >= 1, "{strict}");
    assert_eq!(strict["max_age_days"], json!({ "auth": 19, "client": 365, "api": 199 }));
}

/// What is found of `keys` at the end of 2026, where the users are one who is active and one who is
/// suspended.
async fn judged(keys: Value) -> Report {
    let users = json!({ "users": [
        { "id": "u1", "loginName": "a@example.com", "status": "active" },
        { "id": "u2", "loginName": "b@example.com", "status": "suspended" },
    ] });
    let keys = json!({ "keys": keys });
    let server = Server::start(move |seen| {
        Reply::json(if seen.path().ends_with("/keys") { &keys } else { &users })
    })
    .await;
    checked(&server.tailnet(), "2026-12-31T00:00:00Z".parse().unwrap()).await
}

#[tokio::test]
async fn keys_that_expired_or_never_do_or_lost_their_owner_are_found() {
    let key = |id: &str, kind: &str, expires: Value, user: &str| {
        json!({
            "id": id, "keyType": kind, "created": "2026-12-01T00:00:00Z", "expires": expires,
            "userId": user,
        })
    };
    let (future, past) = (json!("2027-01-31T00:00:00Z"), json!("2026-12-30T00:00:00Z"));
    let mut gone = key("kGone", "auth", past.clone(), "u2");
    gone["invalid"] = json!(true);

    let report = judged(json!([
        key("kGood", "auth", future.clone(), "u1"),
        key("kExpired", "auth", past, "u1"),
        key("kForever", "auth", Value::Null, "u1"),
        key("kToken", "api", Value::Null, "u1"),
        key("kClient", "client", Value::Null, ""),
        key("kSuspended", "auth", future.clone(), "u2"),
        key("kOrphan", "auth", future, "u9"),
        gone,
    ]))
    .await;

    assert_eq!(report.checked, 7);
    let all: Vec<(&str, &str)> =
        report.findings.iter().map(|it| (it.key.as_str(), it.problem.as_str())).collect();
    assert_eq!(
        all,
        [
            ("kExpired", "it has expired, but is still listed"),
            ("kForever", "it never expires"),
            ("kToken", "it never expires"),
            ("kSuspended", "its owner u2 is suspended"),
            ("kOrphan", "its owner u9 is not a user of this tailnet"),
        ]
    );
    let remedy = |id: &str| found(&report, id).remove(0).1;
    assert_eq!(remedy("kSuspended"), "revoke kSuspended");
    assert!(!remedy("kToken").starts_with("rotate_key"), "tokens are not rotated here");
}
