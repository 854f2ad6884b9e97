//! Short wordings that the lines of a comparison share.

use crate::{
    compile::{Bits, Compiled},
    hujson::{Kind, Node},
    model::Text,
    problem::shortened,
    selector::Selector,
};

/// The most characters of a value in a line.
const MAX_VALUE: usize = 120;
/// The most names in a list.
const MAX_NAMES: usize = 8;
/// The most devices that a line names.
const MAX_DEVICES: usize = 3;

/// A value on one line, shortened.
pub(super) fn value(node: Option<&Node>) -> String {
    let Some(node) = node else { return "none".to_owned() };
    let text = match &node.kind {
        Kind::Text(text) => text.clone(),
        _ => node.to_json().to_string(),
    };
    shortened(&text, MAX_VALUE).into_owned()
}

/// A JSON value on one line, shortened.
pub(super) fn json(value: &serde_json::Value) -> String {
    shortened(&value.to_string(), MAX_VALUE).into_owned()
}

/// Names separated by commas, of which only the first few are listed.
pub(super) fn join<'t>(names: impl IntoIterator<Item = &'t str>) -> String {
    let all: Vec<&str> = names.into_iter().collect();
    let more = all.len().saturating_sub(MAX_NAMES);
    let mut shown: Vec<String> = all
        .into_iter()
        .take(MAX_NAMES)
        .map(|name| shortened(name, MAX_VALUE).into_owned())
        .collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    if shown.is_empty() { "nobody".to_owned() } else { shown.join(", ") }
}

pub(super) fn selectors(selectors: &[Selector]) -> String {
    join(selectors.iter().map(|selector| selector.text.as_str()))
}

pub(super) fn texts(texts: &[Text]) -> String {
    join(texts.iter().map(|text| text.value.as_str()))
}

/// `1 device`, `2 devices`.
pub(super) fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The names of devices: `web-1, web-2`, or `web-1, web-2, web-3 and 7 more devices`.
pub(super) fn devices(devices: &Bits, policy: &Compiled<'_>) -> String {
    let all = devices.iter().filter_map(|index| policy.inventory.devices.get(index));
    let names: Vec<&str> = all.map(|device| device.name.as_str()).collect();
    let more = names.len().saturating_sub(MAX_DEVICES);
    let shown: Vec<&str> = names.into_iter().take(MAX_DEVICES).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {}", shown.join(", "), count(more, "more device")),
    }
}

/// `old → new`, or that only the order of a list differs.
pub(super) fn change(old: Option<&Node>, new: Option<&Node>) -> String {
    if let (Some(Kind::List(a)), Some(Kind::List(b))) =
        (old.map(|node| &node.kind), new.map(|node| &node.kind))
    {
        let texts = |list: &[Node]| -> Option<Vec<String>> {
            list.iter().map(|node| node.as_text().map(str::to_owned)).collect()
        };
        if let (Some(a), Some(b)) = (texts(a), texts(b)) {
            return members(&a, &b);
        }
    }
    format!("{} → {}", value(old), value(new))
}

/// Which entries of a list are added and removed.
pub(super) fn members(old: &[String], new: &[String]) -> String {
    let sorted =
        |list: &[String]| -> std::collections::BTreeSet<String> { list.iter().cloned().collect() };
    let (before, after) = (sorted(old), sorted(new));
    let added: Vec<&str> = after.difference(&before).map(String::as_str).collect();
    let removed: Vec<&str> = before.difference(&after).map(String::as_str).collect();
    match (added.is_empty(), removed.is_empty()) {
        (true, true) => "only the order differs, or what is listed twice".to_owned(),
        (false, true) => format!("added {}", join(added)),
        (true, false) => format!("removed {}", join(removed)),
        (false, false) => format!("added {}; removed {}", join(added), join(removed)),
    }
}
