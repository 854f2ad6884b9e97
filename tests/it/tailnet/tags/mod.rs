//! Tags on many devices: audited, added, removed, replaced.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tailsteward::{Tailnet, tailnet::devices::Device};

use crate::support::{
    edits::{self, Edit, agent, session},
    proxy::{Fault, faulty},
    tailnet::{sandbox_of, settings},
};

const CI: &str = "ci-runner-01";

/// The tags of every device, by its short name.
async fn worn(tailnet: &Tailnet) -> BTreeMap<String, Vec<String>> {
    let list = tailnet.devices().list().await.unwrap();
    list.iter().map(|it| (it.short_name().to_owned(), it.tags().to_vec())).collect()
}

/// A device with a tag, and another tag that it does not have.
async fn tagged(tailnet: &Tailnet) -> (String, String, String) {
    let worn = worn(tailnet).await;
    let (name, tags) = worn.iter().find(|it| it.1.len() == 1).unwrap();
    let tag = tags[0].clone();
    let other = worn.values().flatten().find(|it| **it != tag).unwrap();
    (name.clone(), tag, other.clone())
}

async fn edits() -> (Vec<Edit>, String) {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let (name, tag, other) = tagged(&tailnet).await;
    let key = tailnet.devices().get(&name).await.unwrap().key().to_owned();
    let of = |tags: &[&str]| json!({ "devices": [name], "tags": tags });
    let list = vec![
        Edit::new("add_tags", of(&[&other])),
        Edit::new("remove_tags", of(&[&tag])).after("add_tags", of(&[&other])),
        Edit::new("replace_tags", of(&[&other])),
    ];
    (list, format!("/device/{key}"))
}

#[tokio::test]
async fn each_is_shown_first_fails_whole_and_comes_back() {
    let (edits, path) = edits().await;
    edits::show_first(&edits).await;
    edits::fail_once(&edits, &[&path]).await;
    edits::come_back(&edits, &[&path]).await;
}

/// first-use 28
#[tokio::test]
async fn a_bare_name_is_the_tag_of_that_name() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let agent = agent(&tailnet).await;
    let (name, tag, other) = tagged(&tailnet).await;
    let (bare, bare_other) = (&tag["tag:".len()..], &other["tag:".len()..]);

    agent.call("add_tags", json!({ "devices": [name], "tags": [bare_other] })).await;
    assert_eq!(worn(&tailnet).await[&name].len(), 2);
    agent.call("remove_tags", json!({ "devices": [name], "tags": [bare_other] })).await;
    agent.call("update_device", json!({ "device": name, "add_tags": [bare_other] })).await;
    agent.call("update_device", json!({ "device": name, "remove_tags": [bare] })).await;
    assert_eq!(worn(&tailnet).await[&name].join(","), other);
    agent.call("update_device", json!({ "device": name, "set_tags": [bare] })).await;
    assert_eq!(worn(&tailnet).await[&name], [tag]);
    let key = json!({ "kind": "auth", "tags": ["ci"] });
    let made = agent.call("create_key", key).await;
    assert!(made.to_string().contains("tag:ci"), "{made}");
    let service = json!({ "service": "svc:new", "ports": ["tcp:443"], "tags": [bare_other] });
    let made = agent.call("services_create", service).await;
    assert!(made.to_string().contains(&other), "{made}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let (name, tag, _) = tagged(&tailnet).await;
    edits::are_refused(&[
        ("add_tags", json!({ "devices": [name], "tags": [] }), "invalid_input", "tags"),
        ("add_tags", json!({ "devices": [name], "tags": ["we_b"] }), "invalid_input", "tag:name"),
        ("add_tags", json!({ "tags": [tag] }), "invalid_input", "devices"),
        (
            "add_tags",
            json!({ "devices": [name], "os": "linux", "tags": [tag] }),
            "invalid_input",
            "filters",
        ),
        (
            "add_tags",
            json!({ "name": "nobody-is-called-so", "tags": [tag] }),
            "not_found",
            "list_devices",
        ),
        ("add_tags", json!({ "devices": ["nope"], "tags": [tag] }), "not_found", "nope"),
        (
            "add_tags",
            json!({ "devices": [name], "tags": ["tag:undeclared"] }),
            "refused",
            "tagOwners",
        ),
        ("remove_tags", json!({ "devices": [name], "tags": [tag] }), "refused", "last tag"),
    ])
    .await;
}

#[tokio::test]
async fn a_filter_takes_many_and_one_undo_brings_them_all_back() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let before = worn(&tailnet).await;
    let (_, tag, other) = tagged(&tailnet).await;
    let many = before.values().filter(|it| it.contains(&tag)).count();
    let session = session(&tailnet).await;

    let done = session.done("add_tags", json!({ "tags_any": [tag], "tags": [other] })).await;

    assert_eq!((&done["applied"], &done["total"]), (&json!(true), &json!(many)));
    let after = worn(&tailnet).await;
    assert!(after.values().filter(|it| it.contains(&tag)).all(|it| it.contains(&other)));
    assert_eq!(session.asked().len(), usize::from(many > 1), "several devices are a danger");
    session.done("undo_change", json!({ "change": done["change"] })).await;
    assert_eq!(worn(&tailnet).await, before);
}

#[tokio::test]
async fn one_that_fails_is_named_and_the_others_go_on_stop_or_go_back() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let (_, tag, other) = tagged(&tailnet).await;
    for (on_failure, left) in [("continue", 0), ("stop", 1), ("undo", 1)] {
        let (sandbox, direct) = sandbox_of(40).await;
        let before = worn(&direct).await;
        let fitting = |it: &&Vec<String>| it.contains(&tag) && !it.contains(&other);
        let many = before.values().filter(fitting).count();
        assert!(many > 1);
        let proxy = faulty(&sandbox.base_url(), 1, Fault::Refused).await;
        let agent = agent(&Tailnet::new(settings(&proxy))).await;
        let arguments = json!({ "tags_any": [tag], "tags": [other], "on_failure": on_failure });

        let (report, _) = agent.ask("add_tags", arguments).await;

        assert_eq!(report["failed"].as_array().map(Vec::len), Some(1), "{on_failure}: {report}");
        let untried = report["not_tried"].as_array().map_or(0, Vec::len);
        assert_eq!(untried > 0, left > 0 && many > 2, "{on_failure}: {report}");
        if on_failure == "undo" {
            assert_eq!(worn(&direct).await, before, "{report}");
        }
    }
}

#[tokio::test]
async fn tags_that_are_undeclared_unowned_or_unused_are_found() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let agent = agent(&tailnet).await;
    let before = agent.call("audit_tags", json!({})).await;
    let etag = agent.call("get_acl_policy", json!({})).await["etag"].clone();
    let edits = json!([
        { "op": "add", "section": "tagOwners", "name": "tag:Orphan", "value": [] },
    ]);
    agent.call("update_acl_policy", json!({ "etag": etag, "edits": edits })).await;

    let page = agent.call("audit_tags", json!({})).await;
    let wrong = agent.call("audit_tags", json!({ "problems": true, "limit": 1 })).await;
    let named = agent.call("audit_tags", json!({ "prefixes": ["tag:x-"] })).await;

    assert_eq!(page["total"].as_u64(), before["total"].as_u64().map(|it| it + 1));
    let rows = page["tags"].as_array().unwrap();
    let orphan = rows.iter().find(|it| it["tag"] == "tag:Orphan").unwrap();
    let problems = json!(["has no owners", "not used", "has uppercase letters"]);
    assert_eq!(orphan["problems"], problems, "{orphan}");
    let used = rows.iter().find(|it| it["devices"].as_u64() > Some(0)).unwrap();
    assert!(!used["such_as"].as_array().unwrap().is_empty());
    assert_eq!(wrong["shown"], 1);
    assert_eq!((&wrong["matching"], &wrong["total"]), (&page["with_problems"], &page["total"]));
    assert!(wrong["tags"].as_array().unwrap().iter().all(|it| it["problems"].is_array()));
    assert_eq!(named["with_problems"], named["total"], "{named}");
}

#[tokio::test]
async fn a_credential_without_the_policy_file_still_sees_devices() {
    let (sandbox, _) = sandbox_of(20).await;
    sandbox.fail(
        tailsteward::sandbox::Fault::new(tailsteward::sandbox::FaultKind::Status { status: 403 })
            .on("getPolicyFile"),
    );
    let agent = agent(&Tailnet::new(settings(&sandbox.base_url()))).await;

    let page = agent.call("audit_tags", json!({})).await;

    assert!(page["notes"][0].as_str().unwrap().contains("may not read"), "{page}");
    assert!(page["total"].as_u64() > Some(0));
}

#[tokio::test]
async fn a_read_that_fails_is_told_with_what_to_do() {
    let arguments = json!({ "devices": [CI], "tags": ["tag:ci"] });
    edits::tell_failures(&[
        ("audit_tags", json!({}), "listTailnetDevices"),
        ("add_tags", arguments.clone(), "listTailnetDevices"),
        ("remove_tags", arguments.clone(), "listTailnetDevices"),
        ("replace_tags", arguments, "listTailnetDevices"),
        ("get_network_status", Value::Null, "listTailnetDevices"),
    ])
    .await;
}

/// A first tag is irreversible. Where none was added, nothing is lost.
#[tokio::test]
async fn a_batch_that_took_nothing_with_it_says_nothing_is_lost() {
    let (sandbox, direct) = sandbox_of(40).await;
    let list = direct.devices().list().await.unwrap();
    let untagged = list.iter().filter(|it| it.tags().is_empty() && !it.is_shared_in());
    let keys: Vec<&str> = untagged.take(2).map(Device::key).collect();
    let proxy = faulty(&sandbox.base_url(), 0, Fault::Refused).await;
    let agent = agent(&Tailnet::new(settings(&proxy))).await;
    let arguments = json!({ "devices": keys, "tags": ["tag:ci"], "on_failure": "undo" });

    let report = agent.fail("add_tags", arguments).await;

    assert_eq!(report["applied"], false, "{report}");
    assert!(report.get("cannot_be_undone").is_none(), "{report}");
}
