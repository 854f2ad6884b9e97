//! The write and what follows it: read back, verified, and restored where something is wrong.

use serde_json::{Value, json};
use tailsteward::{
    ErrorKind,
    sandbox::{self, FaultKind},
};

use super::{ACL, Fault, Setting, VALIDATE, funnel, printer, setup, update};
use crate::support::fake_user::{Era, FakeUser, Says};

#[tokio::test]
async fn a_new_file_is_checked_confirmed_written_and_verified_in_both_eras() {
    for era in [Era::Sessions, Era::Stateless] {
        let setting = Setting::quiet().await;
        let session = FakeUser::who(Says::Yes).at(&setting.tailnet, setup(), era).await;
        let read = session.done("get_acl_policy", json!({})).await;
        let new = printer(&setting.old);

        let done = session.done("update_acl_policy", update(&new, &read["etag"])).await;

        assert_eq!(setting.live().await, new);
        assert_eq!((&done["applied"], &done["resource"]), (&json!(true), &json!("policy file")));
        let notes: Vec<&str> =
            done["notes"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        for wanted in [
            "parsed: ok, 8 sections",
            "validated offline: ok",
            "validated by Tailscale: ok",
            "tests: 2 passed at Tailscale, 2 offline",
            "read back and verified: the text is as sent, and its tests pass",
        ] {
            assert!(notes.contains(&wanted), "{wanted}: {notes:?}");
        }
        let asked = session.asked().concat();
        for wanted in ["validated by Tailscale: ok", "+ {\"src\"", "tcp:9100", "undo_change"] {
            assert!(asked.contains(wanted), "{wanted}: {asked}");
        }
    }
}

#[tokio::test]
async fn neither_plan_nor_question_nor_answer_nor_journal_entry_carries_the_whole_text() {
    let setting = Setting::quiet().await;
    let session = FakeUser::who(Says::Yes).at(&setting.tailnet, setup(), Era::Sessions).await;
    let read = session.done("get_acl_policy", json!({})).await;
    let mut arguments = update(&printer(&setting.old), &read["etag"]);
    let done = session.done("update_acl_policy", arguments.clone()).await;
    let entry = session.done("get_change", json!({ "change": done["change"] })).await;
    arguments["dry_run"] = json!(true);
    arguments["etag"] = session.done("get_acl_policy", json!({})).await["etag"].clone();
    arguments["text"] = json!(funnel(&printer(&setting.old)));
    let plan = session.done("update_acl_policy", arguments).await;
    let versions = session.done("list_policy_versions", json!({})).await;

    let asked = Value::from(session.asked());
    for (what, said) in [
        ("answer", done.to_string()),
        ("entry", entry.to_string()),
        ("plan", plan.to_string()),
        ("question", asked.to_string()),
        ("versions", versions.to_string()),
    ] {
        assert!(!said.contains("autoApprovers"), "{what}: {said}");
        assert!(said.contains("version ") && said.contains(" lines"), "{what}: {said}");
        assert!(said.len() < 3_000, "{what}: {} bytes", said.len());
    }
    assert_eq!(entry["steps"][0]["to"], done["changes"][0]["after"]);
    assert_ne!(entry["steps"][0]["to"], entry["steps"][0]["from"]);
}

#[tokio::test]
async fn a_dry_run_does_all_but_the_write() {
    let setting = Setting::quiet().await;
    let session = FakeUser::who(Says::No).at(&setting.tailnet, setup(), Era::Sessions).await;
    let read = session.done("get_acl_policy", json!({})).await;
    let mut arguments = update(&printer(&setting.old), &read["etag"]);
    arguments["dry_run"] = json!(true);

    let plan = session.done("update_acl_policy", arguments).await;

    assert_eq!(plan["applied"], false);
    assert!(plan["notes"].to_string().contains("tests: 2 passed at Tailscale"), "{plan}");
    assert!(plan["notes"].to_string().contains("tcp:9100"), "{plan}");
    assert!(session.asked().is_empty() && setting.writes() == 0 && setting.is_untouched().await);
}

#[tokio::test]
async fn a_write_that_is_refused_leaves_the_old_file() {
    let setting =
        Setting::with(|it| if it.is("POST", ACL) { refused() } else { Fault::Pass }).await;

    let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("not today") && !error.may_have_had_effect(), "{error}");
    assert!(setting.is_untouched().await);
    assert_eq!(setting.outcome().await, Some("failed"));
}

fn refused() -> Fault {
    Fault::Answered(400, r#"{"message":"not today"}"#)
}

#[tokio::test]
async fn an_answer_that_got_lost_after_the_write_is_looked_up_and_verified() {
    for fault in [FaultKind::LostResponse, FaultKind::Truncated] {
        // The fault comes before the write, so past the proxy, which would hide it.
        let mut setting = Setting::quiet().await;
        setting.tailnet = setting.direct.acting_as(setting.tailnet.actor().clone());
        setting.sandbox.fail(sandbox::Fault::new(fault).on("setPolicyFile").times(1));
        let new = printer(&setting.old);

        let report = setting.deploy(&new).await.unwrap();

        assert!(report.applied && report.notes.iter().any(|it| it.contains("verified")));
        assert_eq!(setting.live().await, new);
        assert_eq!(setting.outcome().await, Some("done"));
        assert_eq!(setting.writes(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_got_lost_with_the_write_is_told_as_not_written() {
    let setting = Setting::with(|it| {
        let lost = Fault::Answered(504, r#"{"message":"request took too long to process"}"#);
        if it.is("POST", ACL) { lost } else { Fault::Pass }
    })
    .await;

    let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();

    assert!(error.to_string().contains("read back: it was not changed"), "{error}");
    // It may still be on its way.
    assert!(error.may_have_had_effect());
    assert!(setting.is_untouched().await);
    assert_eq!(setting.outcome().await, Some("unknown"));
}

#[tokio::test]
async fn a_lost_answer_that_cannot_be_looked_up_stays_unknown_and_is_rolled_back_later() {
    let setting = Setting::with(|it| match (it.method.as_str(), it.path.as_str(), it.nth) {
        ("POST", ACL, 0) => Fault::AnswerLost,
        // Draft, plan, before the write, for the version; then the look that fails.
        ("GET", ACL, 4) => refused(),
        _ => Fault::Pass,
    })
    .await;

    let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();
    assert!(error.may_have_had_effect(), "{error}");
    assert_eq!(setting.outcome().await, Some("unknown"));
    let entry = setting.tailnet.changes().get(1, 0, 10).await.unwrap();
    assert_eq!(entry.steps[0].now.as_ref(), Some(&entry.steps[0].step.change.to), "{entry:?}");

    let undo = setting.tailnet.changes().plan_undo(1).await.unwrap();
    setting.tailnet.apply(&undo).await.unwrap();
    assert!(setting.is_untouched().await);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_back_is_restored() {
    let setting = Setting::with(|it| {
        // Draft, plan, before the write, for the version; then the read after it.
        if it.is("GET", ACL) && it.nth == 4 { refused() } else { Fault::Pass }
    })
    .await;

    let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();

    assert!(error.to_string().contains("could not be read back"), "{error}");
    assert!(error.to_string().contains("rolled back: text from"), "{error}");
    assert!(!error.may_have_had_effect());
    assert!(setting.is_untouched().await);
    assert_eq!(setting.outcome().await, Some("rolled_back"));
}

#[tokio::test]
async fn a_file_that_is_kept_otherwise_than_it_was_sent_is_restored() {
    let setting = Setting::with(|it| {
        // The API keeps something else.
        let otherwise = Fault::SentInstead(it.body.replace("tcp:9100", "tcp:9101"));
        if it.is("POST", ACL) && it.nth == 0 { otherwise } else { Fault::Pass }
    })
    .await;

    let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();

    assert!(
        error.to_string().contains("the live policy file is not the text that was sent"),
        "{error}"
    );
    assert!(error.to_string().contains("tcp:9101"), "{error}");
    assert!(error.to_string().contains("rolled back"), "{error}");
    assert!(setting.is_untouched().await);
    assert_eq!(setting.outcome().await, Some("rolled_back"));
}

#[tokio::test]
async fn what_somebody_else_wrote_right_after_is_not_overwritten_by_the_restoring() {
    let theirs = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let told = std::sync::Arc::clone(&theirs);
    let setting = Setting::with(move |it| {
        let their_text = Fault::PolicyWritten(told.lock().unwrap().clone());
        if it.is("GET", ACL) && it.nth == 4 { their_text } else { Fault::Pass }
    })
    .await;
    *theirs.lock().unwrap() = funnel(&printer(&setting.old));

    let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();

    assert!(error.to_string().contains("still in effect"), "{error}");
    assert!(error.may_have_had_effect());
    assert_eq!(setting.live().await, *theirs.lock().unwrap());
}

#[tokio::test]
async fn a_file_whose_tests_fail_once_it_is_live_is_restored() {
    const FAILED: &str =
        r#"{"message":"test(s) failed","data":[{"user":"tag:web","errors":["got: Drop"]}]}"#;
    for answer in [Fault::AnsweredInstead(FAILED), refused()] {
        let said = answer.clone();
        let setting = Setting::with(move |it| {
            if it.is("POST", VALIDATE) && it.nth == 1 { said.clone() } else { Fault::Pass }
        })
        .await;

        let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();

        assert!(error.to_string().contains("it was written"), "{error}");
        assert!(error.to_string().contains("rolled back: text from"), "{error}");
        assert!(!error.may_have_had_effect());
        if matches!(answer, Fault::AnsweredInstead(_)) {
            assert_eq!(error.policy_problems()[0].errors, ["got: Drop"]);
        }
        assert!(setting.is_untouched().await);
        assert_eq!(setting.outcome().await, Some("rolled_back"));
    }
}

#[tokio::test]
async fn a_restoring_that_fails_is_told_with_what_is_live() {
    for (answer, outcome) in [
        (refused(), "done"),
        (Fault::Answered(504, r#"{"message":"request took too long to process"}"#), "unknown"),
    ] {
        let said = answer.clone();
        let setting = Setting::with(move |it| match (it.method.as_str(), it.path.as_str()) {
            ("POST", VALIDATE) if it.nth == 1 => refused(),
            ("POST", ACL) if it.nth == 1 => said.clone(),
            _ => Fault::Pass,
        })
        .await;
        let new = printer(&setting.old);

        let error = setting.deploy(&new).await.unwrap_err();

        assert!(error.to_string().contains("still in effect: text from"), "{error}");
        assert!(error.to_string().contains("recorded as change 1"), "{error}");
        assert!(error.may_have_had_effect());
        assert_eq!(setting.live().await, new);
        assert_eq!(setting.outcome().await, Some(outcome), "{answer:?}");
        // It is not lost: what was written can be taken back when the API answers again.
        let undo = setting.tailnet.changes().plan_undo(1).await.unwrap();
        setting.tailnet.apply(&undo).await.unwrap();
        assert!(setting.is_untouched().await);
    }
}

#[tokio::test]
async fn a_restoring_whose_answer_got_lost_is_looked_up() {
    let setting = Setting::with(|it| match (it.method.as_str(), it.path.as_str()) {
        ("POST", VALIDATE) if it.nth == 1 => refused(),
        ("POST", ACL) if it.nth == 1 => Fault::AnswerLost,
        _ => Fault::Pass,
    })
    .await;

    let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();

    assert!(error.to_string().contains("rolled back") && !error.may_have_had_effect(), "{error}");
    assert!(setting.is_untouched().await);
}

#[tokio::test]
async fn an_undone_policy_file_is_checked_written_and_verified_like_any_other() {
    let setting = Setting::quiet().await;
    let session = FakeUser::who(Says::Yes).at(&setting.tailnet, setup(), Era::Sessions).await;
    let read = session.done("get_acl_policy", json!({})).await;
    let done =
        session.done("update_acl_policy", update(&printer(&setting.old), &read["etag"])).await;

    let undone = session.done("undo_change", json!({ "change": done["change"] })).await;

    assert!(setting.is_untouched().await);
    assert!(undone["notes"].to_string().contains("validated by Tailscale: ok"), "{undone}");
    assert!(undone["notes"].to_string().contains("read back and verified"), "{undone}");
    assert_eq!(session.asked().len(), 2, "to take it back is as grave");
    let again = session.done("undo_change", json!({ "change": undone["change"] })).await;
    assert_eq!(again["applied"], true);
    assert_eq!(setting.live().await, printer(&setting.old));
}

#[tokio::test]
async fn a_file_that_was_changed_since_is_not_undone_and_its_text_not_told() {
    let setting = Setting::quiet().await;
    setting.deploy(&printer(&setting.old)).await.unwrap();
    let theirs = funnel(&printer(&setting.old));
    crate::support::proxy::write_policy(&setting.sandbox.base_url(), &theirs).await;

    let error = setting.tailnet.changes().plan_undo(1).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Stale);
    assert!(error.to_string().len() < 300, "{error}");
    assert_eq!(setting.live().await, theirs);
}
