//! The database tables.

use sqlx::AnyPool;

use crate::database::Schema;

pub(super) const SCHEMA: Schema = Schema {
    version_table: "journal_version",
    version: 3,
    tables: TABLES,
    upgrades: &[FROM_1, FROM_2],
    lock: 7_426_831,
};

/// What makes tables of version 1 those of version 2.
const FROM_1: &[&str] = &[
    "ALTER TABLE changes ADD COLUMN confirmed TEXT NOT NULL DEFAULT 'unknown'",
    "ALTER TABLE audit ADD COLUMN tailnet TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE audit ADD COLUMN confirmed TEXT",
];

/// What makes tables of version 2 those of version 3, besides the new tables.
const FROM_2: &[&str] = &["ALTER TABLE changes ADD COLUMN counted BIGINT NOT NULL DEFAULT 0"];

/// How long plans are listed after they have expired: 7 days.
const APPROVAL_MICROS: i64 = 7 * 24 * 3_600 * 1_000_000;

/// How long uses of tools are kept, longer than any limit looks back: 2 days.
const USE_MICROS: i64 = 2 * 24 * 3_600 * 1_000_000;

/// How long audited calls are kept: 90 days.
const AUDIT_MICROS: i64 = 90 * 24 * 3_600 * 1_000_000;

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS journal_version (version BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS changes (
        id {ID}, at BIGINT NOT NULL, principal TEXT NOT NULL, tool TEXT NOT NULL,
        tailnet TEXT NOT NULL, resource TEXT NOT NULL, risk TEXT NOT NULL, planned BIGINT NOT NULL,
        lease BIGINT NOT NULL, outcome TEXT, undoes BIGINT, undone_by BIGINT,
        confirmed TEXT NOT NULL DEFAULT 'unknown', counted BIGINT NOT NULL DEFAULT 0)",
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
    // Plans that wait for somebody's approval, and what they decided.
    "CREATE TABLE IF NOT EXISTS approvals (
        id TEXT PRIMARY KEY, digest TEXT NOT NULL, at BIGINT NOT NULL, until BIGINT NOT NULL,
        by_other BIGINT NOT NULL, principal TEXT NOT NULL, tool TEXT NOT NULL, tailnet TEXT NOT NULL,
        resource TEXT NOT NULL, question TEXT NOT NULL, decision TEXT, decided_by TEXT,
        decided_at BIGINT, used BIGINT NOT NULL DEFAULT 0)",
    "CREATE INDEX IF NOT EXISTS approvals_at ON approvals (at)",
    // Hashes of one-time codes, and of the sessions of browsers that were opened with one.
    "CREATE TABLE IF NOT EXISTS approval_codes (
        hash TEXT PRIMARY KEY, plan TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        until BIGINT NOT NULL, tries BIGINT NOT NULL DEFAULT 0)",
    // Calls of tools that a token may use only so often.
    "CREATE TABLE IF NOT EXISTS uses (
        id {ID}, at BIGINT NOT NULL, principal TEXT NOT NULL, tool TEXT NOT NULL, uses BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS uses_at ON uses (principal, tool, at)",
];

/// Deletes what is no longer looked at: old audit records, plans, codes and uses of tools.
pub(super) async fn prune(pool: &AnyPool) -> Result<(), sqlx::Error> {
    let now = super::micros(jiff::Timestamp::now());
    sqlx::query("DELETE FROM audit WHERE at < $1").bind(now - AUDIT_MICROS).execute(pool).await?;
    sqlx::query("DELETE FROM plans WHERE until < $1").bind(now).execute(pool).await?;
    for (query, before) in [
        ("DELETE FROM approvals WHERE until < $1", now - APPROVAL_MICROS),
        ("DELETE FROM approval_codes WHERE until < $1", now),
        ("DELETE FROM uses WHERE at < $1", now - USE_MICROS),
    ] {
        sqlx::query(query).bind(before).execute(pool).await?;
    }
    Ok(())
}
