//! A compromised device, cut off and kept as evidence.

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    sandbox::{Fault as Answer, FaultKind, Sandbox},
    tailnet::devices::{Device, KeyState},
};

use crate::support::{
    changes::{is_there, own},
    edits::{agent, everything, session},
    fake_user::{Era, FakeUser, Says},
    proxy::{Fault, faulty},
    tailnet::{sandbox_of, settings},
};

/// A user's device that is approved, and whose key has not expired.
async fn device(tailnet: &Tailnet) -> Device {
    let now = jiff::Timestamp::now();
    let is_fit = |it: &Device| {
        it.is_authorized()
            && it.tags().is_empty()
            && matches!(it.key_state(now), KeyState::Until(_))
    };
    own(tailnet).await.into_iter().find(is_fit).unwrap()
}

/// Whether the device is approved, and whether its key has expired.
async fn state(tailnet: &Tailnet, device: &Device) -> (bool, bool) {
    let device = tailnet.devices().get(device.key()).await.unwrap();
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(1);
    (device.is_authorized(), matches!(device.key_state(soon), KeyState::Expired(_)))
}

/// The notes of a plan that is only shown.
async fn notes(tailnet: &Tailnet, device: &Device) -> String {
    let plan = json!({ "device": device.key(), "dry_run": true });
    agent(tailnet).await.call("quarantine_device", plan).await["notes"].to_string()
}

#[tokio::test]
async fn it_is_deauthorized_and_its_key_expires_after_one_question_and_it_stays() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let device = device(&tailnet).await;
    let session = FakeUser::who(Says::Yes).at(&tailnet, everything(), Era::Sessions).await;

    let done = session.done("quarantine_device", json!({ "device": device.key() })).await;

    let asked = session.asked();
    assert_eq!(asked.len(), 1);
    let name = device.short_name();
    assert!(asked[0].starts_with(&format!("Change device {name}")), "{}", asked[0]);
    assert!(asked[0].contains(&format!("Deauthorize device {name}")), "{}", asked[0]);
    assert!(asked[0].contains(&format!("Expire the key of device {name}")), "{}", asked[0]);
    assert_eq!(state(&tailnet, &device).await, (false, true), "{done}");
    assert!(is_there(&tailnet, &device).await);
    assert_eq!(done["applied"], true, "{done}");
    let list = session.done("list_changes", json!({})).await;
    assert_eq!(list["changes"][0]["resource"], format!("device {name}"), "{list}");
    let again = session.done("quarantine_device", json!({ "device": device.key() })).await;
    assert_eq!(again["applied"], false, "{again}");
}

#[tokio::test]
async fn a_key_that_does_not_expire_is_made_to() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let now = jiff::Timestamp::now();
    let is_fit = |it: &Device| it.is_authorized() && it.key_state(now) == KeyState::Unlimited;
    let device = own(&tailnet).await.into_iter().find(is_fit).unwrap();

    agent(&tailnet).await.call("quarantine_device", json!({ "device": device.key() })).await;

    assert_eq!(state(&tailnet, &device).await, (false, true));
}

/// If one step fails, the other is not undone: the device must not come back.
#[tokio::test]
async fn after_a_failure_what_was_done_stays_in_effect() {
    for (nth, then) in [(0, (true, true)), (1, (false, false))] {
        let (sandbox, direct) = sandbox_of(40).await;
        let device = device(&direct).await;
        let proxy = faulty(&sandbox.base_url(), nth, Fault::Refused).await;
        let agent = agent(&Tailnet::new(settings(&proxy))).await;

        let (report, _) = agent.ask("quarantine_device", json!({ "device": device.key() })).await;

        assert_eq!(report["failed"].as_array().map(Vec::len), Some(1), "{nth}: {report}");
        assert_eq!(report["failed"][0]["resource"], device.short_name(), "{report}");
        direct.forget_lists();
        assert_eq!(state(&direct, &device).await, then, "{nth}: {report}");
    }
}

#[tokio::test]
async fn an_answer_that_gets_lost_is_read_back() {
    for nth in 0..2 {
        let (sandbox, direct) = sandbox_of(40).await;
        let device = device(&direct).await;
        let proxy = faulty(&sandbox.base_url(), nth, Fault::AnswerLost).await;
        let agent = agent(&Tailnet::new(settings(&proxy))).await;

        let report = agent.call("quarantine_device", json!({ "device": device.key() })).await;

        assert!(report.get("failed").is_none() && report.get("unknown").is_none(), "{report}");
        direct.forget_lists();
        assert_eq!(state(&direct, &device).await, (false, true), "{nth}: {report}");
    }
}

#[tokio::test]
async fn the_deauthorizing_can_be_undone_and_the_expiry_not() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let device = device(&tailnet).await;
    let session = session(&tailnet).await;
    let done = session.done("quarantine_device", json!({ "device": device.key() })).await;

    session.done("undo_change", json!({ "change": done["change"] })).await;

    assert_eq!(state(&tailnet, &device).await, (true, true));
}

#[tokio::test]
async fn the_notes_say_what_it_could_reach_and_what_else_its_owner_has() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let devices = own(&tailnet).await;
    let user = device(&tailnet).await;
    let others = devices
        .iter()
        .filter(|it| it.tags().is_empty() && it.user == user.user && it.key() != user.key());
    let others: Vec<&Device> = others.collect();

    let of_user = notes(&tailnet, &user).await;

    assert!(of_user.contains("evidence"), "{of_user}");
    assert!(of_user.contains("the policy file lets it reach"), "{of_user}");
    assert!(of_user.contains("grants[") || of_user.contains("acls["), "{of_user}");
    assert!(of_user.contains(&format!("of its owner {}", user.user.clone().unwrap())), "{of_user}");
    for other in others {
        assert!(of_user.contains(other.short_name()), "{of_user}");
    }
    let is_ci = |it: &&Device| it.tags().contains(&"tag:ci".to_owned());
    let tagged = devices.iter().find(is_ci).unwrap();
    let of_tag = notes(&tailnet, tagged).await;
    assert!(of_tag.contains("other devices with tag:ci"), "{of_tag}");
    assert!(of_tag.contains("keys for its tags") && of_tag.contains("CI runners"), "{of_tag}");
    assert!(!of_tag.contains("tskey-"), "{of_tag}");
}

#[tokio::test]
async fn what_cannot_be_read_is_unknown_and_does_not_keep_the_device_in() {
    let (sandbox, tailnet) = sandbox_of(40).await;
    let user = device(&tailnet).await;
    let deny = |sandbox: &Sandbox, operation: &str| {
        sandbox.fail(Answer::new(FaultKind::Status { status: 403 }).on(operation));
    };
    for operation in ["getPolicyFile", "listTailnetKeys"] {
        deny(&sandbox, operation);
    }
    let agent = agent(&tailnet).await;

    let done = agent.call("quarantine_device", json!({ "device": user.key() })).await;

    let notes: Vec<&str> =
        done["notes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let has = |words: &str| notes.iter().any(|it| it.starts_with(words));
    assert!(has("what it could reach is unknown"), "{done}");
    assert!(has("keys of its owner are unknown"), "{done}");
    assert_eq!(state(&tailnet, &user).await, (false, true), "{done}");
}

#[tokio::test]
async fn a_device_of_others_and_the_start_of_a_name_are_refused() {
    let (sandbox, tailnet) = sandbox_of(40).await;
    let agent = agent(&tailnet).await;
    let list = tailnet.devices().list().await.unwrap();
    let shared = list.iter().find(|it| it.is_shared_in()).unwrap();
    let device = device(&tailnet).await;
    let start = &device.short_name()[..device.short_name().len() - 1];

    for named in [shared.key(), start] {
        let failure = agent.fail("quarantine_device", json!({ "device": named })).await;
        let kind = failure["kind"].as_str().unwrap();
        assert!(["refused", "ambiguous"].contains(&kind), "{failure}");
    }
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET"), "something was written");
}
