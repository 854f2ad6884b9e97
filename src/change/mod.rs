//! The common path of all changes: they are planned as data, recorded before they are sent, read
//! back if the answer is lost, and rolled back if a later change of the same resource fails.
//!
//! A domain defines how its resources are read and written ([`Subject`]) and makes a [`Plan`],
//! which only reads. The plan's list of changes is what is shown, confirmed, sent, recorded and
//! undone.
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
mod approval;
mod context;
pub mod journal;
mod plan;
mod report;
#[cfg(feature = "journal")]
pub mod store;
mod subject;
mod tailnet;
mod write;

#[cfg(feature = "server")]
pub(crate) use self::plan::by_kind;
pub use self::{
    approval::{Approval, ApprovalState},
    context::{AboutCaller, Actor, Confirmation, Progress},
    journal::Journal,
    plan::{Item, MAX_DESCRIBED, OnFailure, Plan},
    report::{Capped, Changed, Outcome, Problem, Report},
    tailnet::Tailnet,
};
pub(crate) use self::{
    plan::label,
    subject::{Checked, Checks, Compare, Fields, Subject, same},
    write::{Secrets, Write, Written},
};
pub use crate::risk::Risk;

/// The change of one field of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// The field, such as `tags` or `custom:tier`.
    pub field: String,
    /// The value before; null if it was absent.
    pub from: Value,
    /// The value after; null to remove it.
    pub to: Value,
    /// Whether no call can undo the change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
    /// The reason for the API's audit log, if the API takes one.
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

    /// Marks the change as one that no call can undo.
    pub(crate) fn irreversible(self) -> Self {
        Self { irreversible: true, ..self }
    }

    /// The change that undoes this one; `None` if it is irreversible.
    pub fn inverse(&self) -> Option<Self> {
        (!self.irreversible).then(|| Self {
            from: self.to.clone(),
            to: self.from.clone(),
            comment: None,
            ..self.clone()
        })
    }
}
