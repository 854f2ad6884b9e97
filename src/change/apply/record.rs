//! Records the steps of a plan in the journal: each before it is sent, and its outcome afterwards.

use serde_json::Value;

use super::Run;
use crate::{
    Error, ErrorKind,
    change::{Change, Item, Outcome, journal::Step},
    client::{Action, Result, Setting},
};

/// What the journal records about a finished step.
pub(super) struct Settled<'a> {
    pub(super) outcome: Outcome,
    pub(super) id: Option<&'a str>,
    pub(super) after: Option<&'a Value>,
    pub(super) why: Option<&'a str>,
}

impl From<Outcome> for Settled<'_> {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, id: None, after: None, why: None }
    }
}

impl Run<'_> {
    /// Records a step before it is sent.
    pub(super) async fn intend(
        &self,
        item: &Item,
        id: &str,
        change: &Change,
    ) -> Result<Option<i64>> {
        let (Some(journal), Some(entry)) = (&self.actor.journal, self.entry) else {
            return Ok(None);
        };
        let step = Step {
            kind: item.kind().to_owned(),
            id: id.to_owned(),
            name: item.name.clone(),
            change: change.clone(),
            outcome: None,
            why: None,
        };
        journal.intend(entry, &step).await.map(Some).map_err(unrecorded)
    }

    /// Records the outcome of a step. If the journal fails now, the step stays `unknown`.
    pub(super) async fn settle(&mut self, step: Option<i64>, settled: Settled<'_>) {
        let (Some(journal), Some(step)) = (&self.actor.journal, step) else { return };
        let Settled { outcome, id, after, why } = settled;
        if let Err(error) = journal.settle(step, outcome, id, after, why).await {
            self.lost_record(&error);
        }
    }

    /// Records the outcome of the entire plan.
    pub(super) async fn end(&mut self) {
        let (Some(journal), Some(entry)) = (&self.actor.journal, self.entry) else { return };
        self.ended = true;
        if let Err(error) = journal.end(entry, self.outcome()).await {
            self.lost_record(&error);
        }
    }

    /// The outcome of the entire plan.
    fn outcome(&self) -> Outcome {
        let count = |wanted: Outcome| self.outcomes.iter().filter(|it| **it == wanted).count();
        let back = count(Outcome::RolledBack);
        let done = count(Outcome::Done) - back;
        if count(Outcome::Unknown) > 0 {
            Outcome::Unknown
        } else if done == self.plan.changes().count() {
            Outcome::Done
        } else if done > 0 {
            Outcome::Partly
        } else if back > 0 {
            Outcome::RolledBack
        } else {
            Outcome::Failed
        }
    }

    fn lost_record(&mut self, error: &Error) {
        tracing::error!(%error, entry = self.entry, "the journal could not be completed");
        let warning =
            format!("the outcome was not recorded and stays `unknown` in the journal: {error}");
        if !self.report.warnings.contains(&warning) {
            self.report.warnings.push(warning.clone());
        }
        self.unrecorded.get_or_insert(warning);
    }

    /// Adds to the error of the only resource what the journal has of it.
    pub(super) fn recorded(&self, error: Error) -> Error {
        let Some(entry) = self.entry else { return error };
        let error = error.context(&format!("recorded as change {entry}"));
        match &self.unrecorded {
            Some(warning) => error.context(warning),
            None => error,
        }
    }
}

/// The error of a journal that could not record what is about to be sent.
pub(super) fn unrecorded(error: Error) -> Error {
    if error.kind() != ErrorKind::Journal {
        return error;
    }
    Error::new(ErrorKind::Journal, format!("nothing was sent: cannot record the change: {error}"))
        .with_remedy("fix the journal; a change that cannot be recorded is not made")
        .with_action(Action::Configure(Setting::Journal))
}
