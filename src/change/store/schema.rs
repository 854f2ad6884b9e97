//! The database tables.

use sqlx::AnyPool;

use crate::database::Schema;

pub(super) const SCHEMA: Schema = Schema {
    version_table: "journal_version",
    version: 2,
    tables: TABLES,
    upgrades: &[FROM_1],
    lock: 7_426_831,
};

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

/// Deletes old audit records and expired plans.
pub(super) async fn prune(pool: &AnyPool) -> Result<(), sqlx::Error> {
    let now = super::micros(jiff::Timestamp::now());
    sqlx::query("DELETE FROM audit WHERE at < $1").bind(now - AUDIT_MICROS).execute(pool).await?;
    sqlx::query("DELETE FROM plans WHERE until < $1").bind(now).execute(pool).await.map(drop)
}
