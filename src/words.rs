//! How counts and times are written in messages and results.

use jiff::Timestamp;

/// A count with its noun: `1 device`, `2 devices`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The parts that are not empty, with commas between them.
pub(crate) fn listed<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(", ")
}

/// The time in whole seconds, RFC 3339.
pub(crate) fn to_the_second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
