//! `[guardrails]` of the config file.

use tailsteward::ErrorKind;

use super::Home;

#[test]
fn guardrails_are_read_and_survive_that_profiles_are_saved() {
    let text = r#"
        [guardrails]
        windows = ["mon-fri 08:00-18:00 Europe/Berlin", "sat 10:00-12:00 UTC"]
        changes_per_hour = 30
        approvers = ["ann", "bob"]

        [guardrails.never]
        devices = ["db-1", "nodeid:1"]
        tags = ["tag:prod"]

        [guardrails.approval]
        users = ["nora@example.com"]
        policy = ["ssh", "tagOwners"]
    "#;
    let home = Home::with(text);
    let mut profiles = home.load().unwrap();
    let rails = profiles.guardrails().clone();
    assert_eq!(rails.windows.len(), 2);
    assert_eq!((rails.changes_per_hour, rails.approvers.len()), (Some(30), 2));
    assert_eq!(
        (&rails.never.devices[0], &rails.never.tags[0]),
        (&"db-1".to_owned(), &"tag:prod".to_owned())
    );
    assert_eq!((rails.approval.users.len(), rails.approval.policy.len()), (1, 2));
    profiles.save().unwrap();
    assert_eq!(home.load().unwrap().guardrails(), &rails);
    assert!(Home::with("").load().unwrap().guardrails().is_empty());
}

#[test]
fn what_is_wrong_is_named_by_its_field_and_not_repeated() {
    for (text, field) in [
        ("guardrails.windows = ['hunter2']", "guardrails.windows[0]"),
        (
            "guardrails.windows = ['mon 08:00-18:00 UTC', 'mon 08:00-18:00 Hunter2/X']",
            "guardrails.windows[1]",
        ),
        ("guardrails.changes_per_hour = -1", "line 1"),
        ("guardrails.never.tags = ['hunter2']", "guardrails.never.tags"),
        ("guardrails.never.devices = ['hunter2*']", "guardrails.never.devices"),
        ("guardrails.approval.users = ['']", "guardrails.approval.users"),
        ("guardrails.approvers = [' ']", "guardrails.approvers"),
        ("guardrails.approvers = []", "guardrails.approvers"),
        ("guardrails.windows = []", "guardrails.windows"),
        ("guardrails.never.policy = ['hunter2']", "nodeAttrs"),
        ("guardrails.approval.policy = ['ssh', 'tagOwner']", "tagOwners"),
        ("guardrails.nevr.devices = ['a']", "nevr"),
        ("guardrails.never.device = ['a']", "device"),
    ] {
        let error = Home::with(text).load().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{text}");
        assert!(error.to_string().contains(field), "{text}: {error}");
        assert!(!error.to_string().to_lowercase().contains("hunter2"), "{error}");
        assert!(error.remedy().is_some());
    }
}
