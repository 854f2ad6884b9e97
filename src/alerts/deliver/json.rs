//! A notice as JSON, for programs.

use serde_json::{Value, json};

use super::{
    super::notice::Notice,
    text::{Reader, identifier, listed, time, unlisted},
};

/// The version of the format.
const VERSION: u32 = 1;

pub(super) fn notice(notice: &Notice) -> Value {
    let text = Reader::Program;
    let lines = listed(notice).iter().map(|line| {
        json!({
            "alert": identifier(&line.alert),
            "told": line.told,
            "subject": text.name(&line.subject),
            "said": text.sentence(&line.said),
            "since": time(line.since),
            "ended": line.ended.as_ref().map(|(at, why)| json!({ "at": time(*at), "why": text.name(why) })),
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
        "more": unlisted(notice),
        "first_step": text.sentence(&notice.first_step),
    })
}
