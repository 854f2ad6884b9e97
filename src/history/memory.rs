//! What the process that watches a tailnet remembers of it, shared with those in it who only read.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Notify, OwnedRwLockReadGuard, RwLock};

use super::{Known, Source};

/// The things of one kind. The poller alone writes, and only for as long as a change takes.
pub(super) type Cell = Arc<RwLock<Known>>;

/// What the process that watches a tailnet remembers of it, and which sources it shall look at soon.
#[derive(Default)]
pub struct Memory {
    /// By the number of the source.
    known: Mutex<HashMap<i64, Cell>>,
    asked_for: Mutex<BTreeSet<&'static str>>,
    news: Notify,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Memory {
    /// What is known from a source, as long as the guard is held; none before it was first looked at.
    pub async fn known(&self, source: &Source) -> Option<OwnedRwLockReadGuard<Known>> {
        let cell = self.cell(source.number)?;
        let known = cell.read_owned().await;
        known.looked_at().is_some().then_some(known)
    }

    /// Asks for a look at the sources with these names before it is time for one.
    pub fn look_soon(&self, sources: &[&'static str]) {
        self.asked_for.lock().unwrap_or_else(PoisonError::into_inner).extend(sources);
        self.news.notify_one();
    }

    /// Waits until somebody asks for a look, and returns the names of the sources. Cancel-safe.
    pub async fn asked_for(&self) -> BTreeSet<&'static str> {
        loop {
            let sources =
                std::mem::take(&mut *self.asked_for.lock().unwrap_or_else(PoisonError::into_inner));
            if !sources.is_empty() {
                return sources;
            }
            self.news.notified().await;
        }
    }

    pub(super) fn cell(&self, source: i64) -> Option<Cell> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&source).cloned()
    }

    pub(super) fn put(&self, source: i64, known: Known) -> Cell {
        let cell = Cell::new(RwLock::new(known));
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(source, Arc::clone(&cell));
        cell
    }

    pub(super) fn forget(&self, source: i64) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&source);
    }
}
