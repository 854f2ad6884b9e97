//! Differences other than connections: SSH, capabilities, auto-approvals, tag owners and attributes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    compile::Compiled,
    model::{Named, Text},
    selector::Selector,
};

pub(super) fn differences(before: &Compiled<'_>, after: &Compiled<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for facts in [logins, capabilities, approvals, owners] {
        let (old, new) = (facts(before), facts(after));
        lines.extend(new.difference(&old).map(|it| format!("+ {it}")));
        lines.extend(old.difference(&new).map(|it| format!("- {it}")));
    }
    let (old, new) = (attributes(before), attributes(after));
    lines.extend(changed('+', &old, &new));
    lines.extend(changed('-', &new, &old));
    lines
}

fn logins(policy: &Compiled<'_>) -> BTreeSet<String> {
    let line = |it: &crate::compile::Login<'_>| {
        let users: Vec<&str> = it.rule.users.iter().map(|it| it.value.as_str()).collect();
        let how = if it.is_check() { "after a sign-in" } else { "at once" };
        format!(
            "SSH {how}: {} ({} devices) → {} as {}",
            names(&it.rule.src),
            it.source.count(),
            names(&it.rule.dst),
            users.join(", ")
        )
    };
    policy.logins().iter().map(line).collect()
}

fn capabilities(policy: &Compiled<'_>) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for access in &policy.rules {
        let Some(rule) = access.rule else { continue };
        let targets: Vec<&str> = rule.dst.iter().map(|it| it.selector.text.as_str()).collect();
        for (name, values) in &rule.app {
            lines.insert(format!(
                "capability {name} {values}: {} ({} devices) at {}",
                names(&rule.src),
                access.source.devices.count(),
                targets.join(", ")
            ));
        }
    }
    lines
}

fn approvals(policy: &Compiled<'_>) -> BTreeSet<String> {
    let approvers = &policy.policy.model.approvers;
    let line = |it: &Named<Vec<Selector>>| {
        format!("{} needs no approval from {}", it.name.value, names(&it.value))
    };
    let mut lines: BTreeSet<String> =
        approvers.routes.iter().chain(&approvers.services).map(line).collect();
    if !approvers.exit_node.is_empty() {
        lines
            .insert(format!("an exit node needs no approval from {}", names(&approvers.exit_node)));
    }
    lines
}

fn owners(policy: &Compiled<'_>) -> BTreeSet<String> {
    let line = |it: &Named<Vec<Text>>| {
        let owners: Vec<&str> = it.value.iter().map(|it| it.value.as_str()).collect();
        format!("{} is given by {}", it.name.value, owners.join(", "))
    };
    policy.policy.model.tag_owners.iter().map(line).collect()
}

fn names(selectors: &[Selector]) -> String {
    selectors.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join(", ")
}

/// All attributes, each with the devices that have it.
fn attributes(policy: &Compiled<'_>) -> BTreeMap<String, BTreeSet<usize>> {
    let mut attributes: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let model = &policy.policy.model;
    if model.attributes.is_empty() && !model.randomize_client_port {
        return attributes;
    }
    for device in 0..policy.inventory.devices.len() {
        for (name, value) in policy.attributes(device) {
            let value = if value.is_null() { String::new() } else { format!(" {value}") };
            let name = format!("attribute {name}{value}");
            attributes.entry(name).or_default().insert(device);
        }
    }
    attributes
}

fn changed(
    sign: char,
    old: &BTreeMap<String, BTreeSet<usize>>,
    new: &BTreeMap<String, BTreeSet<usize>>,
) -> Vec<String> {
    let none = BTreeSet::new();
    let mut lines = Vec::new();
    for (name, devices) in new {
        let more = devices.difference(old.get(name).unwrap_or(&none)).count();
        if more > 0 {
            lines.push(format!("{sign} {name} on {more} devices"));
        }
    }
    lines
}
