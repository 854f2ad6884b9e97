//! Compares two policies by effect: which connections they allow, not which lines differ.

use serde::Serialize;

use super::compile::Compiled;

mod cut;
mod flows;
mod label;
mod rest;
mod words;

pub use self::cut::CutOff;

/// The differences in effect between two policies for one tailnet.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Effect {
    /// The connections that only the new policy allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gained: Vec<Flow>,
    /// The connections that only the old policy allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Flow>,
    /// Differences in SSH rules, capabilities, attributes and auto-approvals, one per line: `+` for added,
    /// `-` for removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<String>,
    /// The number of connections that are in neither `gained` nor `lost`, because there are too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub omitted_flows: usize,
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
}

impl Effect {
    /// The effect of replacing `before` with `after`. Both must be compiled for the same inventory.
    pub fn between(before: &Compiled<'_>, after: &Compiled<'_>) -> Self {
        let (gained, lost) = (flows::gained(before, after), flows::gained(after, before));
        Self {
            omitted_flows: gained.omitted + lost.omitted,
            is_cut: gained.is_cut || lost.is_cut,
            gained: gained.flows,
            lost: lost.flows,
            other: rest::differences(before, after),
        }
    }

    /// Whether the two policies have the same effect.
    pub fn is_none(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty() && self.other.is_empty() && !self.is_cut
    }

    /// A short description for people, one change per line.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (sign, flows) in [('+', &self.gained), ('-', &self.lost)] {
            lines.extend(flows.iter().take(MAX_DEVICES).map(|it| format!("{sign} {}", it.line())));
            if flows.len() > MAX_DEVICES {
                lines.push(format!("{sign} and {} more", flows.len() - MAX_DEVICES));
            }
        }
        lines.extend(self.other.iter().take(MAX_DEVICES).cloned());
        if self.other.len() > MAX_DEVICES {
            lines.push(format!("and {} more", self.other.len() - MAX_DEVICES));
        }
        lines
    }
}

/// The most lines for each kind of change.
const MAX_DEVICES: usize = 30;
/// The most ports that a line lists.
const PORTS: usize = 6;

impl Flow {
    fn line(&self) -> String {
        let mut ports: Vec<&str> = self.ports.iter().take(PORTS).map(String::as_str).collect();
        let more = format!("and {} more", self.ports.len().saturating_sub(PORTS));
        if self.ports.len() > PORTS {
            ports.push(&more);
        }
        let devices = |count: usize| match count {
            0 => String::new(),
            1 => " (1 device)".to_owned(),
            count => format!(" ({count} devices)"),
        };
        format!(
            "{}{} → {}{} on {}",
            self.from.join(", "),
            devices(self.from_devices),
            self.to.join(", "),
            devices(self.to_devices),
            ports.join(", ")
        )
    }
}
