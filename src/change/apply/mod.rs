//! Applies a plan: records each change, sends it, reads it back, and rolls back after a failure.

use serde_json::Value;

use self::record::{Settled, unrecorded};
use super::{
    Actor, Change, Fields, Item, OnFailure, Outcome, Plan, Problem, Report, Tailnet, Write,
    Written, journal::Intent, write::hide,
};
use crate::{Error, ErrorKind, client::Result};

mod record;

/// Applies `plan`. A failure is an error if the plan has one resource, and part of the report
/// otherwise.
pub(super) async fn apply(tailnet: &Tailnet, plan: &Plan) -> Result<Report> {
    if plan.is_empty() {
        return Ok(plan.preview());
    }
    let mut run = Run::begin(tailnet, plan).await?;
    let done = run.items().await;
    run.end().await;
    match done {
        Ok(()) => Ok(std::mem::take(&mut run.report)),
        Err(error) => Err(run.recorded(error)),
    }
}

/// A change that was sent and took effect.
#[derive(Clone)]
struct Made {
    change: Change,
    /// The number of the step in the journal.
    number: Option<i64>,
    /// The ID of the resource. For a created resource it is known only after the answer.
    id: String,
}

/// The application of one plan.
struct Run<'a> {
    tailnet: &'a Tailnet,
    actor: &'a Actor,
    plan: &'a Plan,
    /// Whether the plan has several kinds of resources.
    is_mixed: bool,
    entry: Option<i64>,
    report: Report,
    /// The resources that were changed, each with its changes.
    done: Vec<(&'a Item, Vec<Made>)>,
    /// The outcomes of all steps.
    outcomes: Vec<Outcome>,
    /// Whether the journal has recorded the final outcome.
    ended: bool,
    /// Why an outcome is not in the journal yet.
    unrecorded: Option<String>,
}

/// Marks the entry as abandoned if the caller drops the future before the end.
impl Drop for Run<'_> {
    fn drop(&mut self) {
        if let (Some(journal), Some(entry), false) = (&self.actor.journal, self.entry, self.ended) {
            journal.abandon(entry);
        }
    }
}

impl<'a> Run<'a> {
    async fn begin(tailnet: &'a Tailnet, plan: &'a Plan) -> Result<Self> {
        let actor = tailnet.actor();
        let mut run = Self {
            tailnet,
            actor,
            plan,
            is_mixed: plan.is_mixed(),
            entry: None,
            report: Report::of(plan),
            done: Vec::new(),
            outcomes: Vec::new(),
            ended: false,
            unrecorded: None,
        };
        if let Some(journal) = &actor.journal {
            let planned = plan.changes().count();
            let resource = plan.about();
            let intent = Intent {
                principal: &actor.principal,
                tool: &actor.tool,
                tailnet: &tailnet.label(),
                resource: &resource,
                risk: plan.risk(),
                planned,
                confirmed: actor.confirmed.clone(),
                undoes: plan.undoes,
                counted: plan.counted(),
                changes_per_hour: actor.changes_per_hour,
            };
            run.entry = Some(journal.begin(&intent).await.map_err(unrecorded)?);
            run.report.change = run.entry;
        }
        run.report.confirmed = actor.confirmed.clone();
        Ok(run)
    }

    async fn items(&mut self) -> Result<()> {
        let plan = self.plan;
        let mut halted = None;
        // From here on, requests are no longer for planning.
        self.actor.tell(0, plan.items.len(), "");
        for (index, item) in plan.items.iter().enumerate() {
            if halted.is_some() || self.actor.is_stopped() {
                self.report.not_tried.push(item.called(self.is_mixed));
                continue;
            }
            let result = self.item(item).await;
            self.actor.tell(index + 1, plan.items.len(), &item.called(self.is_mixed));
            match result {
                Ok(()) => {}
                Err(error) if !plan.is_batch() => return Err(error),
                Err(error) => {
                    let problem = Problem::of(&item.called(self.is_mixed), &error);
                    if error.may_have_had_effect() {
                        self.report.unknown.push(problem);
                    } else {
                        self.report.failed.push(problem);
                    }
                    // Without a journal, no more changes may be sent.
                    if plan.on_failure != OnFailure::Continue || error.kind() == ErrorKind::Journal
                    {
                        halted = Some(error);
                    }
                }
            }
        }
        if halted.is_some() && plan.on_failure == OnFailure::Undo {
            self.undo_items().await;
            // What could not be rolled back stays.
            self.report.cannot_be_undone &= self.report.applied;
        } else {
            let done = std::mem::take(&mut self.done);
            for (item, changes) in &done {
                let changes: Vec<Change> = changes.iter().map(|it| it.change.clone()).collect();
                self.report.take(plan, item, &changes, self.is_mixed);
            }
            self.report.applied = !done.is_empty();
            let mut made = done.iter().flat_map(|(_, changes)| changes);
            self.report.cannot_be_undone = made.any(|it| it.change.irreversible);
        }
        Ok(())
    }

    /// Makes the changes of one resource: all of them or none.
    async fn item(&mut self, item: &'a Item) -> Result<()> {
        if item.changes.is_empty() {
            if self.plan.is_batch() {
                self.report.take(self.plan, item, &[], self.is_mixed);
            }
            return Ok(());
        }
        let mut id = item.id.clone();
        let now = self.look(item, &id).await?;
        let moved = |it: &&Change| {
            let is = now.get(&it.field).unwrap_or(&Value::Null);
            item.subject.compare().is_visible(&id, it)
                && !item.subject.compare().is_same(&it.field, is, &it.from)
        };
        if let Some(moved) = item.changes.iter().find(moved) {
            let now = now.get(&moved.field).unwrap_or(&Value::Null);
            return Err(item.subject.checks().on_stale(self.tailnet, item, moved, now).await);
        }
        let mut made: Vec<Made> = Vec::new();
        for change in &item.changes {
            match self.step(item, &id, change).await {
                Ok(one) => {
                    id.clone_from(&one.id);
                    made.push(one);
                }
                Err(error) => return Err(self.take_back(item, made, error).await),
            }
        }
        let alone = !self.plan.is_batch();
        if alone || item.subject.checks().verifies_in_batch() {
            let now = self.look(item, &id).await;
            let (tailnet, changes) = (self.tailnet, &item.changes);
            match item.subject.checks().verify(tailnet, &id, changes, now.as_ref()).await {
                Ok(notes) => self.report.notes.extend(notes),
                Err(error) => return Err(self.take_back(item, made, error).await),
            }
            if alone {
                self.read_back(item, now, &mut made).await;
                self.report.id = Some(id).filter(|id| !id.is_empty());
            }
        }
        self.done.push((item, made));
        Ok(())
    }

    async fn look(&self, item: &Item, id: &str) -> Result<Fields> {
        let fields: Vec<&str> = item.changes.iter().map(|it| it.field.as_str()).collect();
        item.subject.read(self.tailnet, id, &fields).await
    }

    /// Records one change, sends it, and records its outcome.
    async fn step(&mut self, item: &Item, id: &str, change: &Change) -> Result<Made> {
        let number = self.intend(item, id, change).await?;
        let result = self.send(item, id, change).await;
        let outcome = match &result {
            Ok(_) => Outcome::Done,
            Err(error) if error.may_have_had_effect() => Outcome::Unknown,
            Err(_) => Outcome::Failed,
        };
        self.outcomes.push(outcome);
        let why = result.as_ref().err().map(Error::to_string);
        let made = result.as_ref().ok().and_then(|it| it.id.clone());
        self.settle(number, Settled { id: made.as_deref(), why: why.as_deref(), ..outcome.into() })
            .await;
        let sent = result?;
        // In a batch, secrets of several resources have the same name.
        let several = self.plan.is_batch();
        let named = |field| {
            if several { format!("{field} of {}", item.called(self.is_mixed)) } else { field }
        };
        self.report.shown_once.extend(sent.once.into_iter().map(|(it, once)| (named(it), once)));
        self.report.notes.extend(sent.notes);
        self.report.answer = sent.answer.or(self.report.answer.take());
        let id = sent.id.unwrap_or_else(|| id.to_owned());
        Ok(Made { change: change.clone(), number, id })
    }

    /// Sends one change. If the answer is lost, reads the field back to see whether it took effect.
    async fn send(&self, item: &Item, id: &str, change: &Change) -> Result<Written> {
        let write = Write { id, change, secrets: &item.secrets };
        let error = match item.subject.write(self.tailnet, write).await {
            Ok(sent) => return Ok(sent),
            Err(error) => hide(error, &item.secrets),
        };
        if !error.may_have_had_effect() {
            return Err(error);
        }
        if !item.subject.compare().is_visible(id, change) {
            return Err(error.context("whether it took effect cannot be read back"));
        }
        let Ok(now) = item.subject.read(self.tailnet, id, &[&change.field]).await else {
            return Err(error);
        };
        let now = now.get(&change.field).unwrap_or(&Value::Null);
        if item.subject.compare().reached(change, now) {
            return Ok(Written::default());
        }
        if item.subject.compare().is_same(&change.field, now, &change.from) {
            return Err(error.context("read back: it was not changed"));
        }
        let now = item.subject.compare().display(&change.field, now);
        Err(error.context(&format!("read back: neither the old nor the new value: {now}")))
    }

    /// Replaces the planned values in the report with the values read back.
    async fn read_back(&mut self, item: &Item, now: Result<Fields>, made: &mut [Made]) {
        let now = match now {
            Ok(now) => now,
            // The change was made; it stays even if it cannot be read back.
            Err(error) => {
                let warning = format!("it was changed, but could not be read back: {error}");
                self.report.warnings.push(warning);
                return;
            }
        };
        for Made { change, number, id } in made {
            let is = now.get(&change.field).cloned().unwrap_or_default();
            if is != change.to && item.subject.compare().is_visible(id, change) {
                self.settle(*number, Settled { after: Some(&is), ..Outcome::Done.into() }).await;
                change.to = is;
            }
        }
    }

    /// Rolls back the changes of one resource, last one first, and adds the result to `error`.
    async fn take_back(&mut self, item: &Item, made: Vec<Made>, error: Error) -> Error {
        if made.is_empty() {
            return error;
        }
        let (back, stuck) = self.inverses(item, &made).await;
        let mut states = Vec::new();
        if !back.is_empty() {
            states.push(format!("rolled back: {}", back.join(", ")));
        }
        if !stuck.is_empty() {
            states.push(format!("still in effect: {}", stuck.join(", ")));
        }
        let error = error.context(&states.join("; "));
        if stuck.is_empty() { error } else { error.with_unknown_effect() }
    }

    /// Sends the inverses of `made`, last one first. Returns what was rolled back, and what was not.
    async fn inverses(&mut self, item: &Item, made: &[Made]) -> (Vec<String>, Vec<String>) {
        let (mut back, mut stuck) = (Vec::new(), Vec::new());
        for Made { change, number, id } in made.iter().rev() {
            let words = item.subject.compare().words(change);
            let Some(inverse) = change.inverse() else {
                stuck.push(format!("{words} (no API call can undo it)"));
                continue;
            };
            match self.send(item, id, &inverse).await {
                Ok(_) => {
                    self.outcomes.push(Outcome::RolledBack);
                    self.settle(*number, Outcome::RolledBack.into()).await;
                    back.push(words);
                }
                Err(error) => {
                    let why = format!("it could not be rolled back: {error}");
                    let outcome = if error.may_have_had_effect() {
                        self.outcomes.push(Outcome::Unknown);
                        Outcome::Unknown
                    } else {
                        Outcome::Done
                    };
                    self.settle(*number, Settled { why: Some(&why), ..outcome.into() }).await;
                    stuck.push(format!("{words} ({error})"));
                }
            }
        }
        (back, stuck)
    }

    /// Rolls back all changed resources, last one first.
    async fn undo_items(&mut self) {
        for (item, made) in std::mem::take(&mut self.done).into_iter().rev() {
            let (_, stuck) = self.inverses(item, &made).await;
            if stuck.is_empty() {
                self.report.rolled_back.push(item.called(self.is_mixed));
                continue;
            }
            self.report.applied = true;
            let why = format!("still in effect: {}", stuck.join(", "));
            self.report.failed.push(Problem { resource: item.called(self.is_mixed), why });
        }
    }
}
