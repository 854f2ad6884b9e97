//! The database tables.

use percent_encoding::{AsciiSet, CONTROLS};
use sqlx::{AnyPool, Executor as _, Row as _};

/// Characters of a file path that must be escaped in a URL.
pub(super) const PATH: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');

/// The schema version. A newer program can read older tables, but not the reverse.
const VERSION: i64 = 1;

/// How long audited calls are kept: 90 days.
const AUDIT_MICROS: i64 = 90 * 24 * 3_600 * 1_000_000;

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS journal_version (version BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS changes (
        id {ID}, at BIGINT NOT NULL, principal TEXT NOT NULL, tool TEXT NOT NULL,
        tailnet TEXT NOT NULL, resource TEXT NOT NULL, risk TEXT NOT NULL, planned BIGINT NOT NULL,
        lease BIGINT NOT NULL, outcome TEXT, undoes BIGINT, undone_by BIGINT)",
    "CREATE TABLE IF NOT EXISTS steps (
        id {ID}, change_id BIGINT NOT NULL, at BIGINT NOT NULL, kind TEXT NOT NULL,
        resource_id TEXT NOT NULL, name TEXT NOT NULL, field TEXT NOT NULL, before TEXT NOT NULL,
        after TEXT NOT NULL, irreversible BIGINT NOT NULL, outcome TEXT, why TEXT)",
    "CREATE INDEX IF NOT EXISTS steps_of_change ON steps (change_id, id)",
    "CREATE TABLE IF NOT EXISTS audit (
        id {ID}, at BIGINT NOT NULL, principal TEXT NOT NULL, tool TEXT NOT NULL,
        risk TEXT NOT NULL, resource TEXT NOT NULL, outcome TEXT NOT NULL, change_id BIGINT,
        micros BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS audit_at ON audit (at)",
    "CREATE TABLE IF NOT EXISTS plans (
        id TEXT PRIMARY KEY, digest TEXT NOT NULL, until BIGINT NOT NULL, used BIGINT NOT NULL)",
];

/// Creates missing tables, and checks the schema version.
pub(super) async fn prepare(pool: &AnyPool, postgres: bool) -> Result<(), sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let id = if postgres {
        "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    } else {
        connection.execute("PRAGMA journal_mode = WAL").await?;
        // Recorded changes must survive a power failure.
        connection.execute("PRAGMA synchronous = FULL").await?;
        connection.execute("PRAGMA busy_timeout = 5000").await?;
        "INTEGER PRIMARY KEY AUTOINCREMENT"
    };
    let mut transaction = sqlx::Connection::begin(&mut *connection).await?;
    if postgres {
        // If several servers start at once, only one creates the tables.
        transaction.execute("SELECT 1 FROM pg_advisory_xact_lock(7426831)").await?;
    }
    for table in TABLES {
        transaction.execute(sqlx::query(&table.replace("{ID}", id))).await?;
    }
    let version = sqlx::query("SELECT version FROM journal_version")
        .fetch_optional(&mut *transaction)
        .await?
        .map(|row| row.try_get::<i64, _>(0))
        .transpose()?;
    match version {
        Some(later) if later > VERSION => {
            return Err(sqlx::Error::Protocol(format!(
                "it is of version {later}, and this program knows {VERSION}"
            )));
        }
        Some(_) => {}
        None => {
            sqlx::query("INSERT INTO journal_version (version) VALUES ($1)")
                .bind(VERSION)
                .execute(&mut *transaction)
                .await?;
        }
    }
    transaction.commit().await
}

/// Deletes old audit records and expired plans.
pub(super) async fn prune(pool: &AnyPool) -> Result<(), sqlx::Error> {
    let now = super::micros(jiff::Timestamp::now());
    sqlx::query("DELETE FROM audit WHERE at < $1").bind(now - AUDIT_MICROS).execute(pool).await?;
    sqlx::query("DELETE FROM plans WHERE until < $1").bind(now).execute(pool).await.map(drop)
}
