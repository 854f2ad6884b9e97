//! The database tables.

use sqlx::{AnyPool, Executor as _, Row as _};

use crate::database::{Dialect, Transaction};

/// The version of these tables. A later program may read older ones, not the other way round.
const VERSION: i64 = 2;

/// What makes tables of version 1 those of version 2.
const FROM_1: &[&str] = &[
    "ALTER TABLE changes ADD COLUMN confirmed TEXT NOT NULL DEFAULT 'unknown'",
    "ALTER TABLE audit ADD COLUMN tailnet TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE audit ADD COLUMN confirmed TEXT",
];

/// How long audited calls are kept: 90 days.
const AUDIT_MICROS: i64 = 90 * 24 * 3_600 * 1_000_000;

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS journal_version (version BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS changes (
        id {ID}, at BIGINT NOT NULL, principal TEXT NOT NULL, tool TEXT NOT NULL,
        tailnet TEXT NOT NULL, resource TEXT NOT NULL, risk TEXT NOT NULL, planned BIGINT NOT NULL,
        lease BIGINT NOT NULL, outcome TEXT, undoes BIGINT, undone_by BIGINT,
        confirmed TEXT NOT NULL DEFAULT 'unknown')",
    // Which entry may undo a change now. Entries that have ended hold nothing any more.
    "CREATE TABLE IF NOT EXISTS claims (change_id BIGINT PRIMARY KEY, claimed_by BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS steps (
        id {ID}, change_id BIGINT NOT NULL, at BIGINT NOT NULL, kind TEXT NOT NULL,
        resource_id TEXT NOT NULL, name TEXT NOT NULL, field TEXT NOT NULL, before TEXT NOT NULL,
        after TEXT NOT NULL, irreversible BIGINT NOT NULL, outcome TEXT, why TEXT)",
    "CREATE INDEX IF NOT EXISTS steps_of_change ON steps (change_id, id)",
    "CREATE TABLE IF NOT EXISTS audit (
        id {ID}, at BIGINT NOT NULL, principal TEXT NOT NULL, tool TEXT NOT NULL,
        risk TEXT NOT NULL, resource TEXT NOT NULL, outcome TEXT NOT NULL, change_id BIGINT,
        micros BIGINT NOT NULL, tailnet TEXT NOT NULL DEFAULT '', confirmed TEXT)",
    "CREATE INDEX IF NOT EXISTS audit_at ON audit (at)",
    "CREATE TABLE IF NOT EXISTS plans (
        id TEXT PRIMARY KEY, digest TEXT NOT NULL, until BIGINT NOT NULL, used BIGINT NOT NULL)",
];

/// Makes the tables that are not there.
pub(super) async fn prepare(pool: &AnyPool, dialect: Dialect) -> Result<(), sqlx::Error> {
    let mut transaction = Transaction::begin(pool, dialect).await?;
    if dialect == Dialect::Postgres {
        // Several servers may start at once, and the tables are made by one of them.
        transaction.execute("SELECT 1 FROM pg_advisory_xact_lock(7426831)").await?;
    }
    for table in TABLES {
        transaction.execute(sqlx::query(&dialect.query(table))).await?;
    }
    let version = sqlx::query("SELECT version FROM journal_version")
        .fetch_optional(&mut *transaction)
        .await?
        .map(|row| row.try_get::<i64, _>(0))
        .transpose()?;
    match version {
        Some(later) if later > VERSION => {
            return Err(sqlx::Error::Protocol(format!(
                "its version is {later}, but this program supports {VERSION}"
            )));
        }
        Some(1) => {
            for change in FROM_1 {
                transaction.execute(*change).await?;
            }
            let query = sqlx::query("UPDATE journal_version SET version = $1").bind(VERSION);
            query.execute(&mut *transaction).await?;
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
