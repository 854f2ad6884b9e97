//! A notice as JSON, for programs.

use serde_json::{Value, json};

use super::{
    super::notice::Notice,
    text::{Reader, identifier, time},
};

/// The version of the format.
const VERSION: u32 = 1;

pub(super) fn notice(notice: &Notice) -> Value {
    let text = Reader::Program;
    let lines = notice.lines.iter().map(|line| {
        json!({
            "alert": identifier(&line.alert),
            "status": line.status,
            "subject": text.name(&line.subject),
            "summary": text.sentence(&line.summary),
            "since": time(line.since),
            "resolved": line.ended.as_ref().map(|(at, why)| json!({ "at": time(*at), "why": text.name(why) })),
        })
    });
    json!({
        "version": VERSION,
        "id": identifier(&notice.id),
        "tailnet": text.name(&notice.tailnet),
        "rule": text.name(&notice.rule),
        "severity": notice.severity,
        "at": time(notice.at),
        "lines": lines.collect::<Vec<_>>(),
        "first_step": text.sentence(&notice.first_step),
    })
}
