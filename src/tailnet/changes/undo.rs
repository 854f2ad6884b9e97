//! Plans the undo of a recorded change.

use super::Changes;
use crate::{
    Error, ErrorKind,
    change::{
        Change, Item, OnFailure, Outcome, Plan,
        journal::{Entry, Step},
        label,
    },
    client::{Action, Result},
    tailnet::SUBJECTS,
};

/// The maximum number of steps that one undo covers.
const MAX_CHANGES: usize = 10_000;

/// What an undo does about one step.
enum Turn {
    /// Revert it: the step took effect, and the field was not changed since.
    Back(Change),
    /// Nothing: the step has no effect that could be reverted.
    Nothing,
    /// Nothing: this already has the value from before.
    AsBefore(String),
    /// Leave it, for this reason: the effect cannot be reverted.
    Stays(String),
}

impl Changes<'_> {
    /// Plans to undo a recorded change: every step that took effect, unless the field was changed
    /// again since.
    ///
    /// # Errors
    ///
    /// [`Refused`](ErrorKind::Refused) if the change is running, was undone before, or cannot be
    /// undone; [`Stale`](ErrorKind::Stale) if the resource was changed again since.
    pub async fn plan_undo(&self, change: i64) -> Result<Plan> {
        let entry = self.entry(change).await?;
        if entry.running {
            return Err(Error::refused(
                format!("change {change} is still in progress"),
                "wait until it has finished",
            )
            .with_action(Action::ShowChange));
        }
        if let Some(by) = self.undone_by(&entry).await? {
            return Err(Error::refused(
                format!("change {change} was already undone by change {by}"),
                "undo that one to restore it",
            )
            .with_action(Action::ShowChange));
        }
        let steps = self.steps(change, MAX_CHANGES).await?;
        if let Some(first) = steps.first().filter(|_| entry.undone_by.is_none()) {
            super::subject(first)?.checks().before_undo(self.tailnet, &steps).await?;
        }
        let several = steps.iter().any(|it| steps.first().is_some_and(|first| first.id != it.id));
        let mut items: Vec<Item> = Vec::new();
        let (mut stays, mut as_before) = (Vec::new(), Vec::new());
        for step in steps.iter().rev() {
            match self.turn(step).await {
                Ok(Turn::Back(inverse)) => add(&mut items, step, inverse),
                Ok(Turn::Nothing) => {}
                Ok(Turn::AsBefore(what)) => as_before.push(what),
                Ok(Turn::Stays(why)) => stays.push(why),
                // With several resources, one that was changed again does not prevent undoing the
                // others.
                Err(error) if several && error.kind() == ErrorKind::Stale => {
                    stays.push(error.to_string());
                }
                Err(error) => {
                    return Err(match entry.undone_by {
                        Some(by) => error.context(&format!("it was undone by change {by}")),
                        None => error,
                    });
                }
            }
        }
        if items.is_empty() {
            let why = match entry.undone_by {
                _ if !stays.is_empty() => stays.join("; "),
                Some(by) => {
                    format!("it was already undone by change {by}; undo that one to restore it")
                }
                None => "none of its effects remain".to_owned(),
            };
            return Err(Error::refused(
                format!("change {change} cannot be undone: {why}"),
                "see what the change did",
            )
            .with_action(Action::ShowChange));
        }
        let mut plan = Plan::new(items).warned(stays);
        if !as_before.is_empty() {
            plan.notes.push(format!("already as before: {}", as_before.join(", ")));
        }
        let mut checks = Vec::new();
        for item in &plan.items {
            for change in &item.changes {
                checks.push(item.subject.checks().check(self.tailnet, &item.id, change).await?);
            }
        }
        plan.least = entry.risk;
        plan = checks.into_iter().fold(plan, Plan::checked);
        plan.undoes = Some(change);
        plan.on_failure = OnFailure::Continue;
        Ok(plan)
    }

    /// The change that has undone this one completely, unless that was undone itself. What is in effect now may
    /// be the same change made again later, which this undo is not about.
    async fn undone_by(&self, entry: &Entry) -> Result<Option<i64>> {
        let Some(by) = entry.undone_by else { return Ok(None) };
        let undo = self.entry(by).await?;
        Ok((undo.outcome == Outcome::Done && undo.undone_by.is_none()).then_some(by))
    }

    async fn turn(&self, step: &Step) -> Result<Turn> {
        let of = format!("`{}` of {}", step.change.field, label(&step.kind, &step.name));
        match step.outcome {
            Some(Outcome::Failed | Outcome::RolledBack | Outcome::Partly) => {
                return Ok(Turn::Nothing);
            }
            Some(Outcome::Done | Outcome::Unknown) | None => {}
        }
        let subject = super::subject(step)?;
        if subject.compare().is_note(&step.change) {
            return Ok(Turn::Nothing);
        }
        let shown = |value| subject.compare().display(&step.change.field, value);
        let Some(mut inverse) = step.change.inverse() else {
            let to = shown(&step.change.to);
            return Ok(Turn::Stays(format!("{of} stays {to}: irreversible")));
        };
        if !subject.compare().is_visible(&step.id, &step.change) {
            let to = shown(&step.change.to);
            return Ok(Turn::Stays(format!("{of} may have become {to}: its ID is unknown")));
        }
        let now = match self.now(step).await {
            Err(gone) if gone.kind() == ErrorKind::NotFound => {
                return Ok(Turn::Stays(format!(
                    "{} no longer exists",
                    label(&step.kind, &step.name)
                )));
            }
            now => now?,
        };
        if subject.compare().is_same(&step.change.field, &now, &step.change.from) {
            return Ok(Turn::AsBefore(of));
        }
        if subject.compare().reached(&step.change, &now) {
            // If the server chose the value, the journal may not have it.
            inverse.from = now;
            return Ok(Turn::Back(inverse));
        }
        let (to, now) = (shown(&step.change.to), shown(&now));
        let message = format!("{of} was changed to {to} and is now {now}: it was changed again");
        Err(Error::new(ErrorKind::Stale, message)
            .with_remedy("look at the resource, and change it from its current state"))
    }
}

fn add(items: &mut Vec<Item>, step: &Step, inverse: Change) {
    if let Some(item) = items.iter_mut().find(|it| it.id == step.id && it.kind() == step.kind) {
        item.changes.push(inverse);
        return;
    }
    let Some(subject) = SUBJECTS.iter().find(|it| it.kind() == step.kind) else { return };
    items.push(Item::new(*subject, &step.id, &step.name, vec![inverse]));
}
