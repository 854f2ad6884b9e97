//! How counts, sizes and times are written in messages and results.

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

/// The day of a time in UTC, as in `2026-11-29`.
#[cfg(feature = "journal")]
pub(crate) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// The time in whole seconds, RFC 3339.
pub(crate) fn to_the_second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// The units of sizes, each a thousand of the one before.
#[cfg(feature = "server")]
pub(crate) const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];

/// A number of bytes: `1.2 GB`.
#[cfg(feature = "server")]
pub(crate) fn bytes(count: u64) -> String {
    let (mut unit, mut size) = (0, 1_u64);
    while count / size >= 1_000 && unit < UNITS.len() - 1 {
        size *= 1_000;
        unit += 1;
    }
    let name = UNITS.get(unit).unwrap_or(&"B");
    if unit == 0 {
        return format!("{count} {name}");
    }
    let tenths = u128::from(count) * 10 / u128::from(size);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}
