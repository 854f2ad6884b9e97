//! What a receiver is told.

use serde::{Deserialize, Serialize};

use crate::history::Seconds;

/// How grave an alert is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub enum Severity {
    /// Somebody may want to know.
    Info,
    /// Somebody should look, today.
    #[default]
    Warning,
    /// Somebody should look now.
    Critical,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What of an alert is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// It fires.
    Started,
    /// It still fires, and nobody has acknowledged it.
    Reminder,
    /// It is over.
    Ended,
}

/// One alert in a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The ID of the alert. It is the same from its start to its end.
    pub alert: String,
    /// What of it is told.
    pub told: Told,
    /// The name of what it is about, as others chose it.
    pub subject: String,
    /// What is wrong, in words that may contain names that others chose.
    pub said: String,
    /// Since when, in seconds since 1970.
    pub since: Seconds,
    /// When and why it ended.
    pub ended: Option<(Seconds, String)>,
}

/// What a receiver is told at once: alerts of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same for each try, and from every replica.
    pub id: String,
    /// The tailnet.
    pub tailnet: String,
    /// The name of the rule.
    pub rule: String,
    /// How grave it is.
    pub severity: Severity,
    /// When it was written, in seconds since 1970.
    pub at: Seconds,
    /// The alerts, the worst first; at most 20.
    pub lines: Vec<Line>,
    /// How many more there are.
    pub more: usize,
    /// What to do first.
    pub first_step: String,
}
