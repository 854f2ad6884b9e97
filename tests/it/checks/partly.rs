//! What is seen only in part, does not apply, or is narrowed by a filter.

use serde_json::json;
use tailsteward::checks::{self, Facts, Severity, Verdict};

use super::healthy::{after, ago, device, first, healthy, log, of, outcome, scope};

fn settings(facts: &mut Facts) -> &mut checks::Settings {
    facts.settings.as_mut().unwrap()
}

#[test]
fn a_failure_stays_one_where_another_part_is_unknown() {
    let found = after("K4", |it| {
        let keys = it.keys.as_mut().unwrap();
        keys.list.push(of(json!({ "id": "k9", "kind": "client", "scopes": ["all"] })));
        keys.readable.remove(&checks::KeyKind::Federated);
    });
    assert_eq!(found.verdict, Verdict::Fail);
    assert!(found.unknown.unwrap().text.contains("federated_keys:read"));
}

#[test]
fn where_all_keys_are_hidden_each_check_names_the_scope_of_its_own() {
    let scope_of = |id| after(id, |it| it.keys = Err(scope())).unknown.unwrap().text;
    assert!(scope_of("K1").contains("auth_keys:read"));
    assert!(scope_of("K3").contains("api_access_tokens:read"));
    assert!(scope_of("K4").contains("oauth_keys:read"));
}

#[test]
fn a_filter_narrows_the_device_checks_and_no_others() {
    let mut facts = healthy();
    first(&mut facts).key_expiry_disabled = true;
    facts.devices.as_mut().unwrap().truncate(2);
    facts.selected = Some(["router-1".to_owned()].into());

    let report = checks::run(&facts, &[]);

    assert_eq!(outcome(&report, "D4").verdict, Verdict::Ok);
    assert_eq!(outcome(&report, "R1").verdict, Verdict::Fail);
    assert_eq!(report.devices, Some((1, 2)));
    facts.selected = Some(std::iter::empty::<String>().collect());
    let report = checks::run(&facts, &[]);
    for it in report.outcomes.iter().filter(|it| it.check.of_devices) {
        assert_eq!(it.verdict, Verdict::DoesNotApply, "{}", it.check.id);
        assert!(it.does_not_apply.as_ref().unwrap().contains("filters"), "{}", it.check.id);
    }
    assert_eq!(outcome(&report, "R1").verdict, Verdict::Fail);
}

#[test]
fn what_a_tailnet_does_not_have_does_not_apply() {
    let with = |id, change: fn(&mut Facts)| after(id, change).verdict;
    assert_eq!(with("D4", |it| it.devices = Ok(Vec::new())), Verdict::DoesNotApply);
    assert_eq!(with("S9", |it| it.posture = Ok(Vec::new())), Verdict::DoesNotApply);
    assert_eq!(
        with("P10", |it| settings(it).externally_managed = Some(false)),
        Verdict::DoesNotApply
    );
    assert_eq!(with("R1", |it| it.devices.as_mut().unwrap().truncate(1)), Verdict::DoesNotApply);
    let no_plan = |it: &mut Facts| {
        settings(it).flow_logs = Some(false);
        it.has_flow_logs = Ok(false);
    };
    assert_eq!(with("S5", no_plan), Verdict::DoesNotApply);
}

#[test]
fn a_shared_in_device_is_not_judged() {
    let other = json!({ "shared_in": true, "version": "", "created": null, "online": false,
        "key_expiry_disabled": true, "advertised": ["10.1.0.0/16"] });
    let mut facts = healthy();
    facts.devices.as_mut().unwrap().push(device("theirs", other));
    let report = checks::run(&facts, &[]);
    assert!(report.outcomes.iter().all(|it| it.verdict == Verdict::Ok), "{report:?}");
}

#[test]
fn a_device_that_never_connected_is_stale_by_its_age_and_an_ephemeral_one_never() {
    let never = |days: i64, ephemeral: bool| {
        let fields = json!({ "online": false, "created": ago(days), "ephemeral": ephemeral,
            "version": "" });
        let mut facts = healthy();
        facts.devices.as_mut().unwrap().push(device("new", fields));
        let report = checks::run(&facts, &[]);
        // It runs no client, so no version is missing.
        assert_eq!(outcome(&report, "D1").verdict, Verdict::Ok);
        outcome(&report, "D3").clone()
    };
    assert_eq!(never(2, false).verdict, Verdict::Ok);
    assert_eq!(never(8, true).verdict, Verdict::Ok);
    assert_eq!(never(8, false).subjects[0].evidence, "never connected; added 8 d ago");
}

#[test]
fn clones_of_the_last_week_count_if_somebody_watched_and_else_it_says_now_only() {
    let note = after("D6", |_| {}).note.unwrap();
    assert!(note.contains("now only"), "{note}");
    let seen = after("D6", |it| it.cloned_lately = Some(["laptop".to_owned()].into()));
    assert_eq!(seen.verdict, Verdict::Fail);
    assert!(seen.note.unwrap().contains("last 7 days"));
}

#[test]
fn a_route_that_nobody_serves_is_worse_than_one_with_a_single_router() {
    let down = after("R1", |it| {
        for device in it.devices.as_mut().unwrap() {
            device.online = false;
        }
    });
    assert_eq!(down.severity, Severity::High);
    assert!(down.subjects[0].evidence.contains("router-1, router-2"));
    assert_eq!(after("R1", |it| it.devices.as_mut().unwrap().truncate(2)).severity, Severity::Low);
}

#[test]
fn what_stands_in_for_an_approval_is_named() {
    let locked = after("S1", |it| {
        settings(it).device_approval = Some(false);
        first(it).lock_error = "not signed".into();
    });
    assert_eq!(
        (locked.verdict, locked.note.unwrap().as_str()),
        (Verdict::Ok, "Tailnet Lock is on instead")
    );
    let provisioned = after("S2", |it| {
        settings(it).user_approval = Some(false);
        log(it, json!({ "actor_kind": "SCIM", "action": "PUSH_USER" }));
    });
    assert_eq!(provisioned.verdict, Verdict::Ok);
    assert!(provisioned.note.unwrap().contains("SCIM"));
}

#[test]
fn what_others_wrote_is_visible_and_cut() {
    let found = after("D7", |it| {
        first(it).name = "a\u{202e}b\nc".into();
        first(it).lock_error = "x".repeat(10_000);
    });
    let subject = &found.subjects[0];
    assert_eq!(subject.name, "a\\u{202e}b\\u{a}c");
    assert!(subject.evidence.chars().count() < 300, "{}", subject.evidence);
}
