//! The tables of the history.

use crate::database::Schema;

pub(super) const SCHEMA: Schema = Schema {
    version_table: "history_version",
    version: 3,
    tables: TABLES,
    upgrades: &[VERSION_2, VERSION_3],
    lock: 7_426_832,
};

/// Times are in seconds since 1970, but for leases, which are in microseconds of the database's clock.
const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS history_version (version BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS watched_tailnets (
        id {ID}, label TEXT NOT NULL UNIQUE, rolled_until BIGINT NOT NULL DEFAULT 0)",
    // Who watches a tailnet. Each time that somebody else takes over, the epoch counts on; each time that
    // another process asks for a look, `asked`.
    "CREATE TABLE IF NOT EXISTS watchers (
        tailnet BIGINT PRIMARY KEY, holder TEXT NOT NULL, until BIGINT NOT NULL, epoch BIGINT NOT NULL,
        asked BIGINT NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS watched (
        id {ID}, tailnet BIGINT NOT NULL, kind BIGINT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL,
        created BIGINT, first_seen BIGINT NOT NULL, gone_at BIGINT, UNIQUE (tailnet, kind, key))",
    // One row for each change of a field. A field without a row is false, absent or empty.
    "CREATE TABLE IF NOT EXISTS facts (
        subject BIGINT NOT NULL, field BIGINT NOT NULL, at BIGINT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (subject, field, at)) {CLUSTERED}",
    // When somebody looked.
    "CREATE TABLE IF NOT EXISTS spans (
        tailnet BIGINT NOT NULL, source BIGINT NOT NULL, begun BIGINT NOT NULL, ended BIGINT NOT NULL,
        PRIMARY KEY (tailnet, source, begun)) {CLUSTERED}",
    // How the last look at each source went.
    "CREATE TABLE IF NOT EXISTS looks (
        tailnet BIGINT NOT NULL, source BIGINT NOT NULL, tried_at BIGINT NOT NULL, good_at BIGINT,
        error TEXT, PRIMARY KEY (tailnet, source))",
    "CREATE TABLE IF NOT EXISTS days (
        subject BIGINT NOT NULL, day BIGINT NOT NULL, watched BIGINT NOT NULL, up BIGINT NOT NULL,
        disconnects BIGINT NOT NULL, outage BIGINT NOT NULL, PRIMARY KEY (subject, day)) {CLUSTERED}",
    "CREATE TABLE IF NOT EXISTS events (
        id {ID}, tailnet BIGINT NOT NULL, at BIGINT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL,
        target_id TEXT NOT NULL, property TEXT NOT NULL, actor TEXT NOT NULL,
        entry TEXT NOT NULL, actor_kind TEXT NOT NULL DEFAULT '', value TEXT NOT NULL DEFAULT '',
        UNIQUE (tailnet, entry))",
    "CREATE INDEX IF NOT EXISTS events_at ON events (tailnet, at)",
    "CREATE TABLE IF NOT EXISTS audits (
        tailnet BIGINT NOT NULL, at BIGINT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (tailnet, at))",
    "CREATE TABLE IF NOT EXISTS exceptions (
        id {ID}, tailnet BIGINT NOT NULL, check_id TEXT NOT NULL, subject TEXT NOT NULL,
        principal TEXT NOT NULL, reason TEXT NOT NULL, made BIGINT NOT NULL, until BIGINT NOT NULL,
        UNIQUE (tailnet, check_id, subject))",
    // Rules, acknowledgements and mutes.
    "CREATE TABLE IF NOT EXISTS alert_documents (
        tailnet BIGINT NOT NULL, sort BIGINT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (tailnet, sort, name))",
    "CREATE TABLE IF NOT EXISTS alerts (
        tailnet BIGINT NOT NULL, id TEXT NOT NULL, since BIGINT NOT NULL, done BIGINT,
        body TEXT NOT NULL, PRIMARY KEY (tailnet, id))",
    "CREATE INDEX IF NOT EXISTS alerts_done ON alerts (tailnet, done)",
    "CREATE TABLE IF NOT EXISTS outbox (
        tailnet BIGINT NOT NULL, id TEXT NOT NULL, receiver TEXT NOT NULL, body TEXT NOT NULL,
        tries BIGINT NOT NULL, next BIGINT NOT NULL, made BIGINT NOT NULL, state BIGINT NOT NULL,
        error TEXT, PRIMARY KEY (tailnet, id, receiver))",
    "CREATE INDEX IF NOT EXISTS outbox_next ON outbox (tailnet, state, next)",
    // Reports, with what the next one is compared with.
    "CREATE TABLE IF NOT EXISTS reports (
        tailnet BIGINT NOT NULL, id TEXT NOT NULL, at BIGINT NOT NULL, scheduled BIGINT NOT NULL,
        report TEXT NOT NULL, facts TEXT NOT NULL, PRIMARY KEY (tailnet, id))",
    "CREATE TABLE IF NOT EXISTS alert_news (tailnet BIGINT PRIMARY KEY, generation BIGINT NOT NULL)",
    // Who had traffic: nodes, and hosts behind routers.
    "CREATE TABLE IF NOT EXISTS traffic_ends (
        id {ID}, tailnet BIGINT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, tags TEXT NOT NULL,
        seen BIGINT NOT NULL, UNIQUE (tailnet, key))",
    // Sums of `size` seconds from `begins` on. What the four numbers are depends on the sort.
    "CREATE TABLE IF NOT EXISTS traffic (
        tailnet BIGINT NOT NULL, size BIGINT NOT NULL, begins BIGINT NOT NULL, sort BIGINT NOT NULL,
        one BIGINT NOT NULL, other BIGINT NOT NULL, protocol BIGINT NOT NULL, port BIGINT NOT NULL,
        a BIGINT NOT NULL, b BIGINT NOT NULL, c BIGINT NOT NULL, d BIGINT NOT NULL,
        PRIMARY KEY (tailnet, size, begins, sort, one, other, protocol, port)) {CLUSTERED}",
    // Of which times there are sums. Times of several sizes do not overlap.
    "CREATE TABLE IF NOT EXISTS traffic_read (
        tailnet BIGINT NOT NULL, size BIGINT NOT NULL, begins BIGINT NOT NULL, seconds BIGINT NOT NULL,
        read_at BIGINT NOT NULL, records BIGINT NOT NULL, bad_records BIGINT NOT NULL,
        bad_entries BIGINT NOT NULL, PRIMARY KEY (tailnet, size, begins)) {CLUSTERED}",
];

/// Who acted in an entry of the audit log, and the role that a user got; how often somebody asked for a look.
const VERSION_2: &[&str] = &[
    "ALTER TABLE watchers ADD COLUMN asked BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE events ADD COLUMN actor_kind TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE events ADD COLUMN value TEXT NOT NULL DEFAULT ''",
];

/// Traffic: only new tables.
const VERSION_3: &[&str] = &[];
