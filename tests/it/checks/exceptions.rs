//! Accepted failures.

use tailsteward::checks::{self, Exception, Verdict};

use super::healthy::{ago, healthy, now, outcome, scope};

fn accept(check: &str, subject: Option<&str>) -> Exception {
    Exception::new(check, subject, "ada@example.com", "planned", ago(-30), now()).unwrap()
}

fn two_stale() -> checks::Facts {
    let mut facts = healthy();
    for device in facts.devices.as_mut().unwrap().iter_mut().take(2) {
        device.online = false;
        device.last_seen = Some(ago(70));
    }
    facts
}

#[test]
fn an_exception_covers_its_subject_or_all() {
    let facts = two_stale();

    let one = checks::run(&facts, &[accept("d3", Some("laptop"))]);
    let all = checks::run(&facts, &[accept("D3", None)]);

    let stale = outcome(&one, "D3");
    assert_eq!(stale.verdict, Verdict::Fail);
    assert_eq!((stale.subjects.len(), stale.accepted.len()), (1, 1));
    assert_eq!(stale.accepted[0].subject.name, "laptop");
    let stale = outcome(&all, "D3");
    assert_eq!(stale.verdict, Verdict::Accepted);
    assert_eq!(stale.accepted.len(), 2);
    assert_eq!(all.score.looked_at, one.score.looked_at);
    assert_eq!(all.score.points, Some(100), "what was accepted does not count");
    assert_eq!(all.count(Verdict::Accepted), 1);
}

#[test]
fn one_that_has_ended_or_is_of_another_check_does_not_count() {
    let facts = two_stale();
    let mut ended = accept("D3", None);
    ended.until = ago(1);
    let mut endless = accept("D3", None);
    endless.until = ago(-400);

    for exception in [ended, endless, accept("D4", None), accept("D3", Some("else"))] {
        let report = checks::run(&facts, std::slice::from_ref(&exception));
        assert_eq!(outcome(&report, "D3").verdict, Verdict::Fail, "{exception:?}");
    }
}

#[test]
fn what_is_unknown_stays_unknown_whatever_was_accepted() {
    let mut facts = healthy();
    facts.devices = Err(scope());
    let report = checks::run(&facts, &[accept("D3", None)]);
    assert_eq!(outcome(&report, "D3").verdict, Verdict::Unknown);
    // A part of it is accepted, and the rest was not seen.
    let mut facts = two_stale();
    facts.devices.as_mut().unwrap()[2].online = false;
    facts.devices.as_mut().unwrap()[2].created = None;
    let report = checks::run(&facts, &[accept("D3", None)]);
    assert_eq!(outcome(&report, "D3").verdict, Verdict::Unknown);
}

#[test]
fn an_exception_names_a_check_a_reason_and_an_end_within_a_year() {
    let make = |check: &str, by: &str, reason: &str, days: i64| {
        Exception::new(check, None, by, reason, ago(-days), now()).map_err(|it| it.to_string())
    };
    assert!(make("D3", "ada", "why", 366).is_ok());
    for (wrong, field) in [
        (make("D99", "ada", "why", 9), "`check`"),
        (make("D3", " ", "why", 9), "`by`"),
        (make("D3", "ada", "", 9), "`reason`"),
        (make("D3", "ada", "why", 367), "`until`"),
        (make("D3", "ada", "why", -1), "`until`"),
    ] {
        assert!(wrong.clone().unwrap_err().contains(field), "{wrong:?}");
    }
}
