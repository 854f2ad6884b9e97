//! The audit of tool calls. Calls are written in batches in the background, so no call waits for
//! the database.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
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

/// One audited tool call.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Audit {
    /// When the call ended.
    pub at: Timestamp,
    /// Who made the call.
    pub principal: Arc<str>,
    /// Name of the tool.
    pub tool: &'static str,
    /// The risk of what it would do: that of the plan where there is one, otherwise the tool's class.
    pub risk: Risk,
    /// The tailnet; empty if none was chosen.
    pub tailnet: String,
    /// How the change was confirmed; none if nothing was about to be changed.
    pub confirmed: Option<Confirmation>,
    /// What it was about.
    pub resource: String,
    /// The outcome: `ok`, `asked`, or the kind of the error.
    pub outcome: String,
    /// Number of the change in the journal, if the call made one.
    pub change: Option<i64>,
    /// Duration of the call.
    pub took: Duration,
}

pub(super) type Sender = mpsc::Sender<Message>;

pub(super) enum Message {
    Call(Audit),
    /// Answered once all earlier messages are written.
    Flush(oneshot::Sender<()>),
}

/// Calls that wait to be written. What comes on top of them is in the log only, and counted.
const QUEUE: usize = 4_096;
/// How often old records are deleted.
const PRUNED_EVERY: Duration = Duration::from_hours(1);
/// The maximum number of calls per transaction.
const BATCH: usize = 256;

impl Audit {
    /// A call that ends now; the other fields are still empty.
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
    /// Records a call: in the log at once, and in the database soon after.
    pub fn audit(self: &Arc<Self>, call: Audit) {
        tracing::info!(
            target: "audit",
            principal = &*call.principal,
            tool = call.tool,
            class = call.risk.as_str(),
            tailnet = call.tailnet,
            resource = call.resource,
            outcome = call.outcome,
            change = call.change,
            confirmed = call.confirmed.as_ref().map(Confirmation::to_string),
            ms = u64::try_from(call.took.as_millis()).unwrap_or(u64::MAX),
            "call"
        );
        let sender = self.audit.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            // The task holds only a weak reference, so it ends when the store is dropped.
            tokio::spawn(write(Arc::downgrade(self), receiver));
            sender
        });
        // A call does not wait for a database that is slow or away. The log has the line already.
        if sender.try_send(Message::Call(call)).is_err() {
            let dropped = self.dropped_audits.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::error!(dropped, "the audit is behind: a call is in the log only");
        }
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

    /// How many calls are missing in the audit, because the database was behind.
    pub fn dropped_audits(&self) -> u64 {
        self.dropped_audits.load(Ordering::Relaxed)
    }

    /// Counts the calls of `tool` by principal and outcome.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if the database cannot be read.
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
                tracing::warn!(%error, "old journal records could not be deleted");
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
        .bind(row.confirmed.as_ref().map(Confirmation::to_string))
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await
}
