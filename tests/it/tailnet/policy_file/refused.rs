//! What never gets as far as a write.

use tailsteward::{
    ErrorKind,
    change::{Actor, store::Place, store::Store},
    tailnet::policy_file::{Draft, Verdict},
};

use super::{ACL, Fault, Setting, VALIDATE, printer};

#[tokio::test]
async fn a_text_that_is_no_hujson_is_refused_with_its_line() {
    let setting = Setting::quiet().await;
    for (text, words) in [
        ("{\n\t\"grants\": [\n}", "line 3"),
        ("[]", "an object, not a list"),
        ("{\"grants\": []} x", "line 1, column 16"),
        (
            "{\"grants\": [] \"acls\": []}",
            "line 1, column 14: a comma is missing before `\"acls\"`",
        ),
        ("{\"grants\": [], // no end", "line 1"),
        ("{\"grants\": \"x", "line 1, column 12"),
        ("{grants: []}", "line 1, column 2"),
        ("{\"grants\": [1 2]}", "a comma is missing before `2`"),
        ("{\"grants\": /* */ , }", "found `,`"),
        ("/* {\"grants\": []}", "this comment has no `*/`"),
    ] {
        let error = setting.deploy(text).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}: {error}");
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
    let deep = format!("{{\"grants\": {}", "[".repeat(100_000));
    assert!(setting.deploy(&deep).await.unwrap_err().to_string().contains("nesting depth"));
    assert!(setting.is_untouched().await && setting.writes() == 0);
}

#[tokio::test]
async fn a_file_that_opens_everything_is_refused_unless_that_is_meant() {
    let setting = Setting::quiet().await;
    for text in ["{}", "{\"groups\": {}}", "{\"acls\": null} // not a word"] {
        let mut draft = setting.draft(text).await;
        let error = setting.tailnet.policy_file().plan_text(&draft).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.remedy().unwrap().contains("allow_all"), "{error}");

        draft.allow.all = true;
        let plan = setting.tailnet.policy_file().plan_text(&draft).await.unwrap();
        assert!(plan.warnings().iter().any(|it| it.contains("everything")), "{plan:?}");
    }
    let mut closed = setting.draft("{\"Grants\": []}").await;
    let error = setting.tailnet.policy_file().plan_text(&closed).await.unwrap_err();
    assert!(error.remedy().unwrap().contains("allow_lockout"), "{error}");
    assert!(error.to_string().contains("all 100 devices"), "{error}");
    closed.allow.lockout = true;
    setting.tailnet.policy_file().plan_text(&closed).await.unwrap();
}

#[tokio::test]
async fn what_tailscale_would_not_take_is_refused_in_its_words() {
    let setting = Setting::quiet().await;
    let text =
        setting.old.replace("\"dst\": [\"tag:web\"], \"ip\"", "\"dst\": [\"tag:nope\"], \"ip\"");

    let error = setting.deploy(&text).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("tag not found: \"tag:nope\""), "{error}");
    assert!(setting.is_untouched().await && setting.writes() == 0);
    assert_eq!(setting.outcome().await, None, "nothing was begun");
}

#[tokio::test]
async fn a_file_whose_own_tests_fail_is_refused_with_the_tests() {
    let setting = Setting::quiet().await;
    let text = setting.old.replace("\"deny\": [\"tag:db:22\"]", "\"deny\": [\"tag:db:5432\"]");

    let error = setting.deploy(&text).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("1 of 2 tests in the policy file fail"), "{error}");
    assert_eq!(error.policy_problems()[0].user, "tag:web");
    assert!(error.to_string().contains("want: Drop, got: Accept"), "{error}");
    assert!(setting.is_untouched().await && setting.writes() == 0);
}

#[tokio::test]
async fn a_validation_that_is_not_answered_with_a_pass_is_none() {
    let wrong = r#"{"message":"something that nobody has seen yet"}"#;
    for (answer, kind) in [
        (Fault::AnsweredInstead(wrong), ErrorKind::Refused),
        (Fault::AnsweredInstead("<html>sign in</html>"), ErrorKind::NotJson),
        (Fault::Answered(403, r#"{"message":"no scope"}"#), ErrorKind::Forbidden),
    ] {
        let said = answer.clone();
        let setting =
            Setting::with(
                move |it| {
                    if it.is("POST", VALIDATE) { said.clone() } else { Fault::Pass }
                },
            )
            .await;

        let error = setting.deploy(&printer(&setting.old)).await.unwrap_err();

        assert_eq!(error.kind(), kind, "{answer:?}: {error}");
        assert!(setting.is_untouched().await && setting.writes() == 0);
    }
}

#[tokio::test]
async fn warnings_are_told_and_do_not_block() {
    let said = r#"{"message":"warning(s) found","data":[{"user":"a@b","warnings":["is odd"]}]}"#;
    let setting = Setting::with(move |it| {
        if it.is("POST", VALIDATE) { Fault::AnsweredInstead(said) } else { Fault::Pass }
    })
    .await;

    let report = setting.deploy(&printer(&setting.old)).await.unwrap();

    assert!(report.applied);
    assert!(report.warnings.iter().any(|it| it == "Tailscale warns: a@b: is odd"), "{report:?}");
    assert!(report.notes.iter().any(|it| it == "validated by Tailscale: ok, 1 warning"));
}

#[tokio::test]
async fn without_a_version_nothing_is_planned_and_nothing_written() {
    // The first two reads have a version: for the draft, and for the plan.
    for from in [0, 2, 3] {
        let setting = Setting::with(move |it| {
            if it.is("GET", ACL) && it.nth >= from { Fault::NoVersion } else { Fault::Pass }
        })
        .await;
        let draft = Draft::new(
            printer(&setting.old),
            setting.direct.policy_file().get().await.unwrap().etag,
        );
        setting.tailnet.policy_file().get().await.unwrap();

        let error = match setting.tailnet.policy_file().plan_text(&draft).await {
            Ok(plan) => setting.tailnet.apply(&plan).await.unwrap_err(),
            Err(error) => error,
        };

        assert!(error.to_string().contains("no version"), "{from}: {error}");
        assert!(error.remedy().unwrap().contains("ETag"), "{error}");
        assert!(!error.may_have_had_effect());
        assert!(setting.is_untouched().await && setting.writes() == 0);
    }
    let setting = Setting::quiet().await;
    let draft = Draft::new(printer(&setting.old), "");
    let error = setting.tailnet.policy_file().plan_text(&draft).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("`etag` is required"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_written() {
    let setting = Setting::quiet().await;
    let folder = tempfile::tempdir().unwrap();
    // A folder where the file should be.
    let store = Store::new(Place::File(folder.path().to_owned()));
    let tailnet = setting.tailnet.acting_as(Actor::new("ann", Some(std::sync::Arc::new(store))));
    let draft = setting.draft(&printer(&setting.old)).await;
    let plan = tailnet.policy_file().plan_text(&draft).await.unwrap();

    let error = tailnet.apply(&plan).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Journal);
    assert!(setting.is_untouched().await && setting.writes() == 0);
}

#[tokio::test]
async fn the_same_text_is_no_change() {
    let setting = Setting::quiet().await;

    let report = setting.deploy(&setting.old).await.unwrap();

    assert!(report.unchanged && !report.applied);
    assert_eq!((setting.writes(), setting.outcome().await), (0, None));
}

#[tokio::test]
async fn tests_run_against_what_is_live_and_a_text_is_validated_without_being_kept() {
    let setting = Setting::quiet().await;
    let policy = setting.tailnet.policy_file();
    let good = serde_json::json!({ "src": "tag:web", "accept": ["tag:db:5432"] });
    let bad = serde_json::json!({ "src": "tag:web", "accept": ["tag:db:22"] });

    assert_eq!(policy.run_tests(std::slice::from_ref(&good)).await.unwrap(), Verdict::default());
    let verdict = policy.run_tests(&[good, bad]).await.unwrap();
    assert!(!verdict.is_pass());
    assert_eq!(verdict.failed_tests.len(), 1);
    assert!(policy.validate(&setting.old).await.unwrap().is_pass());
    let verdict = policy.validate("{\"grantz\": []}").await.unwrap();
    assert!(verdict.errors[0].contains("unknown field"), "{verdict:?}");
    assert!(setting.is_untouched().await);
}
