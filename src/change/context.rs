//! On whose behalf changes are made, and who is notified of their progress.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::Journal;

/// A callback for the progress of a batch: resources done, total, and the name of the last one.
pub type Progress = Arc<dyn Fn(usize, usize, &str) + Send + Sync>;

/// On whose behalf a [`Tailnet`](crate::Tailnet) makes changes, and where they are recorded.
#[derive(Clone)]
#[non_exhaustive]
pub struct Actor {
    /// The principal that made the call, as the journal records it.
    pub principal: Arc<str>,
    /// The tool that was called.
    pub tool: Arc<str>,
    /// The journal that records every change before it is sent.
    pub journal: Option<Arc<dyn Journal>>,
    /// Receives the progress of a batch.
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
    /// An actor for `principal` whose changes are recorded in `journal`.
    pub fn new(principal: &str, journal: Option<Arc<dyn Journal>>) -> Self {
        Self { principal: principal.into(), journal, ..Self::default() }
    }

    /// A copy of the actor for a call of `tool`. Stopping the copy does not stop the original.
    #[must_use]
    pub fn with_tool(&self, tool: &str) -> Self {
        Self { tool: tool.into(), stop: Arc::default(), ..self.clone() }
    }

    /// Asks a batch to stop after the current resource.
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
