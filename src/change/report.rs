//! Reports what a plan did, or would do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeSeq as _};
use serde_json::Value;

use super::{Change, Confirmation, Item, Plan};
use crate::{Error, wire::Secret};

/// The maximum number of entries in each list of a report; the journal has all of them.
const SHOWN: usize = 500;

/// A list that shows only its first entries, and counts the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capped<T> {
    shown: Vec<T>,
    more: usize,
}

impl<T> Default for Capped<T> {
    fn default() -> Self {
        Self { shown: Vec::new(), more: 0 }
    }
}

impl<T> Capped<T> {
    pub(super) fn push(&mut self, item: T) {
        if self.shown.len() < SHOWN {
            self.shown.push(item);
        } else {
            self.more += 1;
        }
    }

    /// The entries that are shown.
    pub fn shown(&self) -> &[T] {
        &self.shown
    }

    /// Total number of entries, shown or not.
    pub fn len(&self) -> usize {
        self.shown.len() + self.more
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
}

impl<T: Serialize> Serialize for Capped<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for item in &self.shown {
            list.serialize_element(item)?;
        }
        if self.more > 0 {
            list.serialize_element(&format!("and {} more", self.more))?;
        }
        list.end()
    }
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is made.
    Done,
    /// It is not made.
    Failed,
    /// Its answer got lost: it may have been made.
    Unknown,
    /// Applied, then rolled back.
    RolledBack,
    /// Of several, some were made.
    Partly,
}

impl Outcome {
    /// The name of the outcome, such as `rolled_back`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::RolledBack => "rolled_back",
            Self::Partly => "partly",
        }
    }

    /// The outcome with this name, as returned by [`as_str`](Self::as_str).
    pub fn named(word: &str) -> Option<Self> {
        [Self::Done, Self::Failed, Self::Unknown, Self::RolledBack, Self::Partly]
            .into_iter()
            .find(|it| it.as_str() == word)
    }
}

/// The value of one field before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The field, such as `tags`.
    pub field: String,
    /// The value before; null if it was absent.
    pub before: Value,
    /// The value after; null if it is absent.
    pub after: Value,
    /// Names of the resources with this change, if there are several.
    #[serde(skip_serializing_if = "Capped::is_empty")]
    pub on: Capped<String>,
}

/// A resource of a batch that could not be changed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Name of the resource.
    pub resource: String,
    /// Why it failed.
    pub why: String,
}

impl Problem {
    /// The problem that `error` reports, with what to do.
    pub(super) fn of(resource: &str, error: &Error) -> Self {
        let why = match error.remedy() {
            Some(remedy) => format!("{error}; {remedy}"),
            None => error.to_string(),
        };
        Self { resource: resource.to_owned(), why }
    }
}

/// The result of applying a plan, or its preview.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Number of the change in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<i64>,
    /// Kind and name of the resource before the change; absent for several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What a person recognises it by; absent where nothing is known or nobody has to confirm.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub details: String,
    /// The tailnet, where the program serves several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tailnet: Option<String>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether changes were sent; false for a preview, or if nothing had to change.
    pub applied: bool,
    /// Number of resources; absent for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<usize>,
    /// The changed fields, each with its value before and after.
    pub changes: Vec<Changed>,
    /// Whether nothing had to change.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
    /// Resources that needed no change.
    #[serde(skip_serializing_if = "Capped::is_empty")]
    pub unchanged_resources: Capped<String>,
    /// Resources that could not be changed.
    #[serde(skip_serializing_if = "Capped::is_empty")]
    pub failed: Capped<Problem>,
    /// Resources whose outcome is unknown because the answer was lost.
    #[serde(skip_serializing_if = "Capped::is_empty")]
    pub unknown: Capped<Problem>,
    /// Resources that were changed and then rolled back.
    #[serde(skip_serializing_if = "Capped::is_empty")]
    pub rolled_back: Capped<String>,
    /// Resources that were not tried after a failure or a stop.
    #[serde(skip_serializing_if = "Capped::is_empty")]
    pub not_tried: Capped<String>,
    /// How it was confirmed, where that was needed.
    #[serde(skip_serializing_if = "Confirmation::is_silent")]
    pub confirmed: Confirmation,
    /// No call takes it back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cannot_be_undone: bool,
    /// Side effects that may not be wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Further information.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The API's answer about a created resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// Secrets of created resources. They are shown only in this report and never recorded.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shown_once: BTreeMap<String, Secret>,
}

impl Report {
    /// Whether a resource was not changed as planned, or it is not known.
    pub fn has_failures(&self) -> bool {
        !self.failed.is_empty() || !self.unknown.is_empty() || !self.not_tried.is_empty()
    }

    pub(super) fn preview(plan: &Plan) -> Self {
        let mut report = Self::of(plan);
        let is_mixed = plan.is_mixed();
        for item in &plan.items {
            report.take(plan, item, &item.changes, is_mixed);
        }
        report
    }

    /// An empty report, before anything is sent.
    pub(super) fn of(plan: &Plan) -> Self {
        let single = plan.items.first().filter(|_| !plan.is_batch());
        Self {
            resource: single.map(Item::label),
            details: single.map(|item| item.details.clone()).unwrap_or_default(),
            id: single.map(|it| it.id.clone()).filter(|it| !it.is_empty()),
            total: plan.is_batch().then_some(plan.items.len()),
            unchanged: plan.is_empty(),
            cannot_be_undone: plan.is_irreversible(),
            warnings: plan.warnings.clone(),
            notes: plan.notes.clone(),
            ..Self::default()
        }
    }

    /// Adds the changes of `item`. Equal changes of several resources share one row. `is_mixed` is whether the
    /// plan has several kinds of resources.
    pub(super) fn take(&mut self, plan: &Plan, item: &Item, changes: &[Change], is_mixed: bool) {
        if changes.is_empty() && plan.is_batch() {
            self.unchanged_resources.push(item.called(is_mixed));
        }
        for change in changes {
            let shown = |value| item.subject.compare().display(&change.field, value);
            let (before, after) = (shown(&change.from), shown(&change.to));
            let same = |it: &&mut Changed| {
                it.field == change.field && it.before == before && it.after == after
            };
            let row = match self.changes.iter_mut().find(same) {
                Some(row) if plan.is_batch() => row,
                _ => {
                    self.changes.push(Changed {
                        field: change.field.clone(),
                        before,
                        after,
                        on: Capped::default(),
                    });
                    let Some(row) = self.changes.last_mut() else { continue };
                    row
                }
            };
            if plan.is_batch() {
                row.on.push(item.called(is_mixed));
            }
        }
    }
}
