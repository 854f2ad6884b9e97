//! What a change did, or would do, as text.

use serde_json::Value;

use super::{
    heading,
    value::{self, push_wrapped},
    warning,
};
use crate::{
    change::{Capped, Problem, Report},
    visible::{visible, visible_up_to},
    words::counted,
};

/// The longest value that is shown.
const MAX_VALUE: usize = 400;
/// Resources that are named.
const MAX_NAMED: usize = 20;

/// The report, with texts wrapped at `width` columns.
pub(super) fn text(report: &Report, undo: Option<&str>, width: usize) -> String {
    let mut lines = vec![heading(&outcome(report))];
    for changed in &report.changes {
        let (before, after) = (shown(&changed.before), shown(&changed.after));
        let start = format!("  {}: ", visible(&changed.field));
        push_wrapped(&mut lines, &start, &format!("{before} → {after}{}", on(&changed.on)), width);
    }
    problems(&mut lines, "failed", &report.failed, width);
    problems(&mut lines, "outcome unknown", &report.unknown, width);
    for (what, names) in [
        ("rolled back", &report.rolled_back),
        ("not tried", &report.not_tried),
        ("no change needed", &report.unchanged_resources),
    ] {
        if !names.is_empty() {
            let start = format!("{what}: ");
            push_wrapped(&mut lines, &start, &listed(names), width);
        }
    }
    for note in &report.notes {
        push_wrapped(&mut lines, "note: ", &visible(note), width);
    }
    lines.extend(report.warnings.iter().map(|it| warning(&visible(it))));
    if let Some(answer) = &report.answer {
        push_wrapped(&mut lines, "answer: ", &cell(answer), width);
    }
    once(&mut lines, report);
    if report.cannot_be_undone && report.applied {
        lines.push("This cannot be undone.".to_owned());
    }
    lines.extend(undo.map(|command| format!("Undo it with: {command}")));
    lines.join("\n")
}

/// The first line: whether it was done, and to what.
fn outcome(report: &Report) -> String {
    let about = match (&report.resource, report.total) {
        (Some(resource), _) if report.details.is_empty() => visible(resource).into_owned(),
        (Some(resource), _) => format!("{} ({})", visible(resource), visible(&report.details)),
        (None, Some(total)) => counted(total, "resource", "resources"),
        (None, None) => "nothing".to_owned(),
    };
    let tailnet = report.tailnet.as_deref().map(|it| format!(" of {}", visible(it)));
    let about = format!("{about}{}", tailnet.unwrap_or_default());
    match report.change {
        _ if report.unchanged => format!("no change needed: {about}"),
        Some(change) if report.has_failures() => format!("change {change}, not complete: {about}"),
        Some(change) => format!("change {change}: {about}"),
        None if report.applied => format!("changed: {about}"),
        None => format!("dry run, nothing was changed: {about}"),
    }
}

/// A value on one line.
fn cell(json: &Value) -> String {
    serde_json::from_value(json.clone()).map_or_else(|_| json.to_string(), |it| value::cell(&it))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::Array(items) if items.is_empty() => "(none)".to_owned(),
        Value::String(text) if text.is_empty() => "(empty)".to_owned(),
        other => visible_up_to(&cell(other), MAX_VALUE).into_owned(),
    }
}

fn on(names: &Capped<String>) -> String {
    if names.is_empty() { String::new() } else { format!("  (on {})", listed(names)) }
}

fn listed(names: &Capped<String>) -> String {
    let mut shown: Vec<String> =
        names.shown().iter().take(MAX_NAMED).map(|it| visible(it).into_owned()).collect();
    if names.len() > shown.len() {
        shown.push(format!("and {} more", names.len() - shown.len()));
    }
    shown.join(", ")
}

fn problems(lines: &mut Vec<String>, what: &str, problems: &Capped<Problem>, width: usize) {
    for problem in problems.shown() {
        let start = format!("{what}: {}: ", visible(&problem.resource));
        push_wrapped(lines, &start, &visible(&problem.why), width);
    }
    let more = problems.len() - problems.shown().len();
    if more > 0 {
        lines.push(format!("{what}: {more} more"));
    }
}

/// Secrets, which are shown here and never again.
fn once(lines: &mut Vec<String>, report: &Report) {
    for (name, secret) in &report.shown_once {
        lines.push(format!("{} (shown only now): {}", visible(name), visible(secret.reveal())));
    }
}
