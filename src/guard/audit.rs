//! An audit log entry, from the start of a call to its end.

use std::{sync::Arc, time::Instant};

use super::Principal;
use crate::change::{
    Risk,
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

    /// Writes the entry, with the outcome of the call and the number of its change in the journal.
    pub(crate) async fn end(mut self, outcome: &str, change: Option<i64>) {
        let Some(mut line) = self.line.take() else { return };
        outcome.clone_into(&mut line.outcome);
        (line.change, line.took) = (change, self.started.elapsed());
        self.store.audit(line).await;
    }
}

impl Drop for OpenAudit {
    fn drop(&mut self) {
        let Some(mut line) = self.line.take() else { return };
        "abandoned".clone_into(&mut line.outcome);
        line.took = self.started.elapsed();
        let store = Arc::clone(&self.store);
        tokio::spawn(async move { store.audit(line).await });
    }
}
