//! Describes changed entries of `acls` and `grants`.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::Write as _,
};

use super::{
    Lines,
    changes::{Change, What, fields_of},
    text,
};
use crate::{
    compile::{Access, Compiled},
    model::{Rule, Section, Text},
    ports::Ports,
    selector::Selector,
};

/// One of the two policies.
pub(super) struct Side<'s> {
    policy: &'s Compiled<'s>,
    /// The place of each rule among all rules.
    index: HashMap<(Section, usize), usize>,
    /// The rules that allow connections which the other policy does not allow.
    moved: &'s HashSet<usize>,
    /// Whether `moved` has all of them.
    is_cut: bool,
    /// Whether a rule asks for a device posture.
    has_postures: bool,
    sign: char,
}

impl<'s> Side<'s> {
    pub(super) fn new(
        policy: &'s Compiled<'s>,
        moved: &'s HashSet<usize>,
        is_cut: bool,
        sign: char,
    ) -> Self {
        let rules = policy.policy.model.rules.iter().enumerate();
        let index = rules.map(|(at, rule)| ((rule.section, rule.index), at)).collect();
        let has_postures = policy.rules.iter().any(|access| access.source.fit.is_some());
        Self { policy, index, moved, is_cut, has_postures, sign }
    }

    fn version(&'s self, section: Section, index: Option<usize>) -> Option<Version<'s>> {
        let at = *self.index.get(&(section, index?))?;
        let access = self.policy.rules.get(at)?;
        Some(Version {
            rule: access.rule?,
            access,
            has_moved: self.moved.contains(&at),
            side: self,
        })
    }
}

/// A rule as it is in one of the two policies.
struct Version<'s> {
    rule: &'s Rule,
    access: &'s Access<'s>,
    has_moved: bool,
    side: &'s Side<'s>,
}

/// Adds lines about an entry that differs. What the connections gained and lost show already is left out.
pub(super) fn describe(
    change: &Change<'_>,
    before: &Side<'_>,
    after: &Side<'_>,
    lines: &mut Lines,
) {
    let section = if change.section == "acls" { Section::Acls } else { Section::Grants };
    match &change.what {
        What::Order => lines.add(format!("{}: only the order of the rules differs", change.path)),
        What::Entry { old, new, fields } => {
            let versions = (before.version(section, *old), after.version(section, *new));
            match versions {
                (Some(old), Some(new)) if !fields.is_empty() => {
                    between(change, &old, &new, fields, lines);
                }
                (Some(only), None) | (None, Some(only)) => only.whole(lines),
                _ => lines.not_judged(&change.path),
            }
        }
        _ => lines.add(format!("{}: {}", change.path, text::change(change.old, change.new))),
    }
}

/// Adds lines about a rule that is in both policies, and differs in some fields.
fn between(
    change: &Change<'_>,
    old: &Version<'_>,
    new: &Version<'_>,
    fields: &[String],
    lines: &mut Lines,
) {
    let (before, after) = (
        change.old.map(|node| fields_of(&change.section, node)).unwrap_or_default(),
        change.new.map(|node| fields_of(&change.section, node)).unwrap_or_default(),
    );
    let mut core = Vec::new();
    for field in fields {
        let values = (before.get(field).copied(), after.get(field).copied());
        let line = || format!("{}.{field}: {}", change.path, text::change(values.0, values.1));
        match field.as_str() {
            "src" | "dst" | "ip" | "proto" | "action" => core.push(line()),
            "srcposture" => lines.add(posture_line(old, new)),
            "via" => lines.add(format!("{}: {}", line(), new.brief())),
            "app" => {}
            _ => lines.not_judged(&format!("{}.{field}", change.path)),
        }
    }
    if fields.iter().any(|field| matches!(field.as_str(), "app" | "src" | "dst")) {
        capabilities(old, new, lines);
    }
    let absent = lines.no_device.len();
    new.absent(Some(old), lines);
    old.absent(Some(new), lines);
    let has_moved = old.has_moved || new.has_moved;
    let is_shown = has_moved || lines.no_device.len() > absent;
    if core.len() == 1 && is_shown {
        return;
    }
    for line in core {
        let why = if has_moved { String::new() } else { format!("; {}", new.nothing_moves()) };
        lines.add(line + &why);
    }
}

impl<'s> Version<'s> {
    /// Adds lines about a rule that only this policy has.
    fn whole(&self, lines: &mut Lines) {
        let sign = self.side.sign;
        for (name, values) in &self.rule.app {
            lines.add(format!("{sign} {}", self.capability(name, values)));
        }
        if self.has_moved {
            if !self.postures().is_empty() {
                lines.add(format!("{sign} {}: {}", self.rule.label(), self.brief()));
            }
            return self.absent(None, lines);
        }
        let absent = lines.no_device.len();
        self.absent(None, lines);
        if lines.no_device.len() == absent && (self.rule.app.is_empty() || !self.ports().is_empty())
        {
            let (label, brief) = (self.rule.label(), self.brief());
            lines.add(format!("{sign} {label}: {brief}; {}", self.nothing_moves()));
        }
    }

    /// Adds lines about sources and destinations that no device has, except those that `other` has, too.
    fn absent(&self, other: Option<&Version<'_>>, lines: &mut Lines) {
        let pick = |of: fn(&Rule) -> Vec<&Selector>| -> Vec<String> {
            let known = other.map(|other| of(other.rule)).unwrap_or_default();
            let known: HashSet<&str> = known.into_iter().map(|it| it.text.as_str()).collect();
            let new = of(self.rule).into_iter().filter(|it| !known.contains(it.text.as_str()));
            let gone = new.filter(|selector| self.side.policy.names.look(selector).is_empty());
            gone.map(|selector| selector.text.clone()).collect()
        };
        let (sources, targets) = (pick(sources), pick(targets));
        let on = self.on();
        let sign = self.side.sign;
        if !sources.is_empty() {
            let (from, to) = (text::join(sources.iter().map(String::as_str)), self.to());
            lines.no_device(format!("{sign} {from} → {to}{on} ({})", self.rule.label()));
        } else if !targets.is_empty() {
            let to = text::join(targets.iter().map(String::as_str));
            let from = text::selectors(&self.rule.src);
            lines.no_device(format!("{sign} {from} → {to}{on} ({})", self.rule.label()));
        }
    }

    fn ports(&self) -> Vec<Ports> {
        let ports = self.rule.dst.iter().flat_map(|target| target.ports.iter().copied());
        let sorted: BTreeSet<Ports> = ports.collect();
        sorted.into_iter().collect()
    }

    fn on(&self) -> String {
        let ports: Vec<String> = self.ports().iter().map(Ports::to_string).collect();
        let on = text::join(ports.iter().map(String::as_str));
        if ports.is_empty() { String::new() } else { format!(" on {on}") }
    }

    fn to(&self) -> String {
        text::join(self.rule.dst.iter().map(|target| target.selector.text.as_str()))
    }

    /// The postures that apply: those of the rule, or the default ones.
    fn postures(&self) -> &'s [Text] {
        let default = &self.side.policy.policy.model.default_posture;
        if self.rule.posture.is_empty() { default } else { &self.rule.posture }
    }

    /// `group:ops (2 devices) → tag:db on tcp:5432`
    fn brief(&self) -> String {
        let devices = text::count(self.access.source.devices.count(), "device");
        let (from, to, on) = (text::selectors(&self.rule.src), self.to(), self.on());
        let mut brief = format!("{from} ({devices}) → {to}{on}");
        if !self.rule.via.is_empty() {
            let _ = write!(brief, " via {}", text::selectors(&self.rule.via));
        }
        if !self.postures().is_empty() {
            let _ = write!(brief, ", only with {}", text::texts(self.postures()));
        }
        brief
    }

    fn capability(&self, name: &str, values: &serde_json::Value) -> String {
        format!(
            "capability {name} {}: {} ({}) at {}",
            text::json(values),
            text::selectors(&self.rule.src),
            text::count(self.access.source.devices.count(), "device"),
            self.to()
        )
    }

    /// Why a changed rule has no connection gained or lost.
    fn nothing_moves(&self) -> &'static str {
        if self.side.is_cut {
            "not judged, because there are too many connections"
        } else if self.side.has_postures {
            "no connection between today's devices changes by it, if postures are met"
        } else {
            "no connection between today's devices changes by it"
        }
    }
}

fn sources(rule: &Rule) -> Vec<&Selector> {
    rule.src.iter().collect()
}

fn targets(rule: &Rule) -> Vec<&Selector> {
    rule.dst.iter().map(|target| &target.selector).collect()
}

/// A line about the device postures that a rule asks for.
fn posture_line(old: &Version<'_>, new: &Version<'_>) -> String {
    let (before, after) = (old.postures(), new.postures());
    let label = new.rule.label();
    match (before.is_empty(), after.is_empty()) {
        (false, true) => {
            format!("+ {} no longer needs {} ({label})", new.brief(), text::texts(before))
        }
        (true, false) => {
            format!("- {} now needs {} ({label})", old.brief(), text::texts(after))
        }
        _ => format!("{label}: {}, instead of {}", new.brief(), text::texts(before)),
    }
}

/// Adds lines about capabilities that differ, or that are given to others or at other places.
fn capabilities(old: &Version<'_>, new: &Version<'_>, lines: &mut Lines) {
    let ends = |version: &Version<'_>| -> Vec<String> {
        let all = sources(version.rule).into_iter().chain(targets(version.rule));
        all.map(|selector| selector.text.clone()).collect()
    };
    let same_ends = ends(old) == ends(new);
    for (version, other) in [(old, new), (new, old)] {
        for (name, values) in &version.rule.app {
            if !same_ends || other.rule.app.get(name) != Some(values) {
                let line = version.capability(name, values);
                lines.add(format!("{} {line}", version.side.sign));
            }
        }
    }
}
