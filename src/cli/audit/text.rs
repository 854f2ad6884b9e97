//! The audit for a person: the worst first.

use std::fmt::Write as _;

use super::why;
use crate::{
    checks::{Outcome, Report, Verdict},
    tailnet::compliance::tools::remedy,
    visible::visible,
};

/// How many subjects of a check are shown; JSON and CSV have all.
const SUBJECTS: usize = 10;

pub(super) fn lines(report: &Report, chosen: &[&Outcome]) -> String {
    let mut text = format!("{}\n", report.score);
    let passing = |it: &&&Outcome| matches!(it.verdict, Verdict::Ok | Verdict::DoesNotApply);
    for outcome in chosen.iter().filter(|it| !passing(it)) {
        describe(outcome, &mut text);
    }
    for (verdict, word) in [(Verdict::Ok, "ok"), (Verdict::DoesNotApply, "does not apply")] {
        let all = chosen.iter().filter(|it| it.verdict == verdict);
        let ids: Vec<&str> = all.map(|it| it.check.id).collect();
        if !ids.is_empty() {
            let _ = writeln!(text, "{word}: {}", ids.join(" "));
        }
    }
    text
}

fn describe(outcome: &Outcome, text: &mut String) {
    let (check, verdict) = (outcome.check, outcome.verdict.as_str());
    let _ = writeln!(text, "{verdict:8} {:8} {:3} {}", outcome.severity, check.id, check.title);
    for subject in outcome.subjects.iter().take(SUBJECTS) {
        let _ = writeln!(text, "    {}: {}", subject.name, subject.evidence);
    }
    if let Some(more @ 1..) = outcome.subjects.len().checked_sub(SUBJECTS) {
        let _ = writeln!(text, "    and {more} more");
    }
    for it in &outcome.accepted {
        let (by, reason) = (&it.exception.by, &it.exception.reason);
        let _ = writeln!(text, "    {}: accepted by {by}: {reason}", it.subject.name);
    }
    if let Some(why) = why(outcome) {
        let _ = writeln!(text, "    {}", visible(why));
    }
    if let Some(note) = &outcome.note {
        let _ = writeln!(text, "    {note}");
    }
    if outcome.verdict == Verdict::Fail {
        let _ = writeln!(text, "    remedy: {}", remedy(outcome));
    }
}
