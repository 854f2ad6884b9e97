//! Plans: lists of changes to make. Making a plan only reads.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Change, Checked, Report, Risk, Secrets, Subject, Tailnet};
use crate::{ErrorKind, client::Result};

/// How many resources of a plan [`Plan::describe`] describes.
pub const MAX_DESCRIBED: usize = 20;

/// The changes of one resource. They are made in order, all of them or none.
#[derive(Debug, Clone)]
pub struct Item {
    pub(crate) subject: &'static dyn Subject,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) changes: Vec<Change>,
    /// Secrets that the changes need and that are not recorded.
    pub(crate) secrets: Secrets,
    /// What a person recognises it by, besides its name.
    pub(crate) details: String,
}

impl Item {
    pub(crate) fn new(
        subject: &'static dyn Subject,
        id: &str,
        name: &str,
        changes: Vec<Change>,
    ) -> Self {
        let (id, name) = (id.to_owned(), name.to_owned());
        Self { subject, id, name, changes, secrets: Secrets::new(), details: String::new() }
    }

    /// Kind of resource, such as `device`.
    pub fn kind(&self) -> &'static str {
        self.subject.kind()
    }

    /// ID of the resource.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Name of the resource.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Changes of the resource, in the order in which they are made.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What a person recognises it by, besides its name: see [`Plan::describe`].
    pub fn details(&self) -> &str {
        &self.details
    }

    /// What happens to it, if it has one change that one verb describes: `Remove`.
    pub fn verb(&self) -> Option<&'static str> {
        match self.changes.as_slice() {
            [change] => self.subject.compare().verb(change),
            _ => None,
        }
    }

    /// What a report calls the resource: its name, with the kind if there are several kinds.
    pub(crate) fn called(&self, is_mixed: bool) -> String {
        if is_mixed { self.label() } else { self.name.clone() }
    }

    /// Kind and name, such as `device web-1`.
    pub(crate) fn label(&self) -> String {
        label(self.kind(), &self.name)
    }
}

pub(crate) fn label(kind: &str, name: &str) -> String {
    if name.is_empty() { kind.to_owned() } else { format!("{kind} {name}") }
}

/// The resources by kind: the only one of a kind with its name, others counted.
pub(crate) fn by_kind<'a>(items: impl Iterator<Item = &'a Item>) -> String {
    let mut kinds: Vec<(&Item, usize)> = Vec::new();
    let mut seen = BTreeSet::new();
    // Steps that do not depend on each other are items of one resource. What is created has no ID yet.
    let is_new = |it: &&'a Item| it.id.is_empty() || seen.insert((it.kind(), it.id.as_str()));
    for item in items.filter(is_new) {
        match kinds.iter_mut().find(|(first, _)| first.kind() == item.kind()) {
            Some((_, count)) => *count += 1,
            None => kinds.push((item, 1)),
        }
    }
    let words = kinds.into_iter().map(|(first, count)| match count {
        1 => first.label(),
        _ => format!("{count} {}s", first.kind()),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// What a batch does about the rest when one resource fails. What was changed of that one resource
/// is rolled back in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It goes on with the next.
    #[default]
    Continue,
    /// It stops there.
    Stop,
    /// It stops there, and rolls back the changes made.
    Undo,
}

/// Changes of one or several resources.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) items: Vec<Item>,
    pub(crate) warnings: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) on_failure: OnFailure,
    pub(crate) least: Risk,
    pub(crate) undoes: Option<i64>,
}

impl Plan {
    /// A plan for several resources.
    pub(crate) fn new(items: Vec<Item>) -> Self {
        Self {
            items,
            warnings: Vec::new(),
            notes: Vec::new(),
            on_failure: OnFailure::default(),
            least: Risk::Change,
            undoes: None,
        }
    }

    /// A plan for one resource.
    pub(crate) fn one(
        subject: &'static dyn Subject,
        id: &str,
        name: &str,
        changes: Vec<Change>,
    ) -> Self {
        Self::new(vec![Item::new(subject, id, name, changes)])
    }

    /// Adds the secrets that the changes of the first resource need.
    pub(crate) fn with_secrets(mut self, secrets: Secrets) -> Self {
        if let Some(first) = self.items.first_mut() {
            first.secrets = secrets;
        }
        self
    }

    /// Adds the warnings, notes and risk found by a check.
    pub(crate) fn checked(mut self, checked: Checked) -> Self {
        self.least = self.least.max(checked.least);
        self.warnings.extend(checked.warnings);
        self.notes.extend(checked.notes);
        self
    }

    pub(crate) fn warned(mut self, warnings: Vec<String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// Adds what a person recognises the resources by.
    ///
    /// # Errors
    ///
    /// Whatever reading a resource fails with, unless it is gone.
    pub async fn describe(&mut self, tailnet: &Tailnet) -> Result<()> {
        let changed = self.items.iter_mut().filter(|item| !item.changes.is_empty());
        for item in changed.take(MAX_DESCRIBED).filter(|item| !item.id.is_empty()) {
            item.details = match item.subject.describe(tailnet, &item.id).await {
                Err(gone) if gone.kind() == ErrorKind::NotFound => String::new(),
                details => details?,
            };
        }
        Ok(())
    }

    /// Makes the plan at least as risky as `risk`.
    #[cfg(feature = "server")]
    pub(crate) fn at_least(&mut self, risk: Risk) {
        self.least = self.least.max(risk);
    }

    /// The resources, those that are like that already included.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// All changes, in the order in which they are made. Empty if nothing needs to change.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.items.iter().flat_map(|it| &it.changes)
    }

    /// How many changes are made in the tailnet. Others are only of our own records.
    pub fn counted(&self) -> usize {
        self.outside().map(|it| it.changes.len()).sum()
    }

    /// The resources of the tailnet that are changed.
    pub(crate) fn outside(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|it| !it.changes.is_empty() && !it.subject.is_kept_here())
    }

    /// Whether nothing needs to change.
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none()
    }

    /// What happens to the rest of a batch when one resource fails.
    pub fn on_failure(&self) -> OnFailure {
        self.on_failure
    }

    /// What else is worth knowing before it is made.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Side effects of the changes that may not be wanted.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether no call can undo some of the changes.
    pub fn is_irreversible(&self) -> bool {
        self.changes().any(|it| it.irreversible)
    }

    /// Whether the plan covers several resources.
    pub fn is_batch(&self) -> bool {
        self.items.len() > 1
    }

    /// The risk of the plan. Changes of several resources, and irreversible ones, are destructive.
    pub fn risk(&self) -> Risk {
        let destructive = self.is_irreversible() || self.outside().count() > 1;
        if destructive { Risk::Danger } else { self.least }
    }

    /// The resources, such as `device web-1`, `12 devices` or `user ann@example.com, 2 devices`.
    pub(crate) fn about(&self) -> String {
        by_kind(self.items.iter())
    }

    /// Whether its resources are of several kinds.
    pub(crate) fn is_mixed(&self) -> bool {
        let first = self.items.first().map(Item::kind);
        self.items.iter().any(|it| Some(it.kind()) != first)
    }

    /// The report that applying the plan would give, without applying it.
    pub fn preview(&self) -> Report {
        Report::preview(self)
    }

    /// All that a confirmation binds to: what the plan changes, and all that is shown of it. A plan
    /// that differs in a name or a warning is another plan.
    pub fn fingerprint(&self) -> impl Serialize + '_ {
        let items = self.items.iter().map(|item| {
            (item.kind(), &item.id, &item.name, &item.details, item.changes.as_slice())
        });
        (items.collect::<Vec<_>>(), &self.warnings, &self.notes, self.on_failure, self.undoes)
    }
}
