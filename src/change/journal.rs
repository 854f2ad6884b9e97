//! The journal, which records every change before it is sent and its outcome afterwards.

use std::fmt;

pub use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{Approval, Change, Confirmation, Outcome, Risk};
use crate::client::Result;

/// A change that is about to be made.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Intent<'a> {
    /// Who requested the change.
    pub principal: &'a str,
    /// The tool that was called; empty for a program that uses the library.
    pub tool: &'a str,
    /// The tailnet: the API's origin and the tailnet's name.
    pub tailnet: &'a str,
    /// The resources, such as `device web-1` or `12 devices`.
    pub resource: &'a str,
    /// Risk of the change.
    pub risk: Risk,
    /// Total number of field changes.
    pub planned: usize,
    /// How it was confirmed.
    pub confirmed: Confirmation,
    /// The entry that it undoes.
    pub undoes: Option<i64>,
    /// How many of the field changes are made in the tailnet, and not in our own records.
    pub counted: usize,
    /// The most changes of the tailnet in an hour: with more, [`Journal::begin`] refuses.
    pub changes_per_hour: Option<u32>,
}

/// One step of an entry: the change of one field of one resource.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// Kind of resource, such as `device`.
    pub kind: String,
    /// ID of the resource.
    pub id: String,
    /// Name of the resource when the change was made.
    pub name: String,
    /// The field with its values before and after.
    #[serde(flatten)]
    pub change: Change,
    /// Outcome of the step; `None` if it is running or was interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why the step failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A recorded change.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// Number of the change.
    pub change: i64,
    /// When the change started.
    pub at: Timestamp,
    /// Who requested the change.
    pub principal: String,
    /// The tool that was called.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// The tailnet: the API's origin and the tailnet's name.
    #[serde(skip)]
    pub tailnet: String,
    /// The resources, such as `device web-1` or `12 devices`.
    pub resource: String,
    /// Risk of the change.
    pub risk: Risk,
    /// Outcome of the change; `unknown` if it is running or was interrupted.
    pub outcome: Outcome,
    /// How it was confirmed.
    #[serde(skip_serializing_if = "Confirmation::is_silent")]
    pub confirmed: Confirmation,
    /// It is under way, here or in another server on the same journal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub running: bool,
    /// The entry that this change undid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<i64>,
    /// The entry that undid this change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<i64>,
    /// Total number of field changes in the plan.
    #[serde(skip)]
    pub planned: usize,
}

impl<'a> Intent<'a> {
    /// A change that `principal` is about to make with `tool`, of which nothing else is known.
    pub fn new(principal: &'a str, tool: &'a str, risk: Risk) -> Self {
        Self {
            principal,
            tool,
            tailnet: "",
            resource: "",
            risk,
            planned: 0,
            confirmed: Confirmation::default(),
            undoes: None,
            counted: 0,
            changes_per_hour: None,
        }
    }
}

impl Step {
    /// A new step without an outcome.
    pub fn new(kind: &str, id: &str, name: &str, change: Change) -> Self {
        let (kind, id, name) = (kind.to_owned(), id.to_owned(), name.to_owned());
        Self { kind, id, name, change, outcome: None, why: None }
    }
}

impl Entry {
    /// The entry for a change that starts now; for implementations of [`Journal`].
    pub fn begun(change: i64, at: Timestamp, intent: &Intent<'_>) -> Self {
        Self {
            change,
            at,
            principal: intent.principal.to_owned(),
            tool: intent.tool.to_owned(),
            tailnet: intent.tailnet.to_owned(),
            resource: intent.resource.to_owned(),
            risk: intent.risk,
            outcome: Outcome::Unknown,
            confirmed: intent.confirmed.clone(),
            running: true,
            undoes: intent.undoes,
            undone_by: None,
            planned: intent.planned,
        }
    }
}

/// Filters for listing entries.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Find {
    /// Only entries of this tailnet; empty for all.
    pub tailnet: String,
    /// Only entries whose resource, tool or principal contains this text.
    pub text: Option<String>,
    /// Only entries about exactly this resource.
    pub resource: Option<String>,
    /// Only entries with this outcome.
    pub outcome: Option<Outcome>,
    /// Only entries with a lower number than this.
    pub before: Option<i64>,
    /// Only entries since this time.
    pub since: Option<Timestamp>,
    /// The maximum number of entries.
    pub limit: usize,
}

/// Stores the history of changes. Every method may fail; a change that cannot be recorded is not
/// made.
pub trait Journal: fmt::Debug + Send + Sync {
    /// Records that a change is about to be made, and returns the number of its entry.
    fn begin<'a>(&'a self, intent: &'a Intent<'a>) -> BoxFuture<'a, Result<i64>>;

    /// Records a step before it is sent, and returns its number.
    fn intend<'a>(&'a self, entry: i64, step: &'a Step) -> BoxFuture<'a, Result<i64>>;

    /// Records the outcome of a step. `id` is the ID of a resource that it created; `after` is the
    /// value of the field read back, if known.
    fn settle<'a>(
        &'a self,
        step: i64,
        outcome: Outcome,
        id: Option<&'a str>,
        after: Option<&'a Value>,
        why: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Records the final outcome of an entry.
    fn end(&self, entry: i64, outcome: Outcome) -> BoxFuture<'_, Result<()>>;

    /// Called if the change was dropped before its outcome was recorded.
    fn abandon(&self, entry: i64) {
        let _ = entry;
    }

    /// Lists matching entries, newest first, with the total number of matches.
    fn list<'a>(&'a self, find: &'a Find) -> BoxFuture<'a, Result<(Vec<Entry>, u64)>>;

    /// Reads one entry; `None` if there is no such number.
    fn entry(&self, entry: i64) -> BoxFuture<'_, Result<Option<Entry>>>;

    /// Lists the plans for a tailnet that needed approval, newest first. A journal that keeps none has none.
    fn approvals<'a>(&'a self, tailnet: &'a str) -> BoxFuture<'a, Result<Vec<Approval>>> {
        let _ = tailnet;
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Reads the steps of an entry in order, without the first `skip`.
    fn steps(&self, entry: i64, skip: usize, limit: usize) -> BoxFuture<'_, Result<Vec<Step>>>;
}
