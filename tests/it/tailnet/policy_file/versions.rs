//! What was live before, listed and brought back.

use jiff::Timestamp;
use serde_json::{Value, json};
use tailsteward::{
    ErrorKind,
    tailnet::policy_file::{Allow, Recorded},
};

use super::{ACL, Fault, Setting, funnel, printer, setup};
use crate::support::{
    fake_user::{Era, FakeUser, Says, Session},
    proxy::write_policy,
};

/// Two versions by the tools, recorded as changes 1 and 2.
async fn two(setting: &Setting) -> Session {
    let session = FakeUser::who(Says::Yes).at(&setting.tailnet, setup(), Era::Sessions).await;
    for text in [printer(&setting.old), funnel(&printer(&setting.old))] {
        let etag = session.done("get_acl_policy", json!({})).await["etag"].clone();
        session.done("update_acl_policy", super::update(&text, &etag)).await;
    }
    session
}

#[tokio::test]
async fn versions_are_listed_newest_first_with_who_made_them_and_which_is_live() {
    let setting = Setting::quiet().await;
    let session = two(&setting).await;

    let list = session.done("list_policy_versions", json!({})).await;

    assert_eq!((&list["total"], &list["shown"]), (&json!(2), &json!(2)));
    let versions = list["versions"].as_array().unwrap();
    let field = |name: &str| versions.iter().map(|it| it[name].clone()).collect::<Vec<Value>>();
    assert_eq!(field("version"), [2, 1]);
    assert_eq!(field("principal"), ["local", "local"]);
    assert_eq!(field("tool"), ["update_acl_policy", "update_acl_policy"]);
    assert_eq!(field("outcome"), ["done", "done"]);
    assert_eq!(field("lines"), ["+1 -1", "+1 -1"]);
    assert_eq!(field("live"), [json!(true), Value::Null]);
    assert_eq!(versions[0]["before"], versions[1]["after"]);
    assert_eq!(versions[0]["after"], list["live"]);
    assert!(list.get("note").is_none() && list.get("next").is_none(), "{list}");
}

#[tokio::test]
async fn the_list_is_paged_and_has_nothing_but_policy_files() {
    let setting = Setting::quiet().await;
    let session = two(&setting).await;
    let device = setting.direct.devices().list().await.unwrap()[0].key().to_owned();
    let attribute = json!({ "device": device, "key": "custom:policy", "value": "policy.file" });
    session.done("set_device_attribute", attribute).await;

    let first = session.done("list_policy_versions", json!({ "limit": 1 })).await;
    let next = json!({ "limit": 1, "cursor": first["next"] });
    let second = session.done("list_policy_versions", next).await;

    assert_eq!((&first["total"], &second["total"]), (&json!(2), &json!(2)));
    assert_eq!(first["versions"][0]["version"], 2);
    assert_eq!(second["versions"][0]["version"], 1);
    assert!(second.get("next").is_none(), "{second}");
    for limit in [0, 101] {
        session.fails("list_policy_versions", json!({ "limit": limit })).await;
    }
}

#[tokio::test]
async fn a_file_that_was_changed_elsewhere_is_said_to_be() {
    let setting = Setting::quiet().await;
    let session = two(&setting).await;
    write_policy(&setting.sandbox.base_url(), &setting.old.replace("631", "9")).await;

    let list = session.done("list_policy_versions", json!({})).await;

    assert!(list["note"].as_str().unwrap().contains("elsewhere"), "{list}");
    assert!(list["versions"].as_array().unwrap().iter().all(|it| it.get("live").is_none()));
}

#[tokio::test]
async fn a_version_comes_back_by_its_number_checked_and_confirmed() {
    for (version, before) in [(1, false), (1, true), (2, true)] {
        let setting = Setting::quiet().await;
        let session = two(&setting).await;

        let arguments = json!({ "version": version, "before": before });
        let done = session.done("rollback_acl_policy", arguments).await;

        let old = if (version, before) == (1, true) {
            setting.old.clone()
        } else {
            printer(&setting.old)
        };
        assert_eq!(setting.live().await, old, "{version} {before}");
        let note = done["notes"][0].as_str().unwrap();
        let side = if before { "before" } else { "after" };
        assert!(
            note.starts_with(&format!("rolls back to the text {side} change {version}")),
            "{note}"
        );
        assert!(done["notes"].to_string().contains("tests: 2 passed at Tailscale"), "{done}");
        assert_eq!(session.asked().len(), 3);
        // A rollback is a version, too.
        let list = session.done("list_policy_versions", json!({})).await;
        assert_eq!(list["versions"][0]["tool"], "rollback_acl_policy");
        assert_eq!(list["versions"][0]["live"], true);
    }
}

#[tokio::test]
async fn a_version_comes_back_by_its_time() {
    let setting = Setting::quiet().await;
    let start = Timestamp::now();
    let session = two(&setting).await;
    let list = session.done("list_policy_versions", json!({})).await;
    let at = |nth: usize| list["versions"][nth]["at"].clone();

    let at_the_first = session.done("rollback_acl_policy", json!({ "at": at(1) })).await;
    assert_eq!(setting.live().await, printer(&setting.old), "{at_the_first}");
    session.done("rollback_acl_policy", json!({ "at": at(0) })).await;
    assert_eq!(setting.live().await, funnel(&printer(&setting.old)));
    let earlier = session.done("rollback_acl_policy", json!({ "at": start.to_string() })).await;
    assert!(setting.is_untouched().await);
    assert!(earlier["warnings"].to_string().contains("nothing is recorded before"), "{earlier}");
}

#[tokio::test]
async fn a_time_in_a_gap_of_the_journal_is_answered_with_a_warning() {
    let setting = Setting::quiet().await;
    setting.deploy(&printer(&setting.old)).await.unwrap();
    let between = Timestamp::now();
    write_policy(&setting.sandbox.base_url(), &setting.old.replace("631", "9")).await;
    setting.deploy(&funnel(&setting.old)).await.unwrap();

    let policy = setting.tailnet.policy_file();
    let plan = policy.plan_rollback(Recorded::At(between), Allow::default()).await.unwrap();

    let warned =
        plan.warnings().iter().any(|it| it.contains("elsewhere between change 1 and change 2"));
    assert!(warned, "{:?}", plan.warnings());
    assert!(plan.changes().any(|it| it.to == json!(printer(&setting.old))));
}

#[tokio::test]
async fn a_change_that_had_no_effect_is_no_version() {
    let setting = Setting::with(|it| {
        let refused = Fault::Answered(400, r#"{"message":"not today"}"#);
        if it.is("POST", ACL) && it.nth == 0 { refused } else { Fault::Pass }
    })
    .await;
    setting.deploy(&printer(&setting.old)).await.unwrap_err();
    setting.deploy(&funnel(&setting.old)).await.unwrap();
    let policy = setting.tailnet.policy_file();

    let error = policy.plan_rollback(Recorded::After(1), Allow::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.remedy().unwrap().contains("`before`"), "{error}");
    policy.plan_rollback(Recorded::Before(1), Allow::default()).await.unwrap();
    let list = policy.versions(None, 10).await.unwrap();
    assert_eq!((list.versions[1].outcome.as_str(), list.versions[1].live), ("failed", false));
}

#[tokio::test]
async fn what_is_no_version_is_refused() {
    let setting = Setting::quiet().await;
    let session = FakeUser::who(Says::Yes).at(&setting.tailnet, setup(), Era::Sessions).await;
    let device = setting.direct.devices().list().await.unwrap()[0].key().to_owned();
    session
        .done("set_device_attribute", json!({ "device": device, "key": "custom:a", "value": "b" }))
        .await;

    for (arguments, kind) in [
        (json!({}), "invalid_input"),
        (json!({ "version": 1, "at": "2026-01-01T00:00:00Z" }), "invalid_input"),
        (json!({ "at": "yesterday" }), "invalid_input"),
        (json!({ "at": "2026-01-01T00:00:00Z", "before": true }), "invalid_input"),
        (json!({ "version": 1 }), "not_found"),
        (json!({ "version": 99 }), "not_found"),
        (json!({ "at": "2026-01-01T00:00:00Z" }), "not_found"),
    ] {
        let failure = session.fails("rollback_acl_policy", arguments.clone()).await;
        assert_eq!(failure["kind"], kind, "{arguments}: {failure}");
    }
    assert!(setting.is_untouched().await);
}

#[tokio::test]
async fn a_version_that_is_live_already_is_no_change() {
    let setting = Setting::quiet().await;
    let session = two(&setting).await;

    let same = session.done("rollback_acl_policy", json!({ "version": 2 })).await;

    assert_eq!((&same["unchanged"], &same["applied"]), (&json!(true), &json!(false)));
}
