//! Describes changes of groups, tag owners, settings, tests and other sections without rules.

use std::collections::BTreeSet;

use super::{
    Lines,
    changes::{Change, What, fields_of},
    text,
};
use crate::{compile::Compiled, hujson::Node};

pub(super) fn describe(
    change: &Change<'_>,
    before: &Compiled<'_>,
    after: &Compiled<'_>,
    lines: &mut Lines,
) {
    match (change.section.as_str(), &change.what) {
        ("groups", What::Named(name)) => group(name, change, before, after, lines),
        ("tagowners", What::Named(tag)) => pair(change, lines, |owners| match owners.as_slice() {
            [] => format!("only admins can assign {tag}"),
            owners => format!("{tag} is owned by {}", join(owners)),
        }),
        ("approvers", What::Named(name)) => {
            let what = if name == "exit node" { "exit nodes are" } else { &format!("{name} is") };
            pair(change, lines, |who| format!("{what} auto-approved for {}", join(&who)));
        }
        ("hosts", What::Named(name)) => {
            lines.add(format!("host {name}: {}", text::change(change.old, change.new)));
        }
        ("ipsets" | "postures", What::Named(name)) => {
            lines.add(format!("{name}: {}", text::change(change.old, change.new)));
        }
        ("tests" | "sshtests", what) => test(change, what, lines),
        ("derpmap", _) => derp(change, lines),
        ("defaultsrcposture", _) => {
            let change = text::change(change.old, change.new);
            lines.add(format!("defaultSrcPosture, for rules without srcPosture: {change}"));
        }
        ("disableipv4" | "onecgnatroute" | "randomizeclientport", _) => {
            lines.add(format!("{}: {}", change.path, text::change(change.old, change.new)));
        }
        _ => lines.not_judged(&change.path),
    }
}

/// The texts of a list, or the single text.
fn texts(node: Option<&Node>) -> Vec<String> {
    let text = |node: &Node| node.as_text().map(str::to_owned);
    match node.and_then(Node::as_list) {
        Some(list) => list.iter().filter_map(text).collect(),
        None => node.and_then(text).into_iter().collect(),
    }
}

fn join(names: &[String]) -> String {
    text::join(names.iter().map(String::as_str))
}

/// Adds a line for the value before and one for the value after.
fn pair(change: &Change<'_>, lines: &mut Lines, line: impl Fn(Vec<String>) -> String) {
    let (old, new) =
        (change.old.map(|old| texts(Some(old))), change.new.map(|new| texts(Some(new))));
    let same = |old: &[String], new: &[String]| {
        old.iter().collect::<BTreeSet<_>>() == new.iter().collect::<BTreeSet<_>>()
    };
    if let (Some(old), Some(new)) = (&old, &new)
        && same(old, new)
    {
        let change = text::members(old, new);
        return lines.add(format!("{}: {change}", line(new.clone())));
    }
    if let Some(new) = new {
        lines.add(format!("+ {}", line(new)));
    }
    if let Some(old) = old {
        lines.add(format!("- {}", line(old)));
    }
}

/// Adds lines about the members of a group; those without a device apart from the others.
fn group(
    name: &str,
    change: &Change<'_>,
    before: &Compiled<'_>,
    after: &Compiled<'_>,
    lines: &mut Lines,
) {
    let (old, new) = (texts(change.old), texts(change.new));
    let (was, is): (BTreeSet<&String>, BTreeSet<&String>) =
        (old.iter().collect(), new.iter().collect());
    let has_device = |policy: &Compiled<'_>, login: &str| {
        login.starts_with("autogroup:") || !policy.names.of_user(login).is_empty()
    };
    let mut any = false;
    for (verb, policy, who) in [
        ("added", after, is.difference(&was).copied().collect::<Vec<_>>()),
        ("removed", before, was.difference(&is).copied().collect::<Vec<_>>()),
    ] {
        let (here, absent): (Vec<&String>, Vec<&String>) =
            who.into_iter().partition(|login| has_device(policy, login));
        any |= !here.is_empty() || !absent.is_empty();
        let line = |who: &[&String]| {
            format!("{name}: {verb} {}", text::join(who.iter().map(|login| login.as_str())))
        };
        if !here.is_empty() {
            lines.add(line(&here));
        }
        if !absent.is_empty() {
            lines.no_device(line(&absent));
        }
    }
    if !any {
        let what = match (change.old, change.new) {
            (None, _) => "added without members",
            (_, None) => "removed, it had no members",
            _ => "only the order of its members differs",
        };
        lines.add(format!("{name}: {what}"));
    }
}

fn test(change: &Change<'_>, what: &What, lines: &mut Lines) {
    if *what == What::Order {
        return lines.add(format!("{}: only the order of the tests differs", change.path));
    }
    if !matches!(what, What::Entry { .. }) {
        return lines.add(format!("{}: {}", change.path, text::change(change.old, change.new)));
    }
    let kind = if change.section == "tests" { "test" } else { "SSH test" };
    for (sign, node) in [("-", change.old), ("+", change.new)] {
        let Some(node) = node else { continue };
        let fields = fields_of(&change.section, node);
        let value = |name: &str| fields.get(name).copied();
        let mut claims = Vec::new();
        for (name, node) in fields.iter().filter(|(name, _)| *name != "src") {
            claims.push(format!(
                "{name} {}",
                match node.as_list() {
                    Some(_) => join(&texts(Some(node))),
                    None => text::value(Some(node)),
                }
            ));
        }
        let removed = if change.new.is_none() { " removed" } else { "" };
        let from = text::value(value("src"));
        lines.add(format!("{sign} {kind}{removed}: {from}: {}", claims.join(", ")));
    }
}

/// Relays see who talks to whom, so a change of them has a line in capitals.
fn derp(change: &Change<'_>, lines: &mut Lines) {
    let omits = |node: Option<&Node>| {
        let node = node.and_then(|node| match node.member("OmitDefaultRegions") {
            Some(member) => Some(&member.value),
            None => {
                change.path.to_ascii_lowercase().ends_with("omitdefaultregions").then_some(node)
            }
        });
        node.is_some_and(|node| text::value(Some(node)) == "true")
    };
    let what = match (omits(change.old), omits(change.new)) {
        (false, true) => " (Tailscale's own relays are no longer used)",
        (true, false) => " (Tailscale's own relays are used again)",
        _ => "",
    };
    let change_of = text::change(change.old, change.new);
    lines.loud(format!("DERP RELAYS CHANGE{what}: {}: {change_of}", change.path));
}
