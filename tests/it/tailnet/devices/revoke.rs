//! Several devices deauthorized or removed with one change.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tailsteward::{Tailnet, tailnet::devices::Device};

use crate::support::{
    changes::{is_there, own, setup},
    edits,
    fake_user::{Era, FakeUser, Says},
    proxy::{Fault, faulty, proxied},
    tailnet::{sandbox, settings},
};

/// Devices that were not seen for 20 days.
async fn silent(tailnet: &Tailnet) -> Vec<Device> {
    let agent = edits::agent(tailnet).await;
    let filters = json!({ "silent_for": "20d", "fields": ["nodeId"], "limit": 500 });
    let page = agent.call("list_devices", filters).await;
    let ids: BTreeSet<&str> = page["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["nodeId"].as_str().unwrap())
        .collect();
    own(tailnet).await.into_iter().filter(|it| ids.contains(it.key())).collect()
}

// first-use 9: four devices took five calls and four questions.
#[tokio::test]
async fn devices_of_a_filter_are_removed_after_one_question_that_names_them_all() {
    let (_sandbox, tailnet) = sandbox().await;
    let (before, gone) = (own(&tailnet).await.len(), silent(&tailnet).await);
    assert!(gone.len() > 1 && gone.len() < before, "{}", gone.len());
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Sessions).await;

    let done =
        session.done("revoke_devices", json!({ "silent_for": "20d", "how": "remove" })).await;

    let question = session.asked().remove(0);
    assert_eq!(session.asked().len(), 1);
    assert!(question.starts_with(&format!("Remove {} devices", gone.len())), "{question}");
    assert!(question.contains("This cannot be undone."), "{question}");
    assert_eq!((&done["applied"], &done["total"]), (&json!(true), &json!(gone.len())));
    for device in &gone {
        assert!(question.contains(device.short_name()), "{question}");
        assert!(!is_there(&tailnet, device).await, "{}", device.short_name());
    }
    tailnet.forget_lists();
    assert_eq!(own(&tailnet).await.len(), before - gone.len());
}

#[tokio::test]
async fn deauthorized_devices_come_back_with_one_undo() {
    let (_sandbox, tailnet) = sandbox().await;
    let devices: Vec<Device> =
        own(&tailnet).await.into_iter().filter(Device::is_authorized).take(3).collect();
    let keys: Vec<&str> = devices.iter().map(Device::key).collect();
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Sessions).await;
    let authorized = async || {
        let mut all = Vec::new();
        for key in &keys {
            all.push(tailnet.devices().get(key).await.unwrap().is_authorized());
        }
        all
    };

    let done =
        session.done("revoke_devices", json!({ "devices": keys, "how": "deauthorize" })).await;
    assert_eq!(authorized().await, [false; 3]);
    let again =
        session.done("revoke_devices", json!({ "devices": keys, "how": "deauthorize" })).await;
    assert_eq!(again["unchanged"], true, "{again}");
    session.done("undo_change", json!({ "change": done["change"] })).await;

    assert_eq!(authorized().await, [true; 3]);
}

#[tokio::test]
async fn what_is_not_clear_is_refused_before_anything_is_sent() {
    let (sandbox, tailnet) = sandbox().await;
    let agent = edits::agent(&tailnet).await;
    let device = own(&tailnet).await.remove(0);
    let shared = tailnet.devices().list().await.unwrap();
    let shared = shared.iter().find(|it| it.is_shared_in()).unwrap().key().to_owned();
    let start: String = device.short_name().chars().take(device.short_name().len() - 1).collect();
    let remove = |mut arguments: Value| {
        arguments["how"] = json!("remove");
        arguments
    };
    let cases = [
        (remove(json!({})), "invalid_input", "filters"),
        (remove(json!({ "devices": [device.key()], "os": "linux" })), "invalid_input", "filters"),
        (remove(json!({ "devices": [shared] })), "refused", "another tailnet"),
        (remove(json!({ "os": "linnux" })), "invalid_input", "linux"),
        (remove(json!({ "silent_for": "soon" })), "invalid_input", "silent_for"),
        (json!({ "devices": [device.key()] }), "invalid_input", "how"),
        // Blank texts matched every device.
        (remove(json!({ "name": "" })), "invalid_input", "`name` is empty"),
        (remove(json!({ "user": " " })), "invalid_input", "`user` is empty"),
        (remove(json!({ "silent_for": "0d" })), "invalid_input", "`silent_for`"),
        (
            remove(json!({ "devices": [device.key()], "on_failure": "undo" })),
            "invalid_input",
            "`on_failure`",
        ),
        (remove(json!({ "name": "nobody-is-called-so" })), "not_found", "no device matches"),
    ];
    for (arguments, kind, part) in cases {
        let failure = agent.fail("revoke_devices", arguments.clone()).await;
        assert_eq!(failure["kind"], kind, "{arguments}: {failure}");
        assert!(failure["message"].as_str().unwrap().contains(part), "{arguments}: {failure}");
    }
    let failure = agent.fail("revoke_devices", remove(json!({ "devices": [start] }))).await;
    assert!(["refused", "ambiguous"].contains(&failure["kind"].as_str().unwrap()), "{failure}");
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET"), "something was written");
}

#[tokio::test]
async fn more_devices_than_a_question_can_name_are_refused() {
    let (_sandbox, tailnet) = crate::support::tailnet::sandbox_of(260).await;
    let agent = edits::agent(&tailnet).await;
    let keys: Vec<String> = own(&tailnet).await.iter().map(|it| it.key().to_owned()).collect();

    let failure =
        agent.fail("revoke_devices", json!({ "devices": keys, "how": "deauthorize" })).await;

    assert!(failure["message"].as_str().unwrap().contains("at most 200"), "{failure}");
}

#[tokio::test]
async fn one_that_fails_is_named_and_the_others_are_removed() {
    let (sandbox, direct) = sandbox().await;
    let keys: Vec<String> =
        own(&direct).await.iter().take(3).map(|it| it.key().to_owned()).collect();
    let proxy = faulty(&sandbox.base_url(), 1, Fault::Refused).await;
    let agent = edits::agent(&Tailnet::new(settings(&proxy))).await;

    let (report, _) =
        agent.ask("revoke_devices", json!({ "devices": keys, "how": "remove" })).await;

    assert_eq!(report["failed"].as_array().map(Vec::len), Some(1), "{report}");
    let mut left = 0;
    for key in &keys {
        left += usize::from(direct.devices().get(key).await.is_ok());
    }
    assert_eq!(left, 1, "{report}");
}

/// A batch of which nothing was done looked like a success.
#[tokio::test]
async fn a_batch_that_failed_is_a_failure_and_says_nothing_is_lost() {
    let (sandbox, direct) = sandbox().await;
    let key = own(&direct).await[0].key().to_owned();
    let other = own(&direct).await[1].key().to_owned();
    let proxy = proxied(&sandbox.base_url(), |asked| {
        if asked.method == "DELETE" { Fault::Refused } else { Fault::Pass }
    })
    .await;
    let agent = edits::agent(&Tailnet::new(settings(&proxy))).await;

    let report =
        agent.fail("revoke_devices", json!({ "devices": [key, other], "how": "remove" })).await;

    assert_eq!(report["failed"].as_array().map(Vec::len), Some(2), "{report}");
    assert_eq!(report["applied"], false);
    assert!(report.get("cannot_be_undone").is_none(), "{report}");
}
