//! The history in a database of its own.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, Weak},
};

use sqlx::{AnyPool, Row as _};
use tokio::sync::OnceCell;

mod alerts;
mod audits;
mod days;
mod lease;
mod prune;
mod read;
mod replay;
mod reports;
mod schema;
mod traffic;
mod usage;
mod watching;
mod write;

#[cfg(feature = "server")]
pub(crate) use self::traffic::TrafficMark;
pub use self::{
    alerts::{AlertChanges, AlertDocument, Delivery, KeptAlert, Outgoing},
    audits::Accepted,
    days::DaySums,
    lease::{LEASE, Lease},
    prune::Kept,
    read::{LookedAt, Seen, Transition},
    reports::KeptReport,
    traffic::KeptTraffic,
    usage::{DayCounts, Valued},
    watching::Watching,
    write::Held,
};
use crate::{
    Error, ErrorKind,
    client::{Action, Result, Setting},
    database::{Database, Dialect, Place, Purpose, Transaction},
    history::Memory,
};

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// What was seen of tailnets over time, in a database that is opened at first use.
pub struct History {
    database: Database,
    pool: OnceCell<AnyPool>,
    tailnets: Mutex<HashMap<String, i64>>,
    /// What this process remembers of the tailnets that it watches.
    memories: Mutex<HashMap<String, Weak<Memory>>>,
}

impl History {
    /// A history at `place`.
    pub fn new(place: Place) -> Self {
        let database = Database::new(place, Purpose::History);
        Self {
            database,
            pool: OnceCell::new(),
            tailnets: Mutex::default(),
            memories: Mutex::default(),
        }
    }

    /// A history in memory, which is lost when the process ends.
    pub fn in_memory() -> Arc<Self> {
        Arc::new(Self::new(Place::Memory))
    }

    /// Whether there is a database already: no file is created in order to read from it.
    pub fn exists(&self) -> bool {
        self.pool.initialized() || self.database.exists()
    }

    /// Opens the database, and creates it if there is none.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if it cannot be opened.
    pub async fn ready(&self) -> Result<()> {
        self.pool().await.map(drop)
    }

    fn dialect(&self) -> Dialect {
        self.database.dialect
    }

    async fn pool(&self) -> Result<&AnyPool> {
        self.pool.get_or_try_init(|| self.open()).await
    }

    async fn open(&self) -> Result<AnyPool> {
        let pool = self.database.open().await?;
        schema::SCHEMA
            .prepare(&pool, self.dialect())
            .await
            .map_err(|error| self.database.failed("cannot be set up", &error))?;
        Ok(pool)
    }

    async fn transaction(&self) -> Result<Transaction> {
        let begun = Transaction::begin(self.pool().await?, self.dialect()).await;
        begun.map_err(|error| self.wrong(&error))
    }

    fn wrong(&self, error: &sqlx::Error) -> Error {
        self.database.failed("cannot be used", error)
    }

    /// The number of a tailnet; none if it was never watched.
    async fn number(&self, tailnet: &str) -> Result<Option<i64>> {
        let cached = self.tailnets.lock().ok().and_then(|it| it.get(tailnet).copied());
        if cached.is_some() || !self.exists() {
            return Ok(cached);
        }
        let query = sqlx::query("SELECT id FROM watched_tailnets WHERE label = $1").bind(tailnet);
        let row = query.fetch_optional(self.pool().await?).await;
        let row = row.map_err(|error| self.wrong(&error))?;
        let number = row.map(|row| row.try_get::<i64, _>(0)).transpose();
        let number = number.map_err(|error| self.wrong(&error))?;
        self.keep_number(tailnet, number);
        Ok(number)
    }

    /// The number of a tailnet, which gets one if it has none.
    async fn numbered(&self, tailnet: &str) -> Result<i64> {
        if let Some(number) = self.number(tailnet).await? {
            return Ok(number);
        }
        let mut transaction = self.transaction().await?;
        let insert =
            "INSERT INTO watched_tailnets (label) VALUES ($1) ON CONFLICT (label) DO NOTHING";
        let made = sqlx::query(insert).bind(tailnet).execute(&mut *transaction).await;
        made.map_err(|error| self.wrong(&error))?;
        transaction.commit().await.map_err(|error| self.wrong(&error))?;
        let number = self.number(tailnet).await?;
        number.ok_or_else(|| self.wrong(&sqlx::Error::RowNotFound))
    }

    fn keep_number(&self, tailnet: &str, number: Option<i64>) {
        if let (Some(number), Ok(mut known)) = (number, self.tailnets.lock()) {
            known.insert(tailnet.to_owned(), number);
        }
    }

    /// The error for something that has no place, because no history is kept.
    pub(crate) fn not_kept(what: &str) -> Error {
        Error::new(ErrorKind::History, what)
            .with_remedy("name a place for the history")
            .with_action(Action::Configure(Setting::History))
    }

    /// The error for a question about a time in which nobody watched.
    pub fn not_watched(what: &str) -> Error {
        Error::new(ErrorKind::History, what)
            .with_remedy("keep a server running that watches the tailnet, and ask again later")
            .with_action(Action::Watch)
            .with_action(Action::Configure(Setting::History))
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("database", &self.database).finish_non_exhaustive()
    }
}
