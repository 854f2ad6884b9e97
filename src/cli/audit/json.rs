//! The audit as JSON, with all subjects.

use serde::Serialize;

use super::why;
use crate::{
    checks::{Exception, Outcome, Report, Score, Severity, Subject, Verdict},
    client::Result,
    tailnet::compliance::tools::remedy,
    tool::written,
};

#[derive(Serialize)]
struct Audit<'a> {
    score: &'a Score,
    summary: String,
    checks: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    title: &'a str,
    severity: Severity,
    result: Verdict,
    subjects: &'a [Subject],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accepted: Vec<Accepted<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    remedy: String,
    source: &'a str,
}

#[derive(Serialize)]
struct Accepted<'a> {
    subject: &'a Subject,
    exception: &'a Exception,
}

pub(super) fn object(report: &Report, chosen: &[&Outcome]) -> Result<String> {
    let checks = chosen.iter().map(|outcome| {
        let accepted = outcome.accepted.iter();
        Row {
            id: outcome.check.id,
            title: outcome.check.title,
            severity: outcome.severity,
            result: outcome.verdict,
            subjects: &outcome.subjects,
            accepted: accepted
                .map(|it| Accepted { subject: &it.subject, exception: &it.exception })
                .collect(),
            why: why(outcome),
            note: outcome.note.as_deref(),
            remedy: remedy(outcome),
            source: outcome.check.source,
        }
    });
    let checks = checks.collect();
    written(&Audit { score: &report.score, summary: report.score.to_string(), checks })
}
