//! Describes changed node attributes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Lines,
    changes::{Change, What, fields_of},
    text,
};
use crate::{
    compile::{Bits, Compiled},
    model::AttributeRule,
};

const FUNNEL_PORTS: &str = "https://tailscale.com/cap/funnel-ports";

/// Each attribute with its value, and the devices that have it.
type Attributes = BTreeMap<(String, String), Bits>;

/// The names of the attributes that a device gains or loses.
pub(super) struct Moved {
    gained: BTreeSet<String>,
    lost: BTreeSet<String>,
}

/// Adds lines about the devices that gain or lose attributes.
pub(super) fn devices(before: &Compiled<'_>, after: &Compiled<'_>, lines: &mut Lines) -> Moved {
    let (old, new) = (all(before), all(after));
    let gained = changed('+', &old, &new, after, lines);
    let lost = changed('-', &new, &old, before, lines);
    Moved { gained, lost }
}

/// All attributes. Devices for which the same rules count are looked at once.
fn all(policy: &Compiled<'_>) -> Attributes {
    let model = &policy.policy.model;
    let mut alike: HashMap<Vec<usize>, Bits> = HashMap::new();
    let count = policy.names.count();
    for device in 0..count {
        let rules = model
            .attributes
            .iter()
            .filter(|rule| rule.target.iter().any(|target| policy.is_meant(target, device)));
        let rules = rules.map(|rule| rule.index).collect();
        alike.entry(rules).or_insert_with(|| Bits::none(count)).add(device);
    }
    let mut attributes = Attributes::new();
    for devices in alike.values() {
        let Some(example) = devices.iter().next() else { continue };
        for (name, value) in policy.attributes(example) {
            // The attribute `funnel` brings the ports along.
            if name.starts_with(FUNNEL_PORTS) {
                continue;
            }
            let value = if value.is_null() { String::new() } else { value.to_string() };
            let all = attributes.entry((name, value)).or_insert_with(|| Bits::none(count));
            all.add_all(devices);
        }
    }
    attributes
}

fn changed(
    sign: char,
    old: &Attributes,
    new: &Attributes,
    policy: &Compiled<'_>,
    lines: &mut Lines,
) -> BTreeSet<String> {
    let mut moved = BTreeSet::new();
    for ((name, value), devices) in new {
        let mut more = devices.clone();
        if let Some(before) = old.get(&(name.clone(), value.clone())) {
            more.remove_all(before);
        }
        if more.is_empty() {
            continue;
        }
        moved.insert(name.clone());
        if lines.is_full() {
            lines.add(String::new());
            continue;
        }
        let value = crate::problem::shortened(value, 120);
        let space = if value.is_empty() { "" } else { " " };
        let targets = targets_of(name, policy);
        let on = text::devices(&more, policy);
        lines.add(format!("{sign} attribute {name}{space}{value} on {on}{targets}"));
    }
    moved
}

/// The targets of the rules that have an attribute: ` (target tag:web)`.
fn targets_of(name: &str, policy: &Compiled<'_>) -> String {
    let model = &policy.policy.model;
    let has = |rule: &&AttributeRule| {
        rule.attr.iter().any(|it| it.value == name) || rule.app.contains_key(name)
    };
    let targets = model.attributes.iter().filter(has).flat_map(|rule| &rule.target);
    let targets: BTreeSet<&str> = targets.map(|target| target.text.as_str()).collect();
    if targets.is_empty() { String::new() } else { format!(" (target {})", text::join(targets)) }
}

/// Adds lines about an entry of `nodeAttrs`, as far as the devices do not show it.
pub(super) fn describe(
    change: &Change<'_>,
    before: &Compiled<'_>,
    after: &Compiled<'_>,
    moved: &Moved,
    lines: &mut Lines,
) {
    let What::Entry { old, new, fields } = &change.what else {
        return match change.what {
            What::Order => {
                lines.add(format!("{}: only the order of the rules differs", change.path));
            }
            _ => lines.add(format!("{}: {}", change.path, text::change(change.old, change.new))),
        };
    };
    let rule = |policy: &'_ Compiled<'_>, index: Option<usize>| {
        policy.policy.model.attributes.get(index?).cloned()
    };
    match (rule(before, *old), rule(after, *new)) {
        (Some(old), None) => whole('-', &old, before, &moved.lost, lines),
        (None, Some(new)) => whole('+', &new, after, &moved.gained, lines),
        (Some(_), Some(new)) if !fields.is_empty() => {
            let (old, now) = (
                change.old.map(|node| fields_of("nodeattrs", node)).unwrap_or_default(),
                change.new.map(|node| fields_of("nodeattrs", node)).unwrap_or_default(),
            );
            for field in fields {
                let path = format!("{}.{field}", change.path);
                let values = (old.get(field).copied(), now.get(field).copied());
                let line = format!("{path}: {}", text::change(values.0, values.1));
                match field.as_str() {
                    "ippool" => {
                        let (targets, change) =
                            (text::selectors(&new.target), text::change(values.0, values.1));
                        lines.add(format!("IP pool of {targets}: {change}"));
                    }
                    "target" | "attr" | "app" if has_devices(&new, after) => lines.add(line),
                    "target" | "attr" | "app" => lines.no_device(line),
                    _ => lines.not_judged(&path),
                }
            }
        }
        _ => lines.not_judged(&change.path),
    }
}

fn has_devices(rule: &AttributeRule, policy: &Compiled<'_>) -> bool {
    rule.target.iter().any(|target| {
        let set = policy.names.look(target);
        (0..policy.names.count()).any(|device| set.has(device))
    })
}

fn whole(
    sign: char,
    rule: &AttributeRule,
    policy: &Compiled<'_>,
    moved: &BTreeSet<String>,
    lines: &mut Lines,
) {
    let targets = text::selectors(&rule.target);
    if !rule.ip_pool.is_empty() {
        lines.add(format!("{sign} IP pool {} for {targets}", text::texts(&rule.ip_pool)));
    }
    let names =
        rule.attr.iter().map(|it| it.value.as_str()).chain(rule.app.keys().map(String::as_str));
    let unseen: Vec<&str> = names.filter(|name| !moved.contains(*name)).collect();
    let is_empty = rule.attr.is_empty() && rule.app.is_empty() && rule.ip_pool.is_empty();
    if unseen.is_empty() && !is_empty {
        return;
    }
    let path = format!("nodeAttrs[{}]", rule.index);
    let line = format!("{sign} attributes {} for {targets} ({path})", text::join(unseen));
    if has_devices(rule, policy) {
        lines.add(format!("{line}; no device's attributes change by it"));
    } else {
        lines.no_device(line);
    }
}
