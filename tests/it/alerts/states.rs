//! What becomes of an alert, whatever the looks say.

use proptest::prelude::*;
use tailsteward::alerts::{
    Episode, State, Status, Subject, Timing, Truth, Why,
    episode::{FLAPPING, REOPENS, notify, step},
};

const START: i64 = 1_700_000_000;

fn subject() -> Subject {
    Subject { kind: "device".into(), key: "n1".into(), name: "web-1".into() }
}

fn begin() -> (String, String, Subject) {
    ("server-silent".into(), "{}".into(), subject())
}

fn holds(since: Option<i64>) -> Truth {
    Truth::Holds { since, summary: "not connected".into() }
}

fn timing(hold: i64, settle: i64) -> Timing {
    Timing { hold, settle }
}

fn steps(timing: Timing, truths: &[(i64, Truth)]) -> Option<Episode> {
    truths.iter().cloned().fold(None, |it, (at, truth)| step(it, truth, timing, START + at, begin))
}

#[test]
fn it_fires_after_it_held_for_long_enough_by_the_time_of_the_fact() {
    let rule = timing(600, 120);
    let pending = steps(rule, &[(0, holds(None))]).unwrap();
    assert_eq!((pending.state, pending.since), (State::Pending, START));
    let firing = steps(rule, &[(0, holds(None)), (600, holds(None))]).unwrap();
    assert_eq!((firing.state, firing.fired_at), (State::Firing, Some(START + 600)));
    // The fact is older than the first look, as after a restart: nothing waits twice.
    let dated = steps(rule, &[(0, holds(Some(START - 700)))]).unwrap();
    assert_eq!((dated.state, dated.since), (State::Firing, START - 700));
    // It was over in between, although no look saw that.
    let again = steps(rule, &[(0, holds(Some(START))), (590, holds(Some(START + 580)))]).unwrap();
    assert_eq!((again.state, again.since), (State::Pending, START + 580));
}

#[test]
fn it_ends_only_after_it_was_over_for_long_enough() {
    let rule = timing(0, 120);
    let it = steps(rule, &[(0, holds(None)), (60, Truth::Not)]).unwrap();
    assert_eq!(it.state, State::Settling);
    let back = steps(rule, &[(0, holds(None)), (60, Truth::Not), (100, holds(None))]).unwrap();
    assert_eq!((back.state, back.reopened.len()), (State::Firing, 0));
    let over = steps(rule, &[(0, holds(None)), (60, Truth::Not), (180, Truth::Not)]).unwrap();
    assert_eq!(
        over.ended,
        Some((START + 60, Why::Over)),
        "since it was over, not since it settled"
    );
    let gone = steps(rule, &[(0, holds(None)), (60, Truth::Gone)]).unwrap();
    assert_eq!(gone.ended, Some((START + 60, Why::Gone)));
    assert_eq!(
        steps(timing(600, 0), &[(0, holds(None)), (60, Truth::Not)]),
        None,
        "without a trace"
    );
}

#[test]
fn what_cannot_be_known_ends_nothing_and_is_told() {
    let rule = timing(0, 0);
    let it =
        steps(rule, &[(0, holds(None)), (60, Truth::Unknown), (9_000, Truth::Unknown)]).unwrap();
    assert_eq!((it.state, it.unknown_since), (State::Firing, Some(START + 60)));
    let known = steps(rule, &[(0, holds(None)), (60, Truth::Unknown), (90, holds(None))]).unwrap();
    assert_eq!(known.unknown_since, None);
    assert_eq!(steps(rule, &[(0, Truth::Unknown)]), None, "and begins nothing");
}

#[test]
fn it_is_told_once_reminded_of_and_its_end_is_told() {
    let mut it = steps(timing(0, 0), &[(0, holds(None))]).unwrap();
    let day = Some(86_400);
    assert_eq!(notify(&mut it, false, false, day, START), Some(Status::Firing));
    assert_eq!(notify(&mut it, false, false, day, START + 60), None);
    assert_eq!(
        notify(&mut it, false, true, day, START + 86_400),
        None,
        "somebody takes care of it"
    );
    assert_eq!(notify(&mut it, false, false, day, START + 86_400), Some(Status::Reminder));
    assert_eq!(notify(&mut it, false, false, None, START + 900_000), None, "never again");
    let mut it = step(Some(it), Truth::Not, timing(0, 0), START + 900_000, begin).unwrap();
    assert_eq!(
        notify(&mut it, true, false, day, START + 900_000),
        Some(Status::Resolved),
        "even if muted"
    );
    assert_eq!(notify(&mut it, false, false, day, START + 900_060), None);
}

#[test]
fn one_that_was_muted_is_told_when_the_mute_ends() {
    let mut it = steps(timing(0, 0), &[(0, holds(None))]).unwrap();
    assert_eq!(notify(&mut it, true, false, None, START), None);
    assert_eq!(notify(&mut it, false, false, None, START + 60), Some(Status::Firing));
}

#[test]
fn one_that_comes_and_goes_is_one_alert_and_told_less() {
    let mut told = Vec::new();
    let mut it = steps(timing(0, 0), &[(0, holds(None))]);
    let mut ids = 0;
    for minute in 0..60 {
        let now = START + minute * 60;
        let truth = if minute % 2 == 0 { holds(None) } else { Truth::Not };
        it = step(it, truth, timing(0, 0), now, || {
            ids += 1;
            begin()
        });
        told.extend(notify(it.as_mut().unwrap(), false, false, None, now));
    }
    assert_eq!(ids, 0, "it stays the same alert");
    assert!(it.as_ref().unwrap().is_flapping(START + 3_600));
    assert_eq!(told.len(), 2 * FLAPPING + 1, "{told:?}: then only its final end");
    assert_eq!(told.last(), Some(&Status::Firing), "so whoever was told knows that it fires");
    let quiet = START + 3_600 + REOPENS;
    let mut it = step(it, Truth::Not, timing(0, 0), quiet, begin).unwrap();
    assert_eq!(notify(&mut it, false, false, None, quiet), Some(Status::Resolved));
}

fn any_truth() -> impl Strategy<Value = (i64, u8, i64)> {
    (0_i64..900, 0_u8..4, 0_i64..2_000)
}

proptest! {
    /// No alert ends without a cause, nothing that is unknown ends one, and whoever was told that it fires is
    /// told that it is over.
    #[test]
    fn no_alert_ends_without_a_cause(
        looks in prop::collection::vec(any_truth(), 1..80),
        hold in 0_i64..1_200,
        settle in 0_i64..1_200,
    ) {
        let rule = timing(hold, settle);
        let mut now = START;
        let mut it: Option<Episode> = None;
        let mut known_over: Option<i64> = None;
        let mut told_open = false;
        for (wait, kind, back) in looks {
            now += wait;
            let truth = match kind {
                0 => holds(Some(now - back)),
                1 => Truth::Not,
                2 => Truth::Unknown,
                _ => holds(None),
            };
            match &truth {
                Truth::Holds { .. } => known_over = None,
                Truth::Not => { known_over.get_or_insert(now); }
                _ => {}
            }
            let before = it.clone();
            it = step(it, truth.clone(), rule, now, begin);
            let was_active = before.as_ref().is_some_and(Episode::is_active);
            if let Some(before) = &before && before.state != State::Ended {
                let ended = it.as_ref().is_none_or(|it| it.state == State::Ended);
                if ended {
                    prop_assert!(matches!(truth, Truth::Not), "{before:?} ended by {truth:?}");
                    if was_active {
                        prop_assert!(known_over.is_some_and(|at| now - at >= settle));
                    }
                }
            }
            if let Some(it) = &mut it {
                if it.state == State::Firing && before.as_ref().is_none_or(|it| !it.is_active()) {
                    prop_assert!(now - it.since >= hold, "it fires too early: {it:?}");
                }
                prop_assert!(it.since <= now);
                match notify(it, false, false, None, now) {
                    Some(Status::Firing) => { prop_assert!(!told_open); told_open = true; }
                    Some(Status::Resolved) => { prop_assert!(told_open); told_open = false; }
                    _ => {}
                }
                if it.is_active() {
                    prop_assert!(told_open, "it fires, and nobody knows: {it:?}");
                }
            } else {
                prop_assert!(!told_open, "it is gone, and was not told");
            }
        }
    }

    /// A restart loses no clock: what is kept is all that a judgement goes by.
    #[test]
    fn a_restart_changes_nothing(
        looks in prop::collection::vec(any_truth(), 1..40),
        restart in 0_usize..40,
        hold in 0_i64..1_200,
        settle in 0_i64..1_200,
    ) {
        let run = |restarts: bool| {
            let mut now = START;
            let mut it: Option<Episode> = None;
            for (at, (wait, kind, back)) in looks.iter().enumerate() {
                now += wait;
                let truth = match kind {
                    0 => holds(Some(now - back)),
                    1 => Truth::Not,
                    2 => Truth::Unknown,
                    _ => holds(None),
                };
                it = step(it, truth, timing(hold, settle), now, begin);
                if restarts && at == restart {
                    let kept = serde_json::to_string(&it).unwrap();
                    it = serde_json::from_str(&kept).unwrap();
                }
            }
            it
        };
        prop_assert_eq!(run(true), run(false));
    }
}
