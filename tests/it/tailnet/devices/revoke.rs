//! Several devices approved, deauthorized or removed with one change.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tailsteward::{Tailnet, sandbox, tailnet::devices::Device};

use crate::support::{
    changes::{is_there, own},
    edits::{self, everything as setup, raw},
    fake_user::{Era, FakeUser, Says},
    proxy::{Fault, faulty, proxied},
    tailnet::{sandbox, sandbox_of, settings},
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
    let (before, mut gone) = (own(&tailnet).await.len(), silent(&tailnet).await);
    let served = ["tag:web", "tag:db"].map(str::to_owned);
    gone.retain(|it| !it.is_subnet_router() && !it.tags().iter().any(|tag| served.contains(tag)));
    assert!(gone.len() > 1 && gone.len() < before, "{}", gone.len());
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Sessions).await;

    let done = session.done("remove_devices", json!({ "silent_for": "20d" })).await;

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

    let done = session.done("deauthorize_devices", json!({ "devices": keys })).await;
    assert_eq!(authorized().await, [false; 3]);
    let again = session.done("deauthorize_devices", json!({ "devices": keys })).await;
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
    let cases = [
        (json!({}), "invalid_input", "filters"),
        (json!({ "devices": [device.key()], "os": "linux" }), "invalid_input", "filters"),
        (json!({ "devices": [shared] }), "refused", "another tailnet"),
        (json!({ "os": "linnux" }), "invalid_input", "linux"),
        (json!({ "silent_for": "soon" }), "invalid_input", "silent_for"),
        (json!({ "devices": [device.key()], "tags": 7 }), "invalid_input", "tags"),
        // Blank texts matched every device.
        (json!({ "name": "" }), "invalid_input", "`name` is empty"),
        (json!({ "user": " " }), "invalid_input", "`user` is empty"),
        (json!({ "silent_for": "0d" }), "invalid_input", "`silent_for`"),
        (
            json!({ "devices": [device.key()], "on_failure": "undo" }),
            "invalid_input",
            "`on_failure`",
        ),
        (json!({ "name": "nobody-is-called-so" }), "not_found", "no device matches"),
    ];
    for (arguments, kind, part) in cases {
        let failure = agent.fail("remove_devices", arguments.clone()).await;
        assert_eq!(failure["kind"], kind, "{arguments}: {failure}");
        assert!(failure["message"].as_str().unwrap().contains(part), "{arguments}: {failure}");
    }
    let failure = agent.fail("remove_devices", json!({ "devices": [start] })).await;
    assert!(["refused", "ambiguous"].contains(&failure["kind"].as_str().unwrap()), "{failure}");
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET"), "something was written");
}

#[tokio::test]
async fn more_devices_than_a_question_can_name_are_refused() {
    let (_sandbox, tailnet) = sandbox_of(260).await;
    let agent = edits::agent(&tailnet).await;
    let keys: Vec<String> = own(&tailnet).await.iter().map(|it| it.key().to_owned()).collect();

    let failure = agent.fail("deauthorize_devices", json!({ "devices": keys })).await;

    assert!(failure["message"].as_str().unwrap().contains("at most 200"), "{failure}");
}

#[tokio::test]
async fn one_that_fails_is_named_and_the_others_are_removed() {
    let (sandbox, direct) = sandbox().await;
    let keys: Vec<String> =
        own(&direct).await.iter().take(3).map(|it| it.key().to_owned()).collect();
    let proxy = faulty(&sandbox.base_url(), 1, Fault::Refused).await;
    let agent = edits::agent(&Tailnet::new(settings(&proxy))).await;

    let (report, _) = agent.ask("remove_devices", json!({ "devices": keys })).await;

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

    let report = agent.fail("remove_devices", json!({ "devices": [key, other] })).await;

    assert_eq!(report["failed"].as_array().map(Vec::len), Some(2), "{report}");
    assert_eq!(report["applied"], false);
    assert!(report.get("cannot_be_undone").is_none(), "{report}");
}

/// What a change over a filter leaves out, by the reason.
fn left_out<'a>(report: &'a Value, reason: &str) -> &'a str {
    let notes = report["notes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut notes = notes.iter().filter_map(Value::as_str);
    notes.find(|it| it.starts_with("left out") && it.contains(reason)).unwrap_or_default()
}

#[tokio::test]
async fn a_filter_leaves_out_what_others_depend_on_and_names_do_not() {
    let (_sandbox, tailnet) = sandbox().await;
    let agent = edits::agent(&tailnet).await;
    let devices = own(&tailnet).await;
    let router = devices.iter().find(|it| it.is_subnet_router()).unwrap();
    let exit = devices.iter().find(|it| it.is_exit_node() && !it.is_subnet_router()).unwrap();
    let host = agent.call("services_get", json!({ "service": "svc:web" })).await;
    let host = host["hosts"][0]["id"].as_str().unwrap().to_owned();

    let all = json!({ "name": "", "dry_run": true });
    agent.fail("remove_devices", all).await;
    let plan = json!({ "os": "linux", "dry_run": true });
    let shown = agent.call("remove_devices", plan.clone()).await;

    let host_name = devices.iter().find(|it| it.key() == host).unwrap().short_name();
    for (device, reason) in [(router, "subnet routers"), (exit, "exit nodes")] {
        assert!(left_out(&shown, reason).contains(device.short_name()), "{reason}: {shown}");
    }
    assert!(!left_out(&shown, "seen within 7 days").is_empty(), "{shown}");
    assert!(left_out(&shown, "service hosts").contains(host_name), "{shown}");
    assert!(left_out(&shown, "subnet routers").contains("since not named"), "{shown}");
    let changed = shown["changes"].to_string();
    for device in devices.iter().filter(|it| it.is_online() || it.is_subnet_router()) {
        assert!(!changed.contains(&format!("\"{}\"", device.short_name())), "{shown}");
    }
    let named = json!({ "devices": [router.key(), host], "dry_run": true });
    let named = agent.call("deauthorize_devices", named).await;
    assert_eq!(named["total"], 2, "{named}");
    assert!(left_out(&named, "").is_empty(), "{named}");
}

#[tokio::test]
async fn if_all_are_in_use_nothing_changes_and_the_notes_say_why() {
    let (sandbox, tailnet) = sandbox().await;
    let agent = edits::agent(&tailnet).await;
    let online = own(&tailnet).await.into_iter().find(Device::is_online).unwrap();

    let report = agent.call("remove_devices", json!({ "name": online.short_name() })).await;

    assert_eq!(report["applied"], false, "{report}");
    assert!(left_out(&report, "").contains(online.short_name()), "{report}");
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET"), "something was written");
}

#[tokio::test]
async fn a_shared_device_is_left_out_and_hosts_that_cannot_be_read_are_a_note() {
    let (sandbox, tailnet) = sandbox().await;
    let agent = edits::agent(&tailnet).await;
    let mut all = silent(&tailnet).await;
    all.retain(|it| !it.is_subnet_router() && !it.is_exit_node());
    let device = all.remove(0);
    let path = format!("/device/{}/device-invites", device.key());
    raw(&sandbox, "POST", &path, json!([{ "multiUse": false }])).await;
    let only = json!({ "name": device.short_name(), "silent_for": "20d", "dry_run": true });

    let shown = agent.call("remove_devices", only.clone()).await;
    let fault = sandbox::Fault::new(sandbox::FaultKind::Status { status: 403 });
    sandbox.fail(fault.clone().on("listServices"));
    tailnet.forget_lists();
    let unread = agent.call("remove_devices", only).await;

    assert!(left_out(&shown, "shared by invite").contains(device.short_name()), "{shown}");
    assert!(unread["notes"].to_string().contains("host services is unknown"), "{unread}");
}

#[tokio::test]
async fn devices_that_need_approval_are_approved_with_one_change_and_undone_with_one() {
    let (_sandbox, tailnet) = sandbox_of(260).await;
    let waiting: Vec<Device> =
        own(&tailnet).await.into_iter().filter(|it| !it.is_authorized()).collect();
    let os = waiting[0].os.clone().unwrap();
    let of_os: Vec<&Device> = waiting.iter().filter(|it| it.os.as_ref() == Some(&os)).collect();
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Sessions).await;

    let done = session.done("approve_devices", json!({ "os": os })).await;

    assert_eq!(session.asked().len(), 1);
    assert!(session.asked()[0].starts_with("Approve"), "{}", session.asked()[0]);
    for device in &of_os {
        assert!(tailnet.devices().get(device.key()).await.unwrap().is_authorized());
    }
    let again = session.done("approve_devices", json!({ "os": os })).await;
    assert_eq!(again["applied"], false, "{again}");
    assert!(again["notes"].to_string().contains("no device"), "{again}");
    session.done("undo_change", json!({ "change": done["change"] })).await;
    for device in &of_os {
        assert!(!tailnet.devices().get(device.key()).await.unwrap().is_authorized());
    }
}
