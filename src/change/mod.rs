//! One way for every change: planned as data, recorded before it is sent, looked up when its answer
//! got lost, and rolled back when what follows fails.
//!
//! A domain says what can change about its resources ([`Subject`]) and makes a [`Plan`], which only
//! reads. The same list of changes is shown, confirmed, sent, recorded and undone, so these cannot
//! disagree.
//!
//! ```no_run
//! # async fn example(tailnet: &tailsteward::Tailnet) -> tailsteward::Result<()> {
//! let plan = tailnet.devices().plan_authorized("web-1", true).await?;
//! println!("{:?}", plan.preview().changes);
//! let report = tailnet.apply(&plan).await?;
//! assert!(report.applied);
//! # Ok(()) }
//! ```

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod apply;
mod context;
pub mod journal;
mod plan;
mod report;
#[cfg(feature = "journal")]
pub mod store;
mod subject;
mod tailnet;
mod write;

pub use self::{
    context::{Actor, Confirmation, Progress},
    journal::Journal,
    plan::{Item, OnFailure, Plan},
    report::{Capped, Changed, Outcome, Problem, Report},
    tailnet::Tailnet,
};
pub(crate) use self::{
    plan::{MAX_DESCRIBED, label},
    subject::{Checked, Checks, Compare, Fields, Subject, same},
    write::{Secrets, Write, Written},
};
pub use crate::risk::Risk;

/// One field of one resource: what it was and what it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// The field: `tags`, `custom:tier`.
    pub field: String,
    /// What it was; null if it was not there.
    pub from: Value,
    /// What it shall be; null if it shall not be there.
    pub to: Value,
    /// No call takes it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
    /// Why, for the API's own log, where that takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Change {
    pub(crate) fn new(field: &str, from: impl Into<Value>, to: impl Into<Value>) -> Self {
        Self {
            field: field.to_owned(),
            from: from.into(),
            to: to.into(),
            irreversible: false,
            comment: None,
        }
    }

    /// The same, where no call takes it back.
    pub(crate) fn irreversible(self) -> Self {
        Self { irreversible: true, ..self }
    }

    /// What takes it back; none where nothing does.
    pub fn inverse(&self) -> Option<Self> {
        (!self.irreversible).then(|| Self {
            from: self.to.clone(),
            to: self.from.clone(),
            comment: None,
            ..self.clone()
        })
    }
}
