//! The audit as CSV (RFC 4180): evidence for each check and subject.

use super::why;
use crate::{
    Error,
    checks::{Outcome, Subject, Verdict},
    client::Result,
    tailnet::compliance::tools::remedy,
    visible::visible,
};

const HEADER: [&str; 9] = [
    "check",
    "title",
    "severity",
    "result",
    "subject_id",
    "subject",
    "evidence",
    "remedy",
    "source",
];

pub(super) fn table(chosen: &[&Outcome]) -> Result<String> {
    let mut table = Table::new()?;
    for outcome in chosen {
        for subject in &outcome.subjects {
            table.row(outcome, Verdict::Fail, Some(subject), &subject.evidence)?;
        }
        for it in &outcome.accepted {
            let exception = &it.exception;
            let evidence = format!(
                "{}; accepted by {} until {}: {}",
                it.subject.evidence, exception.by, exception.until, exception.reason
            );
            table.row(outcome, Verdict::Accepted, Some(&it.subject), &evidence)?;
        }
        // Also where a part of a check that fails could not be looked at.
        if let Some(why) = why(outcome) {
            let verdict = match outcome.verdict {
                Verdict::DoesNotApply => Verdict::DoesNotApply,
                _ => Verdict::Unknown,
            };
            table.row(outcome, verdict, None, why)?;
        } else if outcome.verdict == Verdict::Ok {
            table.row(outcome, Verdict::Ok, None, outcome.note.as_deref().unwrap_or_default())?;
        }
    }
    table.end()
}

struct Table(csv::Writer<Vec<u8>>);

impl Table {
    fn new() -> Result<Self> {
        let lines = csv::Terminator::CRLF;
        let mut table = csv::WriterBuilder::new().terminator(lines).from_writer(Vec::new());
        table.write_record(HEADER).map_err(unwritable)?;
        Ok(Self(table))
    }

    fn row(
        &mut self,
        outcome: &Outcome,
        verdict: Verdict,
        subject: Option<&Subject>,
        evidence: &str,
    ) -> Result<()> {
        let check = outcome.check;
        let severity = subject.map_or(check.severity, |it| it.severity).as_str();
        let (id, name) = subject.map_or(("", ""), |it| (&it.id, &it.name));
        let (remedy, evidence) = (remedy(outcome), visible(evidence));
        let remedy = if verdict == Verdict::Fail { remedy.as_str() } else { "" };
        let cells = [
            check.id,
            check.title,
            severity,
            verdict.as_str(),
            id,
            name,
            &evidence,
            remedy,
            check.source,
        ];
        self.0.write_record(cells.map(harmless)).map_err(unwritable)
    }

    fn end(self) -> Result<String> {
        let bytes = self.0.into_inner().map_err(unwritable)?;
        String::from_utf8(bytes).map_err(unwritable)
    }
}

/// A cell that a spreadsheet does not take for a formula.
fn harmless(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula { format!("'{cell}") } else { cell.to_owned() }
}

fn unwritable(error: impl std::fmt::Display) -> Error {
    Error::invalid_input("csv", format!("cannot be written: {error}"))
}
