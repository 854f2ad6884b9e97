//! A database for one purpose: in memory, in a `SQLite` file, or in Postgres.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use percent_encoding::{AsciiSet, CONTROLS};
use secrecy::ExposeSecret as _;
use sqlx::{AnyConnection, AnyPool, Connection as _, Executor as _, any::AnyPoolOptions};

mod file;
mod place;
mod schema;
mod transaction;

pub use self::place::Place;
pub(crate) use self::{schema::Schema, transaction::Transaction};
use crate::{
    Error, ErrorKind,
    client::{Action, Result, Setting},
};

/// Characters of a file path that must be escaped in a URL.
const PATH: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');

/// What a database is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Changes, which must survive a power failure.
    Journal,
    /// What was seen of a tailnet. A power failure may cost the last moments.
    History,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::History => "history",
        }
    }

    fn error(self, message: String, remedy: String) -> Error {
        let (kind, setting) = match self {
            Self::Journal => (ErrorKind::Journal, Setting::Journal),
            Self::History => (ErrorKind::History, Setting::History),
        };
        Error::new(kind, message).with_remedy(remedy).with_action(Action::Configure(setting))
    }
}

/// Which SQL the database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The query in this dialect, with what stands for
    /// - `{ID}`: the type of a primary key that counts by itself;
    /// - `{NOW}`: the database's clock in microseconds, one clock for all who share the database;
    /// - `{ROWS}`: the items of the JSON array `$1`, as `it.value`;
    /// - `{CLUSTERED}`: that the rows of a table are kept in the order of its key.
    pub(crate) fn query(self, text: &str) -> String {
        let [id, now, rows, clustered] = match self {
            Self::Sqlite => [
                "INTEGER PRIMARY KEY AUTOINCREMENT",
                "CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)",
                "json_each($1) AS it",
                "WITHOUT ROWID",
            ],
            Self::Postgres => [
                "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
                "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
                "json_array_elements(CAST($1 AS json)) AS it(value)",
                "",
            ],
        };
        text.replace("{ID}", id)
            .replace("{NOW}", now)
            .replace("{ROWS}", rows)
            .replace("{CLUSTERED}", clustered)
    }

    /// What begins a transaction that writes. In `SQLite` it takes the lock at once: a reader that
    /// becomes a writer could meet another one halfway.
    fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Sets a new connection up.
    async fn connected(self, connection: &mut AnyConnection, purpose: Purpose) -> sqlx::Result<()> {
        if self == Self::Sqlite {
            connection.execute("PRAGMA busy_timeout = 5000").await?;
            if purpose == Purpose::History {
                // Before the first table, or it has no effect. Pages of deleted rows are given back
                // little by little.
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL").await?;
            }
            connection.execute("PRAGMA journal_mode = WAL").await?;
            let synchronous = match purpose {
                Purpose::Journal => "PRAGMA synchronous = FULL",
                Purpose::History => "PRAGMA synchronous = NORMAL",
            };
            connection.execute(synchronous).await?;
        }
        Ok(())
    }
}

/// Where a database is, and what it is for; [`open`](Self::open) makes its connections.
pub(crate) struct Database {
    place: Place,
    purpose: Purpose,
    pub(crate) dialect: Dialect,
    /// Keeps a database in memory from going with the last connection of the pool.
    held: Mutex<Option<AnyConnection>>,
}

impl Database {
    pub(crate) fn new(place: Place, purpose: Purpose) -> Self {
        let dialect = match &place {
            Place::Memory | Place::File(_) => Dialect::Sqlite,
            Place::Postgres(_) => Dialect::Postgres,
        };
        Self { place, purpose, dialect, held: Mutex::default() }
    }

    /// Opens the database, and creates its file if there is none.
    pub(crate) async fn open(&self) -> Result<AnyPool> {
        sqlx::any::install_default_drivers();
        let (dialect, purpose) = (self.dialect, self.purpose);
        let postgres = dialect == Dialect::Postgres;
        let url = self.url()?;
        if self.is_in_memory() {
            // An in-memory database exists as long as a connection to it. The pool closes its
            // connection when a query is cancelled.
            let held = AnyConnection::connect(&url).await;
            let held = held.map_err(|error| self.failed("cannot be opened", &error))?;
            if let Ok(mut slot) = self.held.lock() {
                *slot = Some(held);
            }
        }
        AnyPoolOptions::new()
            // SQLite allows one writer.
            .max_connections(if postgres { 8 } else { 1 })
            .min_connections(u32::from(!postgres))
            .idle_timeout(postgres.then_some(Duration::from_mins(10)))
            .max_lifetime(postgres.then_some(Duration::from_mins(30)))
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(move |connection, _| Box::pin(dialect.connected(connection, purpose)))
            .connect(&url)
            .await
            .map_err(|error| self.failed("cannot be opened", &error))
    }

    fn url(&self) -> Result<String> {
        Ok(match &self.place {
            Place::Memory => {
                static NUMBER: AtomicUsize = AtomicUsize::new(0);
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                format!("sqlite:file:tailsteward-{number}?mode=memory")
            }
            Place::File(path) => {
                file::prepare(path, self.purpose)?;
                // The path becomes part of a URL.
                let path = path.to_string_lossy();
                format!("sqlite://{}?mode=rwc", percent_encoding::utf8_percent_encode(&path, PATH))
            }
            Place::Postgres(url) => url.expose_secret().to_owned(),
        })
    }

    /// Whether there is something to open. A server may be away, but a file is there or not.
    pub(crate) fn exists(&self) -> bool {
        match &self.place {
            Place::Memory => false,
            Place::File(path) => path.exists(),
            Place::Postgres(_) => true,
        }
    }

    /// Whether what it holds is gone with this process.
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(self.place, Place::Memory)
    }

    /// Whether it is a file, which only its owner can open.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    /// An error without the database URL, which contains a password.
    pub(crate) fn failed(&self, what: &str, error: &sqlx::Error) -> Error {
        let place = match &self.place {
            Place::Memory => "in memory".to_owned(),
            Place::File(path) => path.display().to_string(),
            Place::Postgres(_) => "in Postgres".to_owned(),
        };
        let error = match (&self.place, error) {
            (Place::Postgres(_), sqlx::Error::Configuration(_)) => "the URL is wrong".to_owned(),
            (_, error) => error.to_string(),
        };
        let name = self.purpose.name();
        self.purpose.error(
            format!("the {name} ({place}) {what}: {error}"),
            format!(
                "check the place of the {name}; a {name} in memory is lost when the server stops"
            ),
        )
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("place", &self.place).finish_non_exhaustive()
    }
}
