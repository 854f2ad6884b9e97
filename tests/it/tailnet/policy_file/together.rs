//! Two who edit the policy file at once.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tailsteward::ErrorKind;

use super::{ACL, Fault, Setting, funnel, printer, setup, update};
use crate::support::{
    fake_user::{Era, FakeUser, Says},
    proxy::write_policy,
};

/// The printer, otherwise than [`printer`] has it.
fn other_printer(text: &str) -> String {
    text.replace("tcp:631", "tcp:515")
}

/// A setting in which somebody else writes what `theirs` makes of the file, just before the request
/// `method` number `nth`.
async fn meanwhile(
    method: &'static str,
    nth: usize,
    theirs: fn(&str) -> String,
) -> (Setting, String) {
    let text = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&text);
    let setting = Setting::with(move |it| {
        let theirs = Fault::PolicyWritten(told.lock().unwrap().clone());
        if it.is(method, ACL) && it.nth == nth { theirs } else { Fault::Pass }
    })
    .await;
    let theirs = theirs(&setting.old);
    text.lock().unwrap().clone_from(&theirs);
    (setting, theirs)
}

/// When somebody else writes: after the plan, between the looks before the write, or at the very
/// write, which is answered with 412.
const MOMENTS: [(&str, usize); 3] = [("GET", 2), ("GET", 3), ("POST", 0)];

#[tokio::test]
async fn an_edit_elsewhere_in_the_file_is_told_with_who_and_what_and_kept() {
    for (method, nth) in MOMENTS {
        let (setting, theirs) = meanwhile(method, nth, funnel).await;

        let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Stale, "{method} {nth}: {error}");
        let said = error.to_string();
        assert!(said.contains("was changed meanwhile by "), "{said}");
        assert!(said.contains("@example.com at 2"), "{said}");
        assert!(said.contains("tag:ci") && !said.contains("9100"), "{said}");
        assert!(said.contains("does not conflict"), "{said}");
        assert!(error.remedy().unwrap().contains("call again"), "{error}");
        assert!(!error.may_have_had_effect());
        assert_eq!(setting.live().await, theirs);
    }
}

#[tokio::test]
async fn an_edit_of_the_same_lines_is_told_as_a_conflict_and_kept() {
    for (method, nth) in MOMENTS {
        let (setting, theirs) = meanwhile(method, nth, other_printer).await;

        let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();

        let said = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Stale, "{method} {nth}: {error}");
        assert!(said.contains("both changes edit line 35"), "{said}");
        for port in ["tcp:631", "tcp:515", "tcp:9100"] {
            assert!(said.contains(port), "{said}");
        }
        assert!(error.remedy().unwrap().contains("read it again"), "{error}");
        assert_eq!(setting.live().await, theirs);
    }
}

#[tokio::test]
async fn a_version_that_is_said_to_be_wrong_although_the_text_is_the_same_is_told() {
    let setting = Setting::with(|it| {
        let stale = Fault::Answered(412, r#"{"message":"precondition failed, invalid old hash"}"#);
        if it.is("POST", ACL) { stale } else { Fault::Pass }
    })
    .await;

    let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Stale);
    assert!(error.to_string().contains("to the same text"), "{error}");
    assert!(setting.is_untouched().await);
}

#[tokio::test]
async fn a_draft_from_an_older_version_is_put_together_with_what_is_live() {
    let setting = Setting::quiet().await;
    let session = FakeUser::who(Says::Yes).at(&setting.tailnet, setup(), Era::Sessions).await;
    let read = session.done("get_acl_policy", json!({})).await;
    write_policy(&setting.sandbox.base_url(), &funnel(&setting.old)).await;

    let done =
        session.done("update_acl_policy", update(&printer(&setting.old), &read["etag"])).await;

    assert_eq!(setting.live().await, funnel(&printer(&setting.old)));
    let note = done["notes"][0].as_str().unwrap();
    assert!(note.starts_with("merged with a change that was made meanwhile by "), "{note}");
    assert!(session.asked()[0].contains(note), "whoever confirms is told");
}

#[tokio::test]
async fn a_draft_that_conflicts_with_what_is_live_is_not_planned() {
    let setting = Setting::quiet().await;
    let draft = setting.draft(&printer(&setting.old)).await;
    let theirs = other_printer(&setting.old);
    write_policy(&setting.sandbox.base_url(), &theirs).await;

    let error = setting.tailnet.policy_file().plan_text(&draft).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Stale);
    assert!(error.to_string().contains("both changes edit line 35"), "{error}");
    assert_eq!(setting.live().await, theirs);
}

#[tokio::test]
async fn the_same_edit_of_both_is_no_change_any_more() {
    let setting = Setting::quiet().await;
    let draft = setting.draft(&printer(&setting.old)).await;
    write_policy(&setting.sandbox.base_url(), &printer(&setting.old)).await;

    let plan = setting.tailnet.policy_file().plan_text(&draft).await.unwrap();

    assert!(plan.is_empty(), "{plan:?}");
}

#[tokio::test]
async fn a_plan_that_was_shown_is_shown_anew_if_somebody_else_wrote_meanwhile() {
    let setting = Setting::quiet().await;
    let session = FakeUser::who(Says::CannotAsk).at(&setting.tailnet, setup(), Era::Sessions).await;
    let read = session.done("get_acl_policy", json!({})).await;
    let mut arguments = update(&printer(&setting.old), &read["etag"]);
    let shown = session.done("update_acl_policy", arguments.clone()).await;
    arguments["plan_id"] = shown["plan_id"].clone();
    write_policy(&setting.sandbox.base_url(), &funnel(&setting.old)).await;

    let anew = session.done("update_acl_policy", arguments.clone()).await;
    assert!(anew["next"].as_str().unwrap().contains("changed since"), "{anew}");
    assert_eq!(setting.live().await, funnel(&setting.old));
    arguments["plan_id"] = anew["plan_id"].clone();
    session.done("update_acl_policy", arguments).await;

    assert_eq!(setting.live().await, funnel(&printer(&setting.old)));
}
