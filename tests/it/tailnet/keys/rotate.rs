//! Replacing keys.

use serde_json::{Value, json};
use tailsteward::{Tailnet, sandbox::Sandbox};

use super::{auth, by_client, client, federated, ids, is_valid, key, made, properties, secret};
use crate::support::{
    edits::{agent, everything},
    fake_user::{Era, FakeUser, Says},
    proxy::{Fault, faulty},
    tailnet::{sandbox_of, settings},
};

/// The one id that is there and was not.
async fn new_one(sandbox: &Sandbox, before: &[String]) -> String {
    let mut new = ids(sandbox).await;
    new.retain(|it| !before.contains(it));
    assert_eq!(new.len(), 1, "{new:?}");
    new.remove(0)
}

/// Rotates a key at once, where the `nth` write gets into trouble: a sandbox, what was there, the
/// old key and the answer.
async fn in_trouble(nth: usize, trouble: Fault) -> (Sandbox, Vec<String>, String, Value) {
    let (sandbox, direct) = sandbox_of(20).await;
    let old = made(&agent(&direct).await, auth()).await;
    let before = ids(&sandbox).await;
    let proxy = faulty(&sandbox.base_url(), nth, trouble).await;
    let agent = agent(&Tailnet::new(settings(&proxy))).await;
    let (answer, _) = agent.ask("rotate_key", json!({ "key": old })).await;
    (sandbox, before, old, answer)
}

#[tokio::test]
async fn a_key_is_replaced_by_one_like_it_and_revoked() {
    for new in [auth(), client()] {
        let (sandbox, tailnet) = sandbox_of(20).await;
        let agent = agent(&tailnet).await;
        let old = made(&agent, new).await;
        let (before, was) = (ids(&sandbox).await, key(&sandbox, &old).await);

        let done = agent.call("rotate_key", json!({ "key": old })).await;

        let new = new_one(&sandbox, &before).await;
        assert!(secret(&done).contains(&new), "{done}");
        assert!(done["notes"].to_string().contains(&new), "{done}");
        assert!(done["warnings"].to_string().contains("needs the new secret"), "{done}");
        assert!(!is_valid(&sandbox, &old).await);
        assert_eq!(properties(key(&sandbox, &new).await), properties(was));
        let entry = agent.call("get_change", json!({ "change": done["change"] })).await;
        assert!(!entry.to_string().contains(&secret(&done)), "{entry}");
    }
}

#[tokio::test]
async fn with_a_grace_the_old_key_stays() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    let old = made(&agent, auth()).await;
    let before = ids(&sandbox).await;

    let done = agent.call("rotate_key", json!({ "key": old, "grace": "7d" })).await;

    let new = new_one(&sandbox, &before).await;
    assert!(secret(&done).contains(&new), "{done}");
    assert!(is_valid(&sandbox, &old).await);
    assert!(done["warnings"].to_string().contains("after the grace period"), "{done}");
    assert!(done.get("cannot_be_undone").is_none(), "{done}");
}

#[tokio::test]
async fn what_has_no_secret_to_make_anew_is_not_rotated() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    let vouched = made(&agent, federated()).await;
    let joins = made(&agent, auth()).await;
    let before = ids(&sandbox).await;
    for (wanted, kind, words) in [
        (json!({ "key": vouched }), "refused", "update it"),
        (json!({ "key": "ksandboxaccessCNTRL" }), "refused", "admin console"),
        (json!({ "key": joins, "grace": "soon" }), "invalid_input", "grace"),
        (json!({ "key": joins, "grace": "-7d" }), "invalid_input", "grace"),
        (json!({ "key": "kNobodyCNTRL" }), "not_found", "kNobodyCNTRL"),
    ] {
        let failure = agent.fail("rotate_key", wanted).await;
        let told = format!("{} {}", failure["message"], failure["remedy"]);
        assert!(failure["kind"] == kind && told.contains(words), "{failure}");
    }
    assert_eq!(ids(&sandbox).await, before);
}

#[tokio::test]
async fn the_credential_that_is_in_use_is_rotated_with_a_grace_only() {
    let (sandbox, _) = sandbox_of(20).await;
    let agent = by_client(&sandbox).await;
    let ours = Sandbox::OAUTH_CLIENT_ID;
    let before = ids(&sandbox).await;

    let failure = agent.fail("rotate_key", json!({ "key": ours })).await;
    let zero = agent.fail("rotate_key", json!({ "key": ours, "grace": "0d" })).await;
    let done = agent.call("rotate_key", json!({ "key": ours, "grace": "1d" })).await;

    for failure in [failure, zero] {
        assert_eq!(failure["kind"], "refused", "{failure}");
        assert!(failure["remedy"].as_str().unwrap().contains("grace"), "{failure}");
    }
    assert!(secret(&done).contains(&new_one(&sandbox, &before).await), "{done}");
    assert!(is_valid(&sandbox, ours).await);
}

#[tokio::test]
async fn a_dry_run_of_a_rotation_makes_and_revokes_nothing() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    let old = made(&agent, auth()).await;
    let before = ids(&sandbox).await;

    let plan = agent.call("rotate_key", json!({ "key": old, "dry_run": true })).await;

    assert_eq!((&plan["applied"], &plan["total"]), (&json!(false), &json!(2)), "{plan}");
    assert!(plan.get("shown_once").is_none(), "{plan}");
    assert_eq!(ids(&sandbox).await, before);
}

#[tokio::test]
async fn the_old_key_stays_when_the_new_one_is_refused() {
    let (sandbox, before, old, answer) = in_trouble(0, Fault::Refused).await;
    assert_eq!(ids(&sandbox).await, before, "{answer}");
    assert_eq!(answer["applied"], false, "{answer}");
    assert!(answer["failed"].to_string().contains("not today"), "{answer}");
    assert_eq!(answer["not_tried"], json!([old]), "{answer}");
    assert!(answer.get("shown_once").is_none(), "{answer}");
}

#[tokio::test]
async fn the_old_key_stays_when_nobody_knows_whether_there_is_a_new_one() {
    let (sandbox, before, old, answer) = in_trouble(0, Fault::AnswerLost).await;
    assert!(is_valid(&sandbox, &old).await, "{answer}");
    assert_eq!(answer["unknown"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!(answer["not_tried"], json!([old]), "{answer}");
    assert!(!answer.to_string().contains("tskey-"), "{answer}");
    new_one(&sandbox, &before).await;
}

#[tokio::test]
async fn the_new_key_is_there_with_its_secret_when_the_old_one_cannot_be_revoked() {
    let (sandbox, before, old, answer) = in_trouble(1, Fault::Refused).await;
    let new = new_one(&sandbox, &before).await;
    assert!(secret(&answer).contains(&new), "{answer}");
    assert!(is_valid(&sandbox, &old).await, "{answer}");
    assert_eq!(answer["applied"], true, "{answer}");
    assert_eq!(answer["failed"][0]["resource"], old, "{answer}");
    assert!(answer["failed"][0]["why"].as_str().unwrap().contains("not today"), "{answer}");
}

#[tokio::test]
async fn a_revocation_whose_answer_got_lost_counts() {
    let (sandbox, before, old, answer) = in_trouble(1, Fault::AnswerLost).await;
    let mut left = before.clone();
    left.retain(|it| *it != old);
    let new = new_one(&sandbox, &left).await;
    assert!(secret(&answer).contains(&new), "{answer}");
    assert!(!is_valid(&sandbox, &old).await, "{answer}");
    assert!(answer.get("failed").is_none() && answer.get("unknown").is_none(), "{answer}");
}

#[tokio::test]
async fn a_rotation_with_a_grace_that_is_rolled_back_leaves_the_old_key() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    let old = made(&agent, auth()).await;
    let before = ids(&sandbox).await;
    let done = agent.call("rotate_key", json!({ "key": old, "grace": "7d" })).await;

    let undone = agent.call("undo_change", json!({ "change": done["change"] })).await;

    assert_eq!(ids(&sandbox).await, before, "{undone}");
    assert!(!undone.to_string().contains("revoke_after"), "{undone}");
}

#[tokio::test]
async fn a_rotation_with_a_grace_is_what_was_confirmed_however_long_that_took() {
    for era in [Era::Sessions, Era::Stateless] {
        let (sandbox, tailnet) = sandbox_of(20).await;
        let old = made(&agent(&tailnet).await, auth()).await;
        let session = FakeUser::who(Says::Yes).at(&tailnet, everything(), era).await;

        let (done, _) = session.call("rotate_key", json!({ "key": old, "grace": "7d" })).await;

        assert_eq!(done["applied"], true, "{era:?}: {done}");
        assert_eq!(session.person.asked.lock().unwrap().len(), 1);
        assert!(is_valid(&sandbox, &old).await);
    }
}

#[tokio::test]
async fn a_rotation_is_not_rolled_back_where_that_leaves_no_key() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    for grace in [None, Some("7d")] {
        let old = made(&agent, auth()).await;
        let before = ids(&sandbox).await;
        let done = agent.call("rotate_key", json!({ "key": old, "grace": grace })).await;
        if grace.is_some() {
            agent.call("revoke_key", json!({ "key": old })).await;
        }
        let new = new_one(&sandbox, &before).await;

        let refusal = agent.fail("undo_change", json!({ "change": done["change"] })).await;

        assert_eq!(refusal["kind"], "refused", "{refusal}");
        assert!(is_valid(&sandbox, &new).await);
    }
}
