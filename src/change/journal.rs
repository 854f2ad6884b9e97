//! Where every change is recorded before it is sent, and completed after.

use std::fmt;

pub use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{Change, Confirmation, Outcome, Risk};
use crate::client::Result;

/// A change that somebody is about to make.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Intent<'a> {
    /// Who asked.
    pub principal: &'a str,
    /// The tool that was asked for; empty for a program that uses the library.
    pub tool: &'a str,
    /// The tailnet: its API's origin and its id.
    pub tailnet: &'a str,
    /// What it is about: `device web-1`, `12 devices`.
    pub resource: &'a str,
    /// How much can go wrong.
    pub risk: Risk,
    /// How many fields of resources it changes in all.
    pub planned: usize,
    /// How it was confirmed.
    pub confirmed: Confirmation,
    /// The entry that it takes back.
    pub undoes: Option<i64>,
}

/// One field of one resource of an entry.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// The kind of resource: `device`.
    pub kind: String,
    /// The resource's id.
    pub id: String,
    /// The resource's name, then.
    pub name: String,
    /// The field, before and after.
    #[serde(flatten)]
    pub change: Change,
    /// What became of it; none if it was cut off, or is still under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// One change of the past, as the journal has it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// Its number.
    pub change: i64,
    /// When it began.
    pub at: Timestamp,
    /// Who asked.
    pub principal: String,
    /// The tool that was asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// The tailnet.
    #[serde(skip)]
    pub tailnet: String,
    /// What it is about.
    pub resource: String,
    /// How much could go wrong.
    pub risk: Risk,
    /// What became of it; `unknown` if it was cut off.
    pub outcome: Outcome,
    /// How it was confirmed.
    #[serde(skip_serializing_if = "Confirmation::is_silent")]
    pub confirmed: Confirmation,
    /// It is under way, here or in another server on the same journal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub running: bool,
    /// The entry that it takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<i64>,
    /// The entry that took it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<i64>,
    /// How many fields of resources it was to change.
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
        }
    }
}

impl Step {
    /// One field of the resource `id` of a kind, of which nothing is known yet.
    pub fn new(kind: &str, id: &str, name: &str, change: Change) -> Self {
        let (kind, id, name) = (kind.to_owned(), id.to_owned(), name.to_owned());
        Self { kind, id, name, change, outcome: None, why: None }
    }
}

impl Entry {
    /// The entry `change` of something that begins now, for a journal of one's own.
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
            confirmed: intent.confirmed,
            running: true,
            undoes: intent.undoes,
            undone_by: None,
            planned: intent.planned,
        }
    }
}

/// Which entries to list.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Find {
    /// Only those of this tailnet.
    pub tailnet: String,
    /// Only those whose resource, tool or principal has this in it.
    pub text: Option<String>,
    /// Only those about just this resource.
    pub resource: Option<String>,
    /// Only those with this outcome.
    pub outcome: Option<Outcome>,
    /// Only those before this one.
    pub before: Option<i64>,
    /// Only those since then.
    pub since: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

/// Keeps what was changed. Every method may fail, and a change whose intent cannot be recorded is
/// not made.
pub trait Journal: fmt::Debug + Send + Sync {
    /// Records that something is about to be changed, and gives the entry's number.
    fn begin<'a>(&'a self, intent: &'a Intent<'a>) -> BoxFuture<'a, Result<i64>>;

    /// Records one step before it is sent, and gives its number.
    fn intend<'a>(&'a self, entry: i64, step: &'a Step) -> BoxFuture<'a, Result<i64>>;

    /// Records what became of a step. `id` is that of what it made; `after` is what the field is
    /// now, where that is known.
    fn settle<'a>(
        &'a self,
        step: i64,
        outcome: Outcome,
        id: Option<&'a str>,
        after: Option<&'a Value>,
        why: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Records that an entry is over.
    fn end(&self, entry: i64, outcome: Outcome) -> BoxFuture<'_, Result<()>>;

    /// Nobody works at an entry any more, and nobody says how it ended.
    fn abandon(&self, entry: i64) {
        let _ = entry;
    }

    /// The newest entries first, and how many fit in all.
    fn list<'a>(&'a self, find: &'a Find) -> BoxFuture<'a, Result<(Vec<Entry>, u64)>>;

    /// One entry.
    fn entry(&self, entry: i64) -> BoxFuture<'_, Result<Option<Entry>>>;

    /// Its steps, from the `skip`ped on, in the order in which they were begun.
    fn steps(&self, entry: i64, skip: usize, limit: usize) -> BoxFuture<'_, Result<Vec<Step>>>;
}
