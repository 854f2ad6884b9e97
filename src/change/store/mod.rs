//! The journal in a database: in memory, in a `SQLite` file, or in Postgres.

use std::{
    collections::HashMap,
    fmt,
    path::PathBuf,
    str::FromStr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{AnyConnection, AnyPool, Connection as _, any::AnyPoolOptions};
use tokio::{sync::OnceCell, task::AbortHandle};

mod audit;
mod late;
mod plans;
mod read;
mod schema;
mod transaction;
mod write;

pub use self::{audit::Audit, plans::Used};
use self::{late::Waiting, schema::Dialect, transaction::Transaction};
use crate::{
    Error, ErrorKind,
    client::{Action, Result, Setting},
};

/// Where the journal is kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Place {
    /// In memory, until the process ends.
    Memory,
    /// In a `SQLite` file.
    File(PathBuf),
    /// In a Postgres database, which several servers can share. The URL contains a password.
    Postgres(SecretString),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return postgres(text).map(Self::Postgres);
        }
        match text.strip_prefix("sqlite:").unwrap_or(text).trim_start_matches("//") {
            "" => {
                Err("use `memory`, a file's path, or postgres://USER:PASSWORD@HOST/DATABASE"
                    .to_owned())
            }
            path if text.contains("://") && !text.starts_with("sqlite:") => {
                let scheme = path.split(':').next().unwrap_or_default();
                Err(format!(
                    "`{scheme}` is not a supported store; use `memory`, a file's path, or postgres://…"
                ))
            }
            path => Ok(Self::File(path.trim_start_matches("sqlite:").into())),
        }
    }
}

/// The URL of a Postgres database, with TLS and a checked certificate unless the database is on this
/// machine. The driver's default is to do without if the server does.
fn postgres(text: &str) -> std::result::Result<SecretString, String> {
    // The messages do not repeat the URL, which has a password.
    let mut url =
        url::Url::parse(text).map_err(|error| format!("the Postgres URL is invalid: {error}"))?;
    let parameter = |wanted: &str| {
        url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.to_string())
    };
    let host = parameter("host").or_else(|| url.host_str().map(str::to_owned)).unwrap_or_default();
    if is_on_this_machine(&host) {
        return Ok(text.into());
    }
    match parameter("sslmode").as_deref() {
        Some("verify-full") => Ok(text.into()),
        Some(mode) => Err(format!(
            "sslmode={mode} does not check who answers; off this machine use sslmode=verify-full, \
             with sslrootcert=FILE for a certificate authority of your own"
        )),
        None => {
            url.query_pairs_mut().append_pair("sslmode", "verify-full");
            Ok(String::from(url).into())
        }
    }
}

/// Whether a Postgres host is a Unix socket or a loopback address.
fn is_on_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host.is_empty()
        || host.starts_with('/')
        || host.to_ascii_lowercase().starts_with("%2f")
        || host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
}

/// A journal in a database, which is opened at first use.
pub struct Store {
    place: Place,
    dialect: Dialect,
    pool: OnceCell<AnyPool>,
    /// Tasks that renew the lease of each running entry.
    leases: Mutex<HashMap<i64, AbortHandle>>,
    audit: OnceLock<audit::Sender>,
    waiting: Arc<tokio::sync::Mutex<Waiting>>,
    /// Calls that are not in the audit, because the database was behind.
    dropped_audits: AtomicU64,
    /// Keeps a database in memory from going with the last connection of the pool.
    held: Mutex<Option<AnyConnection>>,
}

/// How long an entry counts as running after its server last renewed the lease.
const LEASE: Duration = Duration::from_secs(9);

impl Store {
    /// A journal at `place`, opened at first use.
    pub fn new(place: Place) -> Self {
        let dialect = match &place {
            Place::Memory | Place::File(_) => Dialect::Sqlite,
            Place::Postgres(_) => Dialect::Postgres,
        };
        Self {
            place,
            dialect,
            pool: OnceCell::new(),
            leases: Mutex::default(),
            audit: OnceLock::new(),
            waiting: Arc::default(),
            dropped_audits: AtomicU64::new(0),
            held: Mutex::default(),
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
        sqlx::any::install_default_drivers();
        let dialect = self.dialect;
        let postgres = dialect == Dialect::Postgres;
        let url = match &self.place {
            Place::Memory => {
                static NUMBER: AtomicUsize = AtomicUsize::new(0);
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                format!("sqlite:file:tailsteward-{number}?mode=memory")
            }
            Place::File(path) => {
                prepare(path)?;
                // The path becomes part of a URL.
                let path = path.to_string_lossy();
                let path = percent_encoding::utf8_percent_encode(&path, schema::PATH);
                format!("sqlite://{path}?mode=rwc")
            }
            Place::Postgres(url) => url.expose_secret().to_owned(),
        };
        if matches!(self.place, Place::Memory) {
            // An in-memory database exists as long as a connection to it. The pool closes its
            // connection when a query is cancelled.
            let held = AnyConnection::connect(&url).await;
            let held = held.map_err(|error| self.failed("cannot be opened", &error))?;
            if let Ok(mut slot) = self.held.lock() {
                *slot = Some(held);
            }
        }
        let pool = AnyPoolOptions::new()
            // SQLite allows one writer.
            .max_connections(if postgres { 8 } else { 1 })
            .min_connections(u32::from(!postgres))
            .idle_timeout(postgres.then_some(Duration::from_mins(10)))
            .max_lifetime(postgres.then_some(Duration::from_mins(30)))
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(move |connection, _| Box::pin(schema::connected(connection, dialect)))
            .connect(&url)
            .await
            .map_err(|error| self.failed("cannot be opened", &error))?;
        schema::prepare(&pool, dialect)
            .await
            .map_err(|error| self.failed("cannot be set up", &error))?;
        self.tell_of_cut_off(&pool).await;
        Ok(pool)
    }

    /// Whether what it holds is gone with this process.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.place, Place::Memory)
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

    /// An error without the database URL, which contains a password.
    fn failed(&self, what: &str, error: &sqlx::Error) -> Error {
        let place = match &self.place {
            Place::Memory => "in memory".to_owned(),
            Place::File(path) => path.display().to_string(),
            Place::Postgres(_) => "in Postgres".to_owned(),
        };
        let error = match (&self.place, error) {
            (Place::Postgres(_), sqlx::Error::Configuration(_)) => "the URL is wrong".to_owned(),
            (_, error) => error.to_string(),
        };
        Error::new(ErrorKind::Journal, format!("the journal ({place}) {what}: {error}"))
            .with_remedy(
                "check the place of the journal; a journal in memory is lost when the server stops",
            )
            .with_action(Action::Configure(Setting::Journal))
    }

    fn wrong(&self, error: &sqlx::Error) -> Error {
        self.failed("cannot be used", error)
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
        f.debug_struct("Store").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Creates the file and its folder, readable only by the owner.
fn prepare(path: &std::path::Path) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Journal, format!("the journal {}: {error}", path.display()))
            .with_remedy("keep the journal in another file, or in memory")
            .with_action(Action::Configure(Setting::Journal))
    };
    if let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(failed)?;
    // A file that was there already may be readable by others.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            let own = std::fs::Permissions::from_mode(mode & 0o700);
            file.set_permissions(own).map_err(failed)?;
            tracing::warn!(path = %path.display(), "the journal could be read by others; now it cannot");
        }
    }
    drop(file);
    Ok(())
}

/// A time in the format of the database: microseconds since 1970.
fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// Parses a time in the format of the database.
fn at(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}
