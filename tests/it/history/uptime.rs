//! Uptime from states and spans.

use proptest::prelude::*;
use tailsteward::history::{
    Connection::{Down, Never, Undated, Up},
    Seconds, Spans,
    uptime::uptime,
};

fn spans(all: &[(Seconds, Seconds)]) -> Spans {
    all.iter().copied().collect()
}

#[test]
fn a_gap_in_watching_is_no_outage() {
    let found = uptime(&[(0, Up)], &spans(&[(0, 100), (500, 600)]), (0, 600), None);

    assert_eq!((found.watched, found.up, found.disconnects), (200, 200, 0));
    assert_eq!(found.longest_outage, None);
    assert_eq!(found.percent(), None, "a third of the window is no basis for a figure");
}

#[test]
fn the_end_of_a_connection_is_known_across_a_gap() {
    // It went at 300, while nobody looked; that was found at 500.
    let states = [(0, Up), (300, Down)];
    let found = uptime(&states, &spans(&[(0, 100), (500, 600)]), (0, 600), None);

    assert_eq!((found.watched, found.up), (400, 100), "0 to 100, and 300 to 600");
    let outage = found.longest_outage.unwrap();
    assert_eq!((outage.from, outage.to), (300, 600));
    assert!(!outage.at_least, "the end of the connection is exact, and so is the last look");
}

#[test]
fn a_device_that_stayed_away_was_away_in_the_gap_too() {
    let states = [(-10, Down)];
    let found = uptime(&states, &spans(&[(0, 100), (500, 600)]), (0, 600), None);

    assert_eq!((found.watched, found.up), (600, 0), "it was last seen before, and not since");
}

#[test]
fn a_device_of_another_tailnet_is_only_known_while_somebody_looks() {
    let states = [(0, Undated)];
    let found = uptime(&states, &spans(&[(0, 100), (500, 600)]), (0, 600), None);

    assert_eq!((found.watched, found.up), (200, 0));
}

#[test]
fn the_window_begins_when_the_device_was_added() {
    let found = uptime(&[(400, Never)], &spans(&[(0, 600)]), (0, 600), Some(400));

    assert_eq!((found.window, found.watched, found.up), (200, 200, 0));
    assert_eq!(found.percent(), Some(0.0));
}

/// A connection that comes and goes at `changes`, beginning with up if `up`, and spans in which somebody
/// looked all the time: what is found is exact in what is known.
fn truth(changes: &[Seconds], up: bool, at: Seconds) -> bool {
    up ^ (changes.iter().filter(|it| **it <= at).count() % 2 == 1)
}

proptest! {
    #[test]
    fn every_second_that_counts_as_known_is_right(
        changes in prop::collection::btree_set(1..400_i64, 0..12),
        looked in prop::collection::vec((0..400_i64, 1..80_i64), 1..6),
        up in any::<bool>(),
    ) {
        let changes: Vec<Seconds> = changes.into_iter().collect();
        let looked: Spans = looked.iter().map(|(from, long)| (*from, from + long)).collect();
        // What a poller writes that looks each second of the spans.
        let mut states: Vec<(Seconds, tailsteward::history::Connection)> = Vec::new();
        for (from, to) in looked.iter() {
            for at in from..to {
                let is = truth(&changes, up, at);
                let ended = changes.iter().rev().find(|it| **it <= at && !truth(&changes, up, **it));
                let last = states.last().copied();
                match (last, is, ended) {
                    (Some((_, Up)), true, _) => {}
                    (_, true, _) => states.push((at, Up)),
                    (last, false, Some(ended)) if last.is_none_or(|it| it.1 == Up || it.0 < *ended) => {
                        states.push((*ended, Down));
                    }
                    (None, false, None) => states.push((0, Never)),
                    _ => {}
                }
            }
        }
        for at in 0..480 {
            let found = uptime(&states, &looked, (at, at + 1), None);
            if found.watched == 1 {
                let is = truth(&changes, up, at);
                prop_assert_eq!(found.up == 1, is, "at {} of {:?}", at, states);
            }
            if looked.iter().any(|(from, to)| (from..to).contains(&at)) {
                prop_assert_eq!(found.watched, 1, "somebody looked at {}", at);
            }
        }
    }

    #[test]
    fn spans_add_up(
        left in prop::collection::vec((0..200_i64, 0..50_i64), 0..8),
        right in prop::collection::vec((0..200_i64, 0..50_i64), 0..8),
    ) {
        let of = |all: &[(i64, i64)]| all.iter().map(|(from, long)| (*from, from + long)).collect::<Spans>();
        let (left, right) = (of(&left), of(&right));
        let (common, without) = (left.common(&right), left.without(&right));
        prop_assert_eq!(common.seconds() + without.seconds(), left.seconds());
        prop_assert!(common.common(&without).is_empty());
        prop_assert_eq!(common.and(without.iter()), left.clone());
        prop_assert_eq!(left.and(right.iter()).seconds(), right.seconds() + without.seconds());
    }
}
