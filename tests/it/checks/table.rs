//! A case of each check. No check is without one.

use std::collections::BTreeSet;

use tailsteward::checks::{self, Facts, Severity, Verdict};

use super::{
    devices,
    healthy::{after, healthy, scope},
    keys, other, policy, settings,
};

/// What makes a check of the healthy tailnet fail, and what makes it unknown.
pub struct Case {
    pub id: &'static str,
    pub fails: fn(&mut Facts),
    /// The first subject and its evidence, or a part of it.
    pub because: &'static str,
    pub unknown: fn(&mut Facts),
}

fn cases() -> Vec<&'static Case> {
    let all = [devices::CASES, keys::CASES, policy::CASES, settings::CASES, other::CASES];
    all.into_iter().flatten().collect()
}

#[test]
fn no_check_is_without_a_case_and_no_id_is_used_twice() {
    let ids: Vec<&str> = checks::all().map(|it| it.id).collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    let tested: BTreeSet<&str> = cases().iter().map(|it| it.id).collect();
    assert_eq!(tested, unique);
    assert!(checks::find("D9").is_none(), "D9 was left out, and is not used again");
    assert_eq!(checks::find(" d10 ").map(|it| it.id), Some("D10"));
}

#[test]
fn each_check_fails_for_its_case_and_only_it_says_why() {
    for case in cases() {
        let found = after(case.id, case.fails);
        assert_eq!(found.verdict, Verdict::Fail, "{}: {:?}", case.id, found.unknown);
        let first = &found.subjects[0];
        let shown = format!("{}: {}", first.name, first.evidence);
        assert!(shown.contains(case.because), "{}: {shown}", case.id);
    }
}

#[test]
fn each_check_is_unknown_where_it_cannot_look() {
    for case in cases() {
        let found = after(case.id, case.unknown);
        assert_eq!(found.verdict, Verdict::Unknown, "{}: {:?}", case.id, found.subjects);
        let why = &found.unknown.as_ref().unwrap().text;
        assert!(!why.is_empty() && found.subjects.is_empty(), "{}: {why}", case.id);
    }
}

#[test]
fn where_nothing_was_read_nothing_passes_and_there_is_no_score() {
    let report = checks::run(&Facts::unknown(super::healthy::now(), &scope()), &[]);
    assert!(report.outcomes.iter().all(|it| it.verdict == Verdict::Unknown));
    let of = checks::all().count();
    assert_eq!(
        report.score.to_string(),
        format!("no score; 0 of {of} checks looked at, {of} unknown")
    );
    assert_eq!(report.devices, None);
}

#[test]
fn the_worst_comes_first() {
    let mut facts = healthy();
    for id in ["K2", "D4", "S4"] {
        let case = cases().into_iter().find(|it| it.id == id).unwrap();
        (case.fails)(&mut facts);
    }
    facts.contacts = Err(scope());
    let report = checks::run(&facts, &[]);
    let order: Vec<_> = report.outcomes.iter().map(|it| (it.verdict, it.severity)).collect();
    let mut sorted = order.clone();
    sorted.sort_by_key(|(verdict, severity)| (*verdict, std::cmp::Reverse(*severity)));
    assert_eq!(order, sorted);
    assert_eq!(order[0], (Verdict::Fail, Severity::Critical));
    assert!(report.score.points.unwrap() <= 49, "a critical failure caps it: {}", report.score);
}

#[test]
fn every_check_says_what_to_do_and_where_that_is_from() {
    for it in checks::all() {
        for text in [it.title, it.fails, it.remedy, it.source] {
            assert!(!text.is_empty() && !text.contains("  "), "{}: {text:?}", it.id);
        }
        assert!(it.title.starts_with(char::is_uppercase), "{}", it.title);
    }
}
