//! Runs the checks, and applies exceptions to what they found.

use serde::Serialize;

use super::{Check, Exception, Facts, Score, Severity, Subject, Unknown, all};

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Something is wrong.
    Fail,
    /// It could not be looked at, or only a part of it.
    Unknown,
    /// It fails, and somebody has accepted that.
    Accepted,
    /// Nothing is wrong.
    Ok,
    /// The tailnet has nothing that it is about.
    DoesNotApply,
}

impl Verdict {
    /// The name, such as `does_not_apply`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Accepted => "accepted",
            Self::Ok => "ok",
            Self::DoesNotApply => "does_not_apply",
        }
    }
}

/// A subject whose failure was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The subject.
    pub subject: Subject,
    /// By whom, why and until when.
    pub exception: Exception,
}

/// What a check came to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// The check.
    pub check: &'static Check,
    /// The result.
    pub verdict: Verdict,
    /// How serious it is: if it fails, as serious as its worst subject.
    pub severity: Severity,
    /// What fails it, the most serious first.
    pub subjects: Vec<Subject>,
    /// What would fail it, but was accepted.
    pub accepted: Vec<Accepted>,
    /// Why it is unknown, if it is, or what of it is.
    pub unknown: Option<Unknown>,
    /// Why it does not apply.
    pub does_not_apply: Option<String>,
    /// What was looked at, where that is less than one may think.
    pub note: Option<String>,
}

/// The outcomes of all checks, the worst first, and the score.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// The outcomes: failures first, and of each kind the most serious first.
    pub outcomes: Vec<Outcome>,
    /// The score.
    pub score: Score,
    /// How many own devices the device checks looked at, and how many there are; `None` if unknown.
    pub devices: Option<(usize, usize)>,
}

impl Report {
    /// How many checks have this result.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.outcomes.iter().filter(|it| it.verdict == verdict).count()
    }
}

/// Runs all checks. Exceptions that have ended do not count.
pub fn run(facts: &Facts, exceptions: &[Exception]) -> Report {
    let exceptions: Vec<&Exception> = exceptions.iter().filter(|it| it.counts(facts.now)).collect();
    let mut outcomes: Vec<Outcome> = all().map(|it| outcome(it, facts, &exceptions)).collect();
    // Stable: checks that are equally serious stay in the order of their IDs.
    outcomes.sort_by_key(|it| (it.verdict, std::cmp::Reverse(it.severity)));
    let score = Score::of(&outcomes);
    let count = || Some((facts.looked_at().ok()?.count(), facts.own().ok()?.count()));
    Report { outcomes, score, devices: count() }
}

fn outcome(check: &'static Check, facts: &Facts, exceptions: &[&Exception]) -> Outcome {
    let mut outcome = Outcome {
        check,
        verdict: Verdict::Ok,
        severity: check.severity,
        subjects: Vec::new(),
        accepted: Vec::new(),
        unknown: None,
        does_not_apply: None,
        note: None,
    };
    if check.of_devices && facts.looked_at().is_ok_and(|mut it| it.next().is_none()) {
        let why = match facts.selected {
            Some(_) => "no own device matches the filters",
            None => "the tailnet has no device of its own",
        };
        outcome.verdict = Verdict::DoesNotApply;
        outcome.does_not_apply = Some(why.to_owned());
        return outcome;
    }
    let seen = match (check.look)(facts) {
        Ok(seen) => seen,
        Err(unknown) => {
            outcome.verdict = Verdict::Unknown;
            outcome.unknown = Some(unknown);
            return outcome;
        }
    };
    (outcome.note, outcome.unknown) = (seen.note, seen.missing);
    if let Some(why) = seen.does_not_apply {
        outcome.verdict = Verdict::DoesNotApply;
        outcome.does_not_apply = Some(why);
        return outcome;
    }
    for subject in seen.subjects {
        let accepts = |it: &&&Exception| it.check == check.id && it.covers(&subject);
        match exceptions.iter().find(accepts) {
            Some(exception) => {
                outcome.accepted.push(Accepted { subject, exception: (**exception).clone() });
            }
            None => outcome.subjects.push(subject),
        }
    }
    outcome.subjects.sort_by_key(|it| std::cmp::Reverse(it.severity));
    outcome.verdict = match (outcome.subjects.first(), &outcome.unknown) {
        (Some(worst), _) => {
            outcome.severity = worst.severity;
            Verdict::Fail
        }
        (None, Some(_)) => Verdict::Unknown,
        (None, None) if outcome.accepted.is_empty() => Verdict::Ok,
        (None, None) => Verdict::Accepted,
    };
    outcome
}
