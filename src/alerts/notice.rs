//! What a receiver is sent.

use serde::{Deserialize, Serialize};

use crate::history::Seconds;

/// The severity of an alert.
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

/// Why receivers are notified of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It fires.
    Firing,
    /// It still fires, and nobody has acknowledged it.
    Reminder,
    /// It is over.
    Resolved,
}

/// One alert in a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The ID of the alert. It is the same from its start to its end.
    pub alert: String,
    /// Why receivers are notified of an alert.
    pub status: Status,
    /// The name of what it is about, as others chose it.
    pub subject: String,
    /// What is wrong, in words that may contain names that others chose.
    pub summary: String,
    /// Since when, in seconds since 1970.
    pub since: Seconds,
    /// When and why it ended.
    pub ended: Option<(Seconds, String)>,
}

/// What a receiver is sent at once: alerts of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same for each try, and from every replica.
    pub id: String,
    /// The tailnet.
    pub tailnet: String,
    /// The name of the rule.
    pub rule: String,
    /// Its severity.
    pub severity: Severity,
    /// When it was written, in seconds since 1970.
    pub at: Seconds,
    /// The alerts of one rule, those that fire before those that are resolved, then the oldest first; at most 50.
    pub lines: Vec<Line>,
    /// What to do first.
    pub first_step: String,
}
