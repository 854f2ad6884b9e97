//! What becomes of the alerts of one rule. Pure.

use std::collections::HashMap;

use super::{evaluate::hash, judge::Found, rule::Ready};
use crate::{
    alerts::{
        Episode, State, Subject, Truth,
        episode::{FLAPPING, step},
    },
    history::{Known, Seconds},
};

/// How the summary of an alert begins that comes and goes.
const CAME_BACK: &str = "came back";

/// The alerts of a rule, each by its subject.
pub(super) type OfRule = foldhash::HashMap<String, Kept>;

/// An alert that is not over.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) it: Episode,
    /// The last round in which its rule found it.
    pub(super) round: u64,
}

/// The alerts that an evaluation touched, by ID, as they were before; none for those that are new. Most stay as
/// they are, so they are not copied.
#[derive(Debug, Default)]
pub(super) struct Touched(pub(super) HashMap<String, Option<Episode>>);

impl Touched {
    pub(super) fn was(&mut self, before: &Episode) {
        self.0.entry(before.id.clone()).or_insert_with(|| Some(before.clone()));
    }

    pub(super) fn is_new(&mut self, it: &Episode) {
        self.0.entry(it.id.clone()).or_insert(None);
    }
}

/// What a rule does with its alerts, one after the other.
pub(super) struct Step<'s> {
    pub(super) rule: &'s Ready,
    pub(super) label: &'s str,
    pub(super) now: Seconds,
    pub(super) round: u64,
    pub(super) touched: &'s mut Touched,
}

impl Step<'_> {
    /// What becomes of the alert at `place`.
    pub(super) fn take(
        &mut self,
        of_rule: &mut OfRule,
        place: &str,
        truth: Truth,
        subject: impl FnOnce() -> Subject,
    ) {
        let (rule, now, round) = (self.rule, self.now, self.round);
        let before = of_rule.get_mut(place);
        if let Some(kept) = before {
            kept.round = round;
            if is_steady(&kept.it, &truth, rule, now) {
                return;
            }
            self.touched.was(&kept.it);
        }
        let before = of_rule.remove(place).map(|kept| kept.it);
        let begin = || (rule.rule.name.clone(), rule.condition(), subject());
        let Some(mut after) = step(before, truth, rule.timing, now, begin) else { return };
        after.severity = rule.severity();
        if after.id.is_empty() {
            after.id = id(self.label, &after, now);
            self.touched.is_new(&after);
        }
        let is_said = after.summary.starts_with(CAME_BACK);
        if after.is_flapping(now) && after.state == State::Firing && !is_said {
            after.summary = format!("{CAME_BACK} {FLAPPING} times in 24 h; {}", after.summary);
        }
        of_rule.insert(place.to_owned(), Kept { it: after, round });
    }
}

/// What is true of the subject of an alert that its rule did not find this time. `devices` is none if they are not
/// known.
pub(super) fn rest_of(it: &Episode, found: &Found<'_>, devices: Option<&Known>) -> Truth {
    let devices = devices.filter(|_| it.subject.kind == "device");
    if devices.is_some_and(|known| known.thing(&it.subject.key).is_none()) {
        Truth::Gone
    } else if found.hides(&it.subject) {
        Truth::Unknown
    } else {
        Truth::Not
    }
}

/// Whether an alert stays just as it is: most do, each time.
pub(super) fn is_steady(it: &Episode, truth: &Truth, rule: &Ready, now: Seconds) -> bool {
    let is_same = match (it.state, truth) {
        (State::Firing, Truth::Holds { summary, .. }) => {
            it.summary == *summary && it.unknown_since.is_none()
        }
        (State::Pending, Truth::Holds { since, summary }) => {
            it.summary == *summary
                && it.unknown_since.is_none()
                && now - it.since < rule.timing.hold
                && since.is_none_or(|since| since <= it.since)
        }
        (State::Ended, Truth::Not) => it.unknown_since.is_none(),
        (State::Ended, Truth::Gone | Truth::Unknown) => true,
        (_, Truth::Unknown) => it.unknown_since.is_some(),
        _ => false,
    };
    is_same && it.severity == rule.severity()
}

/// Where the alert about a subject is among those of its rule.
pub(super) fn place(kind: &str, key: &str) -> String {
    let mut place = String::new();
    write_place(&mut place, kind, key);
    place
}

pub(super) fn write_place(place: &mut String, kind: &str, key: &str) {
    place.clear();
    place.extend([kind, " ", key]);
}

/// The ID of an alert that begins now.
pub(super) fn id(label: &str, it: &Episode, now: Seconds) -> String {
    let subject = &it.subject;
    let (since, now) = (it.since.to_string(), now.to_string());
    let parts = [label, &it.rule, &it.condition, &subject.kind, &subject.key, &since, &now];
    hash(&parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{Ready, is_steady, step};
    use crate::{
        alerts::{Subject, Truth},
        tailnet::alerts::{Origin, Rule},
    };

    const START: i64 = 1_700_000_000;

    fn rule() -> Ready {
        let rule = json!({
            "name": "quiet", "when": "silent", "longer_than": "1m", "for": "10m", "settle": "5m",
        });
        serde_json::from_value::<Rule>(rule).unwrap().ready(Origin::Config).unwrap()
    }

    fn truth() -> impl Strategy<Value = Truth> {
        let holds = (prop::option::of(START - 2_000..START + 9_000), "[ab]");
        prop_oneof![
            4 => holds.prop_map(|(since, text)| Truth::Holds { since, summary: text.into() }),
            2 => Just(Truth::Not),
            1 => Just(Truth::Gone),
            2 => Just(Truth::Unknown),
        ]
    }

    proptest! {
        // Some ways are rare: to begin again, be unknown, and be gone.
        #![proptest_config(ProptestConfig::with_cases(3_000))]

        /// What is left alone is what a step would have left as it is.
        #[test]
        fn only_what_would_not_change_is_left_alone(
            truths in prop::collection::vec((1..1_200_i64, truth()), 1..60),
        ) {
            let rule = rule();
            let (mut now, mut it) = (START, None);
            for (apart, truth) in truths {
                now += apart;
                let begin = || {
                    let [kind, key, name] = ["device", "n1", "web-1"].map(str::to_owned);
                    ("quiet".to_owned(), rule.condition(), Subject { kind, key, name })
                };
                let steady = it.as_ref().is_some_and(|it| is_steady(it, &truth, &rule, now));
                let mut after = step(it.clone(), truth, rule.timing, now, begin);
                if let Some(after) = &mut after {
                    after.severity = rule.severity();
                }
                prop_assert!(!steady || after == it, "{it:?} became {after:?}");
                it = after;
            }
        }
    }
}
