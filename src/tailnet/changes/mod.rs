//! The changes recorded in the journal: lists them, shows them and plans their undo.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

#[cfg(feature = "server")]
pub(crate) mod tools;
mod undo;

use crate::{
    Error, ErrorKind,
    change::{
        Approval, Journal, Outcome, Subject,
        journal::{Entry, Find, Step},
    },
    client::{Action, Result},
    tailnet::{SUBJECTS, Tailnet},
};

/// The changes in a tailnet's journal.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'a> {
    tailnet: &'a Tailnet,
}

/// A page of recorded changes, newest first.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ChangeList {
    /// Total number of matching changes.
    pub total: u64,
    /// Number of changes on this page.
    pub shown: usize,
    /// What the list covers, and what has more.
    pub covers: &'static str,
    /// The changes on this page.
    pub changes: Vec<Entry>,
    /// The value of `before` for the next page: the number of the oldest change here. Absent on the
    /// last page.
    #[serde(skip)]
    pub next: Option<i64>,
}

/// What the journal covers.
pub(crate) const COVERS: &str = "changes through this server only; the tailnet's audit log has all";

/// One recorded change with its steps.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ChangeDetails {
    /// The journal entry.
    #[serde(flatten)]
    pub entry: Entry,
    /// Number of field changes in the plan.
    pub planned: usize,
    /// The steps that were started.
    pub steps: Vec<StepNow>,
    /// The value of `skip` for the next page of steps. Absent on the last page.
    #[serde(skip)]
    pub next: Option<usize>,
    /// How to read the change if it is running or its outcome is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One step; if its outcome is unknown, with the current value of the field.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct StepNow {
    /// The recorded step.
    #[serde(flatten)]
    pub step: Step,
    /// The current value of the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Value>,
}

/// The maximum number of fields to read back when outcomes are unknown.
const LOOKS: usize = 20;

impl<'a> Changes<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    fn journal(&self) -> Result<&Arc<dyn Journal>> {
        self.tailnet.actor().journal.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "this tailnet has no journal")
                .with_remedy("set one with `acting_as`")
        })
    }

    /// Lists recorded changes, newest first.
    ///
    /// # Errors
    ///
    /// [`Journal`](ErrorKind::Journal) if the journal cannot be read.
    pub async fn list(&self, find: &Find) -> Result<ChangeList> {
        // Reads one more than it shows, to know whether there is another page.
        let limit = find.limit.saturating_add(1);
        let wanted = Find { tailnet: self.tailnet.label(), limit, ..find.clone() };
        let (mut changes, total) = self.journal()?.list(&wanted).await?;
        let more = changes.len() > find.limit;
        changes.truncate(find.limit);
        let next = changes.last().map(|it| it.change).filter(|_| more);
        Ok(ChangeList { total, shown: changes.len(), covers: COVERS, changes, next })
    }

    /// Lists the plans of the last seven days that needed the approval of a person, newest first.
    ///
    /// # Errors
    ///
    /// [`Journal`](ErrorKind::Journal) if the journal cannot be read.
    pub async fn awaiting_approval(&self) -> Result<Vec<Approval>> {
        self.journal()?.approvals(&self.tailnet.label()).await
    }

    /// Reads one recorded change. If the outcome of a step is unknown, reads the field again.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if there is no change of that number.
    pub async fn get(&self, change: i64, skip: usize, limit: usize) -> Result<ChangeDetails> {
        let entry = self.entry(change).await?;
        // Reads one more than it shows, to know whether there is another page.
        let mut steps = self.journal()?.steps(change, skip, limit.saturating_add(1)).await?;
        let next = (steps.len() > limit).then_some(skip.saturating_add(limit));
        steps.truncate(limit);
        let mut looked = Vec::with_capacity(steps.len());
        let mut looks = 0;
        for step in steps {
            let open = !entry.running && matches!(step.outcome, None | Some(Outcome::Unknown));
            let look = open && looks < LOOKS;
            looks += usize::from(look);
            let now = if look { self.now(&step).await.ok() } else { None };
            looked.push(shown(step, now));
        }
        let note = note(&entry);
        Ok(ChangeDetails { planned: entry.planned, entry, steps: looked, next, note })
    }

    /// The first `limit` steps of a change, with the recorded values.
    pub(super) async fn steps(&self, change: i64, limit: usize) -> Result<Vec<Step>> {
        self.journal()?.steps(change, 0, limit).await
    }

    pub(super) async fn entry(&self, change: i64) -> Result<Entry> {
        let label = self.tailnet.label();
        let found = self.journal()?.entry(change).await?;
        found.filter(|it| it.tailnet == label).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("this tailnet has no change {change}"))
                .with_remedy(
                    "list the changes to see their numbers; changes made with another credential \
                     are found only if TAILSCALE_TAILNET named the tailnet",
                )
                .with_action(Action::ListChanges)
        })
    }

    /// Reads the current value of the field that a step changed.
    async fn now(&self, step: &Step) -> Result<Value> {
        let field = step.change.field.as_str();
        let mut now = subject(step)?.read(self.tailnet, &step.id, &[field]).await?;
        Ok(now.remove(field).unwrap_or_default())
    }
}

/// Formats a step for display: long values are shortened.
fn shown(mut step: Step, now: Option<Value>) -> StepNow {
    // A step of an unknown resource kind is shown as it was recorded.
    let Ok(subject) = subject(&step) else { return StepNow { step, now } };
    let field = step.change.field.clone();
    step.change.from = subject.compare().display(&field, &step.change.from);
    step.change.to = subject.compare().display(&field, &step.change.to);
    StepNow { step, now: now.map(|it| subject.compare().display(&field, &it)) }
}

/// The subject that reads and writes the resource of a step.
fn subject(step: &Step) -> Result<&'static dyn Subject> {
    SUBJECTS.iter().copied().find(|it| it.kind() == step.kind).ok_or_else(|| {
        Error::refused(
            format!("unknown kind of resource `{}` in the journal", step.kind),
            "use the version of tailsteward that made the change",
        )
    })
}

fn note(entry: &Entry) -> Option<String> {
    if entry.running {
        return Some("it is still in progress".to_owned());
    }
    (entry.outcome == Outcome::Unknown && entry.undone_by.is_none()).then(|| {
        "it was interrupted, or its response was lost: compare `now` with `from` and `to`; an undo \
         reverts what took effect"
            .to_owned()
    })
}
