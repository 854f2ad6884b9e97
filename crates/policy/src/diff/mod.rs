//! What a change of the policy file does: not which lines differ, but who reaches what.

use serde::Serialize;

use super::compile::Compiled;

mod cut;
mod flows;
mod label;
mod rest;
mod words;

pub use self::cut::CutOff;

/// What differs between two policies of one tailnet, by effect.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Effect {
    /// Who reaches what they did not reach.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gained: Vec<Flow>,
    /// Who does not reach what they reached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Flow>,
    /// What differs about SSH, capabilities, attributes and approvals, a line each; the sign says
    /// whether it is there now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<String>,
}

/// Connections that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Flow {
    /// From whom: groups, tags and people.
    pub from: Vec<String>,
    /// How many devices that are.
    pub from_devices: usize,
    /// To what.
    pub to: Vec<String>,
    /// How many devices that are.
    pub to_devices: usize,
    /// On which ports: `tcp:443`.
    pub ports: Vec<String>,
}

impl Effect {
    /// What changes for a tailnet when `after` takes the place of `before`. Both have to be worked
    /// out for the same inventory.
    pub fn between(before: &Compiled<'_>, after: &Compiled<'_>) -> Self {
        Self {
            gained: flows::gained(before, after),
            lost: flows::gained(after, before),
            other: rest::differences(before, after),
        }
    }

    /// Whether nothing changes for anybody.
    pub fn is_none(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty() && self.other.is_empty()
    }

    /// In few lines, for people.
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

/// As many lines as each part of an effect gets.
const MAX_DEVICES: usize = 30;
/// As many ports as a line names.
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
