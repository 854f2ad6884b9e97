//! Who called what. Written a little later and many at once: a call does not wait for it.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use sqlx::AnyPool;
use tokio::sync::{mpsc, oneshot};

use super::{Store, micros, schema};
use crate::{
    change::{Confirmation, Risk},
    client::Result,
};

/// One call, as the audit has it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Audit {
    /// When it ended.
    pub at: Timestamp,
    /// Who called.
    pub principal: Arc<str>,
    /// The tool.
    pub tool: &'static str,
    /// The risk of what it would do: that of the plan where there is one, otherwise the tool's class.
    pub risk: Risk,
    /// The tailnet; empty if none was chosen.
    pub tailnet: String,
    /// How the change was confirmed; none if nothing was about to be changed.
    pub confirmed: Option<Confirmation>,
    /// What it was about.
    pub resource: String,
    /// What became of it: `ok`, `asked`, or the kind of its failure.
    pub outcome: String,
    /// Its entry in the journal, if it changed something.
    pub change: Option<i64>,
    /// How long it took.
    pub took: Duration,
}

pub(super) type Sender = mpsc::Sender<Message>;

pub(super) enum Message {
    Call(Audit),
    /// Answered when all before it is written.
    Flush(oneshot::Sender<()>),
}

/// Calls that wait to be written; more make the callers wait.
const QUEUE: usize = 4_096;
/// How often what is old is dropped.
const PRUNED_EVERY: Duration = Duration::from_hours(1);
/// Calls that one transaction writes.
const BATCH: usize = 256;

impl Audit {
    /// A call that has just ended.
    pub fn now(principal: &Arc<str>, tool: &'static str, risk: Risk) -> Self {
        Self {
            at: Timestamp::now(),
            principal: Arc::clone(principal),
            tool,
            risk,
            tailnet: String::new(),
            confirmed: None,
            resource: String::new(),
            outcome: String::new(),
            change: None,
            took: Duration::ZERO,
        }
    }
}

impl Store {
    /// Takes a call down: in the log at once, in the database soon.
    pub async fn audit(self: &Arc<Self>, call: Audit) {
        tracing::info!(
            target: "audit",
            principal = &*call.principal,
            tool = call.tool,
            class = call.risk.as_str(),
            tailnet = call.tailnet,
            resource = call.resource,
            outcome = call.outcome,
            change = call.change,
            confirmed = call.confirmed.map(Confirmation::as_str),
            ms = u64::try_from(call.took.as_millis()).unwrap_or(u64::MAX),
            "call"
        );
        let sender = self.audit.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            // The store outlives its calls, and this ends with the store.
            tokio::spawn(write(Arc::downgrade(self), receiver));
            sender
        });
        let _ = sender.send(Message::Call(call)).await;
    }

    /// Waits until every call so far is written, and tries once more to record the outcomes of changes
    /// that could not be recorded.
    pub async fn flush(&self) {
        self.record_waiting().await;
        let Some(sender) = self.audit.get() else { return };
        let (done, written) = oneshot::channel();
        if sender.send(Message::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }

    /// How many calls there are of `tool`, by outcome.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if it cannot be read.
    pub async fn audited(&self, tool: &str) -> Result<Vec<(String, String, i64)>> {
        let rows = sqlx::query_as(
            "SELECT principal, outcome, COUNT(*) FROM audit WHERE tool = $1
             GROUP BY principal, outcome ORDER BY principal, outcome",
        );
        rows.bind(tool).fetch_all(self.pool().await?).await.map_err(|error| self.wrong(&error))
    }
}

async fn write(store: Weak<Store>, mut calls: mpsc::Receiver<Message>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut pruned: Option<Instant> = None;
    while calls.recv_many(&mut batch, BATCH).await > 0 {
        let mut waiting = Vec::new();
        let mut rows = Vec::new();
        for message in batch.drain(..) {
            match message {
                Message::Call(call) => rows.push(call),
                Message::Flush(done) => waiting.push(done),
            }
        }
        let Some(store) = store.upgrade() else { return };
        if pruned.is_none_or(|it| it.elapsed() > PRUNED_EVERY) {
            pruned = Some(Instant::now());
            if let Err(error) = store.prune().await {
                tracing::warn!(%error, "what is old could not be dropped from the journal");
            }
        }
        if let Err(error) = store.insert(&rows).await {
            tracing::error!(%error, calls = rows.len(), "the audit could not be written");
        }
        for it in waiting {
            let _ = it.send(());
        }
    }
}

impl Store {
    async fn prune(&self) -> Result<()> {
        let pool = self.pool().await?;
        schema::prune(pool).await.map_err(|error| self.wrong(&error))
    }

    async fn insert(&self, rows: &[Audit]) -> Result<()> {
        let pool = self.pool().await?;
        insert(pool, rows).await.map_err(|error| self.wrong(&error))
    }
}

async fn insert(pool: &AnyPool, rows: &[Audit]) -> std::result::Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    for row in rows {
        sqlx::query(
            "INSERT INTO audit (at, principal, tool, risk, resource, outcome, change_id, micros,
             tailnet, confirmed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(micros(row.at))
        .bind(&*row.principal)
        .bind(row.tool)
        .bind(row.risk.as_str())
        .bind(&row.resource)
        .bind(&row.outcome)
        .bind(row.change)
        .bind(i64::try_from(row.took.as_micros()).unwrap_or(i64::MAX))
        .bind(&row.tailnet)
        .bind(row.confirmed.map(Confirmation::as_str))
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await
}
