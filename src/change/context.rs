//! On whose behalf changes are made, and who is notified.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::Journal;

/// Hears how far a batch is: done so far, in all, and what came last.
pub type Progress = Arc<dyn Fn(usize, usize, &str) + Send + Sync>;

/// On whose behalf a [`Tailnet`](crate::Tailnet) makes its changes, and who is notified.
#[derive(Clone)]
#[non_exhaustive]
pub struct Actor {
    /// The principal that made the call, as the journal records it.
    pub principal: Arc<str>,
    /// The tool that was asked for.
    pub tool: Arc<str>,
    /// Where every change is recorded before it is sent.
    pub journal: Option<Arc<dyn Journal>>,
    /// Who hears how far a batch is.
    pub progress: Option<Progress>,
    stop: Arc<AtomicBool>,
}

impl Default for Actor {
    fn default() -> Self {
        Self {
            principal: "library".into(),
            tool: "".into(),
            journal: None,
            progress: None,
            stop: Arc::default(),
        }
    }
}

impl Actor {
    /// `principal` acts, and `journal` records.
    pub fn new(principal: &str, journal: Option<Arc<dyn Journal>>) -> Self {
        Self { principal: principal.into(), journal, ..Self::default() }
    }

    /// The same principal, asking for `tool`. It can be stopped by itself.
    #[must_use]
    pub fn with_tool(&self, tool: &str) -> Self {
        Self { tool: tool.into(), stop: Arc::default(), ..self.clone() }
    }

    /// Asks a batch to stop after the resource that it is at.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn tell(&self, done: usize, of: usize, last: &str) {
        if let Some(progress) = &self.progress {
            progress(done, of, last);
        }
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("principal", &self.principal)
            .field("tool", &self.tool)
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}
