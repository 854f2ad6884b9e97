//! Alerts: rules that say when somebody wants to know, what fires, and who is notified.

mod deliver;
pub mod episode;
pub mod notice;
pub mod receivers;

pub use self::{
    episode::{Episode, State, Subject, Timing, Truth, Why},
    notice::{Line, Notice, Severity, Status},
    receivers::{Outcome, Receivers},
};

/// What the config file says of alerts.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Rules, as they are written.
    pub rules: Vec<serde_json::Value>,
    /// The names of the receivers.
    pub receivers: Vec<String>,
}
