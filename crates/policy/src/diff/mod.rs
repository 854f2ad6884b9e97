//! Compares two policies by effect: which access they give, not which lines of the files differ.

use serde::Serialize;

use super::compile::Compiled;

mod attributes;
mod changes;
mod cut;
mod flows;
mod headline;
mod label;
mod parts;
mod rules;
mod sections;
mod ssh;
mod text;
mod words;

pub use self::cut::CutOff;
use self::{changes::Change, flows::Found, rules::Side};

/// The differences in effect between two policies for one tailnet. Every place at which the files differ,
/// apart from comments and layout, is covered by a connection or a line.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Effect {
    /// Whether the files are equal apart from comments and layout. Only then it is proved that no access is
    /// gained or lost.
    pub equal: bool,
    /// The first line, if the change opens or closes everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// The connections that only the new policy allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gained: Vec<Flow>,
    /// The connections that only the old policy allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Flow>,
    /// Other differences, one per line: `+` for what is added, `-` for what is removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<String>,
    /// Differences that concern users and tags without a device. They have an effect as soon as there is
    /// one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_device: Vec<String>,
    /// The places of differences whose effect is not known here: `attrConfig.x`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_judged: Vec<String>,
    /// The number of connections and lines that are left out, because there are too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub omitted: usize,
    /// Whether there are too many connections to compare, so that not all that differ were found.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Connections that one policy allows and the other does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Flow {
    /// The sources: groups, tags, users and addresses.
    pub from: Vec<String>,
    /// The number of devices in `from`.
    pub from_devices: usize,
    /// The destinations: groups, tags, users and addresses.
    pub to: Vec<String>,
    /// The number of devices in `to`.
    pub to_devices: usize,
    /// The ports, such as `tcp:443`.
    pub ports: Vec<String>,
    /// The tags of the routers that the connections pass through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
}

/// The most lines of one kind.
const MAX_LINES: usize = 200;

/// The lines about what differs, apart from connections.
#[derive(Default)]
struct Lines {
    /// Lines that come first.
    loud: Vec<String>,
    other: Vec<String>,
    no_device: Vec<String>,
    not_judged: Vec<String>,
    omitted: usize,
}

impl Lines {
    fn add(&mut self, line: String) {
        push(line, &mut self.other, &mut self.omitted);
    }

    /// Adds a line in front of the others.
    fn loud(&mut self, line: String) {
        push(line, &mut self.loud, &mut self.omitted);
    }

    /// Whether further lines are only counted.
    fn is_full(&self) -> bool {
        self.other.len() >= MAX_LINES
    }

    fn no_device(&mut self, line: String) {
        push(line, &mut self.no_device, &mut self.omitted);
    }

    fn not_judged(&mut self, path: &str) {
        push(path.to_owned(), &mut self.not_judged, &mut self.omitted);
    }

    /// The number of lines, including those that are left out.
    fn count(&self) -> usize {
        let lists = [&self.loud, &self.other, &self.no_device, &self.not_judged];
        lists.iter().map(|list| list.len()).sum::<usize>() + self.omitted
    }
}

fn push(line: String, lines: &mut Vec<String>, omitted: &mut usize) {
    if lines.len() < MAX_LINES { lines.push(line) } else { *omitted += 1 }
}

impl Effect {
    /// The effect of replacing `before` with `after`. Both must be compiled for the same inventory.
    pub fn between(before: &Compiled<'_>, after: &Compiled<'_>) -> Self {
        let mut changes = changes::changes(before.policy.document(), after.policy.document());
        changes.sort_by_key(|change| rank(&change.section));
        if changes.is_empty() {
            return Self { equal: true, ..Self::default() };
        }
        let (gained, lost) = (flows::gained(before, after), flows::gained(after, before));
        let lines = lines(&changes, before, after, &gained, &lost);
        Self {
            equal: false,
            headline: headline::of(before, after),
            omitted: gained.omitted + lost.omitted + lines.omitted,
            is_cut: gained.is_cut || lost.is_cut,
            gained: gained.flows,
            lost: lost.flows,
            other: [lines.loud, lines.other].concat(),
            no_device: lines.no_device,
            not_judged: lines.not_judged,
        }
    }

    /// Whether it is proved that no access is gained or lost: the files are equal apart from comments and
    /// layout.
    pub fn is_equal(&self) -> bool {
        self.equal
    }

    /// A description for people, one effect per line. Empty only if the files are equal; see
    /// [`is_equal`](Self::is_equal).
    pub fn lines(&self) -> Vec<String> {
        self.first_lines(usize::MAX)
    }

    /// At most `max` lines, and one that says how many there are besides. Each kind of line gets its share,
    /// so that many lines of one kind hide none of another.
    pub fn first_lines(&self, max: usize) -> Vec<String> {
        let mut kinds = self.kinds();
        let total: usize = kinds.iter().map(Vec::len).sum();
        let mut shown = vec![0; kinds.len()];
        let mut left = max.min(total);
        while left > 0 {
            for (shown, kind) in shown.iter_mut().zip(&kinds) {
                let more = usize::from(*shown < kind.len() && left > 0);
                *shown += more;
                left -= more;
            }
        }
        for (kind, shown) in kinds.iter_mut().zip(shown) {
            kind.truncate(shown);
        }
        let mut lines = kinds.concat();
        let rest = total - lines.len() + self.omitted;
        if rest > 0 {
            lines.push(format!("and {}", text::count(rest, "more effect")));
        }
        lines
    }

    /// All lines by kind.
    fn kinds(&self) -> Vec<Vec<String>> {
        let mut first: Vec<String> = self.headline.iter().cloned().collect();
        if self.is_cut {
            let line = "there are too many connections to compare: more may be gained or lost";
            first.push(line.to_owned());
        }
        let flows = |sign: char, flows: &[Flow]| -> Vec<String> {
            flows.iter().map(|flow| format!("{sign} {}", flow.line())).collect()
        };
        let labelled = |what: &str, lines: &[String]| -> Vec<String> {
            lines.iter().map(|line| format!("{what}: {line}")).collect()
        };
        vec![
            first,
            flows('+', &self.gained),
            flows('-', &self.lost),
            self.other.clone(),
            labelled("no device has this today", &self.no_device),
            labelled("changed, not judged", &self.not_judged),
        ]
    }
}

/// The order of the lines about sections: those that decide about access come first.
fn rank(section: &str) -> usize {
    const ORDER: [&str; 12] = [
        "ssh",
        "grants",
        "acls",
        "defaultsrcposture",
        "postures",
        "approvers",
        "nodeattrs",
        "tests",
        "sshtests",
        "tagowners",
        "groups",
        "disableipv4",
    ];
    ORDER.iter().position(|it| *it == section).unwrap_or(ORDER.len())
}

/// The lines about all changes that the connections do not show.
fn lines(
    changes: &[Change<'_>],
    before: &Compiled<'_>,
    after: &Compiled<'_>,
    gained: &Found,
    lost: &Found,
) -> Lines {
    let mut lines = Lines::default();
    let is_cut = gained.is_cut || lost.is_cut;
    let old = Side::new(before, &lost.rules, is_cut, '-');
    let new = Side::new(after, &gained.rules, is_cut, '+');
    ssh::unchanged_rules(before, after, &mut lines);
    let moved = attributes::devices(before, after, &mut lines);
    for change in changes {
        match change.section.as_str() {
            "acls" | "grants" => rules::describe(change, &old, &new, &mut lines),
            "ssh" => ssh::describe(change, before, after, &mut lines),
            "nodeattrs" => attributes::describe(change, before, after, &moved, &mut lines),
            _ => sections::describe(change, before, after, &mut lines),
        }
    }
    let has_flows = !gained.flows.is_empty() || !lost.flows.is_empty();
    if lines.count() == 0 && !has_flows {
        for change in changes {
            lines.not_judged(&change.path);
        }
    }
    lines
}

/// The most ports that a line lists.
const MAX_PORTS: usize = 6;

impl Flow {
    fn line(&self) -> String {
        let mut ports: Vec<&str> = self.ports.iter().take(MAX_PORTS).map(String::as_str).collect();
        let more = format!("and {} more", self.ports.len().saturating_sub(MAX_PORTS));
        if self.ports.len() > MAX_PORTS {
            ports.push(&more);
        }
        let devices = |devices: usize| match devices {
            0 => String::new(),
            devices => format!(" ({})", text::count(devices, "device")),
        };
        let via = if self.via.is_empty() { "" } else { " via " };
        format!(
            "{}{} → {}{} on {}{via}{}",
            text::join(self.from.iter().map(String::as_str)),
            devices(self.from_devices),
            text::join(self.to.iter().map(String::as_str)),
            devices(self.to_devices),
            ports.join(", "),
            self.via.join(", ")
        )
    }
}
