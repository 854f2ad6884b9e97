//! Outcomes that could not be recorded when they happened: they are tried again until they are.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use sqlx::AnyPool;
use tokio::sync::Mutex;

use super::{Store, write};
use crate::{
    change::Outcome,
    client::Result,
    database::{Dialect, Transaction},
};

/// The first wait before outcomes are tried again. It doubles up to [`MAX_RETRY_INTERVAL`].
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
const MAX_RETRY_INTERVAL: Duration = Duration::from_mins(1);

/// How a step or an entry of the journal ended.
#[derive(Debug)]
pub(super) enum Late {
    Step {
        step: i64,
        outcome: Outcome,
        id: Option<String>,
        after: Option<String>,
        why: Option<String>,
    },
    Entry {
        entry: i64,
        outcome: Outcome,
    },
}

impl Late {
    async fn write(&self, pool: &AnyPool, dialect: Dialect) -> sqlx::Result<()> {
        let mut transaction = Transaction::begin(pool, dialect).await?;
        match self {
            Self::Step { step, outcome, id, after, why } => {
                let texts = [id.as_deref(), after.as_deref(), why.as_deref()];
                write::settle_step(&mut transaction, *step, *outcome, texts).await?;
            }
            Self::Entry { entry, outcome } => {
                write::end_change(&mut transaction, *entry, *outcome).await?;
            }
        }
        transaction.commit().await
    }
}

/// Outcomes that wait to be recorded, in the order in which they happened.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    outcomes: VecDeque<Late>,
    /// Whether a task tries them again.
    is_retried: bool,
}

impl Waiting {
    /// Writes the outcomes until one fails, whose error this is.
    async fn write(&mut self, pool: &AnyPool, dialect: Dialect) -> sqlx::Result<()> {
        while let Some(late) = self.outcomes.front() {
            match late.write(pool, dialect).await {
                Ok(()) => {}
                // Its row is gone: somebody replaced the database.
                Err(sqlx::Error::RowNotFound) => {
                    tracing::error!(?late, "the journal has lost the record of a change");
                }
                Err(error) => return Err(error),
            }
            self.outcomes.pop_front();
        }
        Ok(())
    }
}

impl Store {
    /// Records how something ended. If that fails, it is tried again in the background until it
    /// succeeds or the process ends.
    pub(super) async fn record_outcome(&self, late: Late) -> Result<()> {
        let pool = self.pool().await?;
        let mut waiting = self.waiting.lock().await;
        waiting.outcomes.push_back(late);
        let done = waiting.write(pool, self.dialect).await;
        if done.is_err() && !waiting.is_retried {
            waiting.is_retried = true;
            tokio::spawn(retry(Arc::clone(&self.waiting), pool.clone(), self.dialect));
        }
        done.map_err(|error| self.wrong(&error).context("it is recorded as soon as that works"))
    }

    /// Tries once more to record the outcomes that wait, before the process ends.
    pub(super) async fn record_waiting(&self) {
        let mut waiting = self.waiting.lock().await;
        if waiting.outcomes.is_empty() {
            return;
        }
        let Ok(pool) = self.pool().await else { return };
        if let Err(error) = waiting.write(pool, self.dialect).await {
            tracing::error!(%error, outcomes = waiting.outcomes.len(), "outcomes are not recorded");
        }
    }
}

async fn retry(waiting: Arc<Mutex<Waiting>>, pool: AnyPool, dialect: Dialect) {
    let mut wait = RETRY_INTERVAL;
    loop {
        tokio::time::sleep(wait).await;
        let mut waiting = waiting.lock().await;
        match waiting.write(&pool, dialect).await {
            Ok(()) => {
                waiting.is_retried = false;
                return;
            }
            Err(error) => tracing::warn!(%error, "the outcome of a change is not recorded yet"),
        }
        wait = (wait * 2).min(MAX_RETRY_INTERVAL);
    }
}
