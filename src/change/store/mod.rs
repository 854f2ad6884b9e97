//! The journal in a database: in memory, in a `SQLite` file, or in Postgres.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use jiff::Timestamp;
use sqlx::AnyPool;
use tokio::{sync::OnceCell, task::AbortHandle};

mod approvals;
#[cfg(feature = "server")]
mod approve;
mod audit;
#[cfg(feature = "server")]
mod codes;
mod late;
mod plans;
mod quota;
mod read;
mod schema;
#[cfg(feature = "server")]
mod uses;
mod write;

use self::late::Waiting;
#[cfg(feature = "server")]
pub(crate) use self::{
    approve::{NewApproval, UsedApproval},
    quota::{Left, remedy},
    uses::Quota,
};
pub use self::{audit::Audit, plans::Used};
pub use crate::database::Place;
use crate::{
    Error,
    client::Result,
    database::{Database, Dialect, Purpose, Transaction},
};

/// A journal in a database, which is opened at first use.
pub struct Store {
    database: Database,
    dialect: Dialect,
    pool: OnceCell<AnyPool>,
    /// Tasks that renew the lease of each running entry.
    leases: Mutex<HashMap<i64, AbortHandle>>,
    audit: OnceLock<audit::Sender>,
    waiting: Arc<tokio::sync::Mutex<Waiting>>,
    /// Calls that are not in the audit, because the database was behind.
    dropped_audits: AtomicU64,
}

/// How long an entry counts as running after its server last renewed the lease.
const LEASE: Duration = Duration::from_secs(9);

impl Store {
    /// A journal at `place`, opened at first use.
    pub fn new(place: Place) -> Self {
        let database = Database::new(place, Purpose::Journal);
        Self {
            dialect: database.dialect,
            database,
            pool: OnceCell::new(),
            leases: Mutex::default(),
            audit: OnceLock::new(),
            waiting: Arc::default(),
            dropped_audits: AtomicU64::new(0),
        }
    }

    /// A journal in memory, which is lost when the process ends.
    pub fn in_memory() -> Self {
        Self::new(Place::Memory)
    }

    async fn pool(&self) -> Result<&AnyPool> {
        self.pool.get_or_try_init(|| self.open()).await
    }

    async fn transaction(&self) -> Result<Transaction> {
        let begun = Transaction::begin(self.pool().await?, self.dialect).await;
        begun.map_err(|error| self.wrong(&error))
    }

    async fn open(&self) -> Result<AnyPool> {
        let pool = self.database.open().await?;
        schema::SCHEMA
            .prepare(&pool, self.dialect)
            .await
            .map_err(|error| self.database.failed("cannot be set up", &error))?;
        self.tell_of_cut_off(&pool).await;
        Ok(pool)
    }

    /// Whether what it holds is gone with this process.
    pub fn is_in_memory(&self) -> bool {
        self.database.is_in_memory()
    }

    /// Whether it is a file, which only its owner can open.
    pub fn is_file(&self) -> bool {
        self.database.is_file()
    }

    /// Logs, at first use, the changes whose server stopped before their outcome was recorded.
    async fn tell_of_cut_off(&self, pool: &AnyPool) {
        for entry in read::cut_off(pool, self.dialect).await.unwrap_or_default() {
            tracing::warn!(
                change = entry.change,
                tool = entry.tool,
                resource = entry.resource,
                at = %entry.at,
                "a change was interrupted, and its outcome is unknown: compare it with the current state"
            );
            // Set an outcome, so that the change is logged only once.
            if let Err(error) = write::cut_off(pool, entry.change).await {
                tracing::warn!(%error, "the journal could not record it");
            }
        }
    }

    fn wrong(&self, error: &sqlx::Error) -> Error {
        self.database.failed("cannot be used", error)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Ok(leases) = self.leases.get_mut() {
            for task in leases.values() {
                task.abort();
            }
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("database", &self.database).finish_non_exhaustive()
    }
}

/// A time in the format of the database: microseconds since 1970.
fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// Parses a time in the format of the database.
fn at(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}
