//! An audit log entry, from the start of a call to its end.

use std::{sync::Arc, time::Instant};

use super::Principal;
use crate::change::{
    Confirmation, Risk,
    store::{Audit, Store},
};

/// An audit log entry that is written when the call ends, even if the call is dropped.
pub(crate) struct OpenAudit {
    store: Arc<Store>,
    line: Option<Audit>,
    started: Instant,
}

impl OpenAudit {
    /// Starts an entry. `tool` is the name of the tool, or the URI of the resource being read.
    pub(crate) fn begin(
        store: &Arc<Store>,
        principal: &Principal,
        tool: &'static str,
        risk: Risk,
        resource: String,
    ) -> Self {
        let mut line = Audit::now(&principal.name, tool, risk);
        line.resource = resource;
        Self { store: Arc::clone(store), line: Some(line), started: Instant::now() }
    }

    /// Adds the tailnet that the call is about.
    pub(crate) fn about(&mut self, tailnet: &str) {
        if let Some(line) = &mut self.line {
            tailnet.clone_into(&mut line.tailnet);
        }
    }

    /// Puts the risk of the plan in the place of the tool's class.
    pub(crate) fn planned(&mut self, risk: Risk) {
        if let Some(line) = &mut self.line {
            line.risk = risk;
        }
    }

    /// Adds how the change was confirmed.
    pub(crate) fn confirmed(&mut self, confirmed: &Confirmation) {
        if let Some(line) = &mut self.line {
            line.confirmed = Some(confirmed.clone());
        }
    }

    /// Writes the line: how the call ended, and the number of its change in the journal.
    pub(crate) fn end(mut self, outcome: &str, change: Option<i64>) {
        let Some(mut line) = self.line.take() else { return };
        outcome.clone_into(&mut line.outcome);
        (line.change, line.took) = (change, self.started.elapsed());
        self.store.audit(line);
    }
}

impl Drop for OpenAudit {
    fn drop(&mut self) {
        let Some(mut line) = self.line.take() else { return };
        "abandoned".clone_into(&mut line.outcome);
        line.took = self.started.elapsed();
        self.store.audit(line);
    }
}
