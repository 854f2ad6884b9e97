//! The score: what share of what was looked at is well, by weight.

use std::fmt;

use serde::Serialize;

use super::{Outcome, Severity, Verdict};

/// The most points with a critical failure.
const CAP: u64 = 49;

/// The share of checks that pass, by weight, with how much was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Score {
    /// 0 to 100; `None` if nothing that counts was looked at.
    pub points: Option<u8>,
    /// Checks that passed, failed or were accepted.
    pub looked_at: usize,
    /// All checks that apply.
    pub of: usize,
    /// Checks that could not be looked at.
    pub unknown: usize,
}

impl Score {
    /// The score of these outcomes.
    pub fn of(outcomes: &[Outcome]) -> Self {
        let count = |verdict| outcomes.iter().filter(|it| it.verdict == verdict).count();
        let weight = |verdict| -> u64 {
            let all = outcomes.iter().filter(|it| it.verdict == verdict);
            all.map(|it| u64::from(it.severity.weight())).sum()
        };
        let (ok, fail) = (weight(Verdict::Ok), weight(Verdict::Fail));
        let is_critical =
            |it: &Outcome| it.verdict == Verdict::Fail && it.severity == Severity::Critical;
        let cap = if outcomes.iter().any(is_critical) { CAP } else { 100 };
        // Rounded down: 100 is reached only if nothing fails that counts.
        let points = (ok * 100).checked_div(ok + fail).map(|it| it.min(cap));
        Self {
            points: points.and_then(|it| u8::try_from(it).ok()),
            looked_at: count(Verdict::Ok) + count(Verdict::Fail) + count(Verdict::Accepted),
            of: outcomes.len() - count(Verdict::DoesNotApply),
            unknown: count(Verdict::Unknown),
        }
    }
}

/// Such as `84 of 100; 33 of 40 checks looked at, 7 unknown`.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.points {
            Some(points) => write!(f, "{points} of 100; ")?,
            None => f.write_str("no score; ")?,
        }
        let Self { looked_at, of, unknown, .. } = self;
        write!(f, "{looked_at} of {of} checks looked at, {unknown} unknown")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CAP, Score};
    use crate::checks::{Facts, Outcome, Severity, Unknown, Verdict, run};

    const VERDICTS: [Verdict; 5] =
        [Verdict::Fail, Verdict::Unknown, Verdict::Accepted, Verdict::Ok, Verdict::DoesNotApply];

    fn outcomes(verdicts: &[usize]) -> Vec<Outcome> {
        let nothing = Facts::unknown(jiff::Timestamp::UNIX_EPOCH, &Unknown::failed("nothing"));
        let mut all = run(&nothing, &[]).outcomes;
        for (outcome, at) in all.iter_mut().zip(verdicts) {
            outcome.verdict = VERDICTS[*at];
        }
        all
    }

    fn points(outcomes: &[Outcome]) -> Option<u8> {
        Score::of(outcomes).points
    }

    proptest! {
        #[test]
        fn it_is_the_share_that_passes(verdicts in prop::collection::vec(0..5_usize, 46)) {
            let all = outcomes(&verdicts);
            let score = Score::of(&all);
            let counts = |it: &&Outcome| it.severity > Severity::Info;
            let failing = |it: &&Outcome| it.verdict == Verdict::Fail && counts(it);
            let passing = |it: &&Outcome| it.verdict == Verdict::Ok && counts(it);
            let (fails, passes) = (all.iter().any(|it| failing(&it)), all.iter().any(|it| passing(&it)));
            prop_assert_eq!(score.points.is_some(), fails || passes);
            prop_assert_eq!(score.points == Some(100), passes && !fails);
            prop_assert_eq!(score.points == Some(0), fails && !passes);
            let critical = all.iter().any(|it| failing(&it) && it.severity == Severity::Critical);
            prop_assert!(!critical || score.points.is_some_and(|it| u64::from(it) <= CAP));
            let rest = all.iter().filter(|it| it.verdict == Verdict::DoesNotApply).count();
            prop_assert_eq!(score.looked_at + score.unknown, score.of);
            prop_assert_eq!(score.of + rest, all.len());
        }

        #[test]
        fn what_was_not_looked_at_changes_nothing(
            verdicts in prop::collection::vec(0..5_usize, 46),
            to in prop::collection::vec(0..3_usize, 46),
        ) {
            let before = outcomes(&verdicts);
            let mut after = before.clone();
            let others = [Verdict::Unknown, Verdict::Accepted, Verdict::DoesNotApply];
            for (outcome, to) in after.iter_mut().zip(to) {
                if others.contains(&outcome.verdict) {
                    outcome.verdict = others[to];
                }
            }
            prop_assert_eq!(points(&before), points(&after));
        }

        #[test]
        fn a_failure_that_is_mended_never_costs_points(
            verdicts in prop::collection::vec(0..5_usize, 46),
            at in 0..46_usize,
        ) {
            let mut all = outcomes(&verdicts);
            all[at].verdict = Verdict::Fail;
            let before = points(&all);
            all[at].verdict = Verdict::Ok;
            prop_assert!(points(&all) >= before);
        }
    }
}
