//! The question that a user answers before a destructive plan is applied. It shows everything that the
//! answer confirms.

use std::fmt::Write as _;

use serde_json::Value;

use super::Pending;
use crate::{
    change::{Change, Item, MAX_DESCRIBED, Plan, by_kind},
    visible::visible_up_to,
};

/// Resources that are named below those that are described.
const MAX_NAMED: usize = 180;
/// Changes of one kind that are listed.
const MAX_LISTED: usize = 20;
/// The longest name, the longest value, and the longest sentence that are shown.
const MAX_NAME_CHARS: usize = 200;
const MAX_VALUE_CHARS: usize = 400;
const MAX_SENTENCE_CHARS: usize = 1_000;

/// The question, on several lines. `undo` says how the change is undone, if it can be; `None` if the record of
/// the change will not outlast this process.
pub(crate) fn question(pending: &Pending<'_>, undo: Option<&str>) -> String {
    let plan = pending.plan;
    let changed: Vec<&Item> =
        plan.items().iter().filter(|item| !item.changes().is_empty()).collect();
    let mut text = match changed.as_slice() {
        [item] => one(item),
        items => several(items, plan),
    };
    let _ = write!(text, "\nTailnet: {}", name(&pending.tailnet.title()));
    if let Some(why) = pending.guardrail {
        let _ = write!(text, "\nNeeds approval: {}", sentence(why));
    }
    for note in plan.notes() {
        let _ = write!(text, "\n{}", sentence(note));
    }
    for warning in plan.warnings() {
        let _ = write!(text, "\nWarning: {}", sentence(warning));
    }
    let unchanged = plan.items().len() - changed.len();
    if unchanged > 0 {
        let _ = write!(text, "\nNo change needed: {unchanged}");
    }
    match changed.iter().flat_map(|item| item.changes()).filter(|it| it.irreversible).count() {
        0 => text.push_str(&undoable("This", undo)),
        lasting if lasting == plan.changes().count() => {
            text.push_str("\nThis cannot be undone.");
        }
        lasting => {
            let _ = write!(text, "\n{lasting} of these changes cannot be undone.");
            text.push_str(&undoable("The rest", undo));
        }
    }
    text
}

fn undoable(what: &str, undo: Option<&str>) -> String {
    match undo {
        Some(undo) => format!("\n{what} can be undone with {undo}."),
        None => format!("\n{what} cannot be undone with `undo_change` later: no journal is kept."),
    }
}

/// `Remove device web-1 (100.64.0.1, linux, tag:web)`, with the changes below unless the verb says all.
fn one(item: &Item) -> String {
    let mut text = format!("{} {}", item.verb().unwrap_or("Change"), recognised(item));
    if !is_said(item) {
        for change in item.changes() {
            list_change(&mut text, "\n", item, change);
        }
    }
    text
}

/// Whether the verb fully describes the change.
fn is_said(item: &Item) -> bool {
    let whole = |change: &Change| change.to.is_boolean() || change.to.is_null();
    item.verb().is_some() && item.changes().iter().all(whole)
}

/// `Remove 4 devices`, with each resource below; where their changes differ, with each change.
fn several(items: &[&Item], plan: &Plan) -> String {
    let same = same_change(items);
    let verb = same.and_then(|(item, _)| item.verb());
    let about = name(&by_kind(items.iter().copied()));
    let mut text = format!("{} {about}", verb.unwrap_or("Change"));
    if let (Some((item, change)), None) = (same, verb) {
        list_change(&mut text, "\n", item, change);
    }
    // Where only some of the changes are irreversible, it says which.
    let is_partly = items.iter().any(|item| !is_lasting(item)) && plan.is_irreversible();
    for item in items.iter().take(MAX_DESCRIBED) {
        let verb = item.verb().filter(|_| same.is_none()).map(|verb| format!("{verb} "));
        let lasting = if is_partly && is_lasting(item) { ", irreversible" } else { "" };
        let _ = write!(text, "\n- {}{}{lasting}", verb.unwrap_or_default(), recognised(item));
        if same.is_none() && !is_said(item) {
            for change in item.changes() {
                list_change(&mut text, "\n  ", item, change);
            }
        }
    }
    text.push_str(&rest(items, plan, same.is_none()));
    let on_failure = match plan.on_failure() {
        crate::change::OnFailure::Continue => "If one fails, the others are still changed.",
        crate::change::OnFailure::Stop => "If one fails, it stops there.",
        crate::change::OnFailure::Undo => "If one fails, those before it are rolled back.",
    };
    let _ = write!(text, "\n{on_failure}");
    text
}

fn is_lasting(item: &Item) -> bool {
    item.changes().iter().any(|change| change.irreversible)
}

/// The resources that are not described: their names, what happens to them unless it is the same for all, and
/// how many are not named either.
fn rest(items: &[&Item], plan: &Plan, differs: bool) -> String {
    let rest = items.get(MAX_DESCRIBED..).unwrap_or_default();
    if rest.is_empty() {
        return String::new();
    }
    let is_mixed = plan.is_mixed();
    let called = |item: &&Item| {
        let called = name(&item.called(is_mixed));
        item.verb().filter(|_| differs).map_or(called.clone(), |verb| format!("{verb} {called}"))
    };
    let named: Vec<String> = rest.iter().take(MAX_NAMED).map(called).collect();
    let more = rest.len() - named.len();
    let not_named = if more > 0 { format!(", and {more} more, not listed") } else { String::new() };
    format!("\n- and {}{not_named}", named.join(", "))
}

/// The change, with one of the resources, if all resources get the same single change.
fn same_change<'a>(items: &[&'a Item]) -> Option<(&'a Item, &'a Change)> {
    let [change] = items.first()?.changes() else { return None };
    let is_same = |item: &&Item| {
        let [other] = item.changes() else { return false };
        (&other.field, &other.from, &other.to) == (&change.field, &change.from, &change.to)
    };
    items.iter().all(is_same).then_some((*items.first()?, change))
}

/// The kind and name of the resource, and details by which a user recognises it, such as its address.
fn recognised(item: &Item) -> String {
    let label = name(&item.label());
    if item.details.is_empty() { label } else { format!("{label} ({})", name(&item.details)) }
}

/// What of a field changes, each on a line that begins with `start`. Of a value with fields of its own, only
/// those that differ.
fn list_change(text: &mut String, start: &str, item: &Item, change: &Change) {
    let shown = |value| item.subject.compare().display(&change.field, value);
    let (from, to) = (shown(&change.from), shown(&change.to));
    let none = serde_json::Map::new();
    let parts = match (&from, &to) {
        (Value::Object(from), Value::Object(to)) => Some((from, to)),
        (Value::Null, Value::Object(to)) => Some((&none, to)),
        _ => None,
    };
    let Some((from, to)) = parts else {
        let _ = write!(text, "{start}- {}: {} → {}", name(&change.field), value(&from), value(&to));
        return;
    };
    let fields = from.keys().chain(to.keys().filter(|field| !from.contains_key(*field)));
    let differ: Vec<&String> = fields.filter(|field| from.get(*field) != to.get(*field)).collect();
    for field in differ.iter().take(MAX_LISTED) {
        let part = |side: &serde_json::Map<String, Value>| side.get(*field).map(value);
        let (from, to) = (part(from), part(to).unwrap_or_else(|| "none".to_owned()));
        let from = from.map(|from| format!("{from} → ")).unwrap_or_default();
        let _ = write!(text, "{start}- {}: {from}{to}", name(field));
    }
    if differ.len() > MAX_LISTED {
        let _ = write!(text, "{start}- and {} more fields, not listed", differ.len() - MAX_LISTED);
    }
}

fn name(text: &str) -> String {
    visible_up_to(text, MAX_NAME_CHARS).into_owned()
}

fn sentence(text: &str) -> String {
    visible_up_to(text, MAX_SENTENCE_CHARS).into_owned()
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        value => visible_up_to(&value.to_string(), MAX_VALUE_CHARS).into_owned(),
    }
}
