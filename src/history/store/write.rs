//! What one look changed, in one transaction.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::{AnyConnection, AnyPool, Row as _};

use super::{DAY, History, Lease, lease};
use crate::{
    client::Result,
    database::{Dialect, Transaction},
    history::{Diff, Event, Fact, Kind, Known, New, Seconds, Source},
};

/// About how many things the facts of one statement are.
const THINGS: usize = 1_000;
/// The maximum number of rows in one statement.
const ROWS: usize = 10_000;
/// The maximum number of characters that are kept of why a look failed.
const ERROR: usize = 500;

/// Whether this process still has the right to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Held {
    /// What was to be written is.
    Yes,
    /// Somebody else watches now, and nothing was written.
    No,
}

impl History {
    /// Records what a look at `source` changed, and that somebody looked until `now`. `known` takes it over
    /// if it is recorded.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if it cannot be recorded; then `known` is as before.
    pub async fn record(
        &self,
        lease: &Lease,
        source: &Source,
        diff: &Diff,
        known: &mut Known,
        now: Seconds,
    ) -> Result<Held> {
        let written = self.write(lease, source, diff, known, now).await?;
        let Some(ids) = written else { return Ok(Held::No) };
        known.apply(diff, &ids, now);
        Ok(Held::Yes)
    }

    /// Same as [`record`](Self::record), but leaves it to the caller that `known` takes it over: returns the
    /// numbers of new things, or none if somebody else watches now.
    pub(in crate::history) async fn write(
        &self,
        lease: &Lease,
        source: &Source,
        diff: &Diff,
        known: &Known,
        now: Seconds,
    ) -> Result<Option<HashMap<String, i64>>> {
        let pool = self.pool().await?;
        let written = self.write_look(pool, lease, source, diff, known, now).await;
        written.map_err(|error| self.wrong(&error))
    }

    async fn write_look(
        &self,
        pool: &AnyPool,
        lease: &Lease,
        source: &Source,
        diff: &Diff,
        known: &Known,
        now: Seconds,
    ) -> sqlx::Result<Option<HashMap<String, i64>>> {
        let dialect = self.dialect();
        let Some(mut transaction) = self.held(pool, lease).await? else { return Ok(None) };
        let mut ids = HashMap::new();
        insert_new(&mut transaction, dialect, lease, source, diff, now, &mut ids).await?;
        let number =
            |key: &str| known.things.get(key).map(|it| it.id).or_else(|| ids.get(key).copied());
        let insert = dialect.query(
            "INSERT INTO facts (subject, field, at, value)
             SELECT CAST(it.value->>0 AS BIGINT), CAST(it.value->>1 AS BIGINT),
                 CAST(it.value->>2 AS BIGINT), it.value->>3 FROM {ROWS} WHERE true
             ON CONFLICT (subject, field, at) DO UPDATE SET value = excluded.value",
        );
        for things in diff.facts.chunks(THINGS) {
            let rows = rows_of(things, &number);
            sqlx::query(&insert).bind(rows).execute(&mut *transaction).await?;
        }
        for (key, name) in &diff.renamed {
            let query = sqlx::query("UPDATE watched SET name = $1 WHERE id = $2");
            query.bind(&**name).bind(number(key)).execute(&mut *transaction).await?;
        }
        for (key, at) in &diff.gone {
            let query = sqlx::query("UPDATE watched SET gone_at = $1 WHERE id = $2");
            query.bind(*at).bind(number(key)).execute(&mut *transaction).await?;
        }
        looked(&mut transaction, lease, source, now).await?;
        transaction.commit().await?;
        Ok(Some(ids))
    }

    /// Records entries of the audit log; those that are there already are not added again.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if they cannot be recorded.
    pub async fn record_events(
        &self,
        lease: &Lease,
        source: &Source,
        events: &[Event],
        now: Seconds,
    ) -> Result<Held> {
        let written = self.write_events(self.pool().await?, lease, source, events, now).await;
        written.map_err(|error| self.wrong(&error))
    }

    async fn write_events(
        &self,
        pool: &AnyPool,
        lease: &Lease,
        source: &Source,
        events: &[Event],
        now: Seconds,
    ) -> sqlx::Result<Held> {
        let Some(mut transaction) = self.held(pool, lease).await? else { return Ok(Held::No) };
        let row = |it: &Event| {
            json!([
                lease.tailnet,
                it.at,
                it.action,
                it.target,
                it.target_id,
                it.property,
                it.actor,
                it.entry,
                it.actor_kind,
                it.value
            ])
        };
        let rows: Vec<Value> = events.iter().map(row).collect();
        let insert = "INSERT INTO events (tailnet, at, action, target, target_id, property, actor,
                 entry, actor_kind, value)
             SELECT CAST(it.value->>0 AS BIGINT), CAST(it.value->>1 AS BIGINT), it.value->>2,
                 it.value->>3, it.value->>4, it.value->>5, it.value->>6, it.value->>7,
                 it.value->>8, it.value->>9 FROM {ROWS} WHERE true
             ON CONFLICT (tailnet, entry) DO NOTHING";
        let insert = self.dialect().query(insert);
        for rows in rows.chunks(ROWS) {
            let rows = serde_json::to_string(rows).unwrap_or_default();
            sqlx::query(&insert).bind(rows).execute(&mut *transaction).await?;
        }
        looked(&mut transaction, lease, source, now).await?;
        transaction.commit().await?;
        Ok(Held::Yes)
    }

    /// Records that a look at `source` failed, and why. What was seen before stays as it is.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if it cannot be recorded.
    pub async fn record_failure(
        &self,
        lease: &Lease,
        source: &Source,
        why: &str,
        now: Seconds,
    ) -> Result<Held> {
        let why: String = why.chars().take(ERROR).collect();
        let pool = self.pool().await?;
        let written = async {
            let Some(mut transaction) = self.held(pool, lease).await? else { return Ok(Held::No) };
            tried(&mut transaction, lease, source, now, None, Some(&why)).await?;
            transaction.commit().await?;
            Ok(Held::Yes)
        };
        written.await.map_err(|error| self.wrong(&error))
    }

    /// A transaction in which the lease is held; none if somebody else has it.
    pub(super) async fn held(
        &self,
        pool: &AnyPool,
        lease: &Lease,
    ) -> sqlx::Result<Option<Transaction>> {
        let mut transaction = Transaction::begin(pool, self.dialect()).await?;
        let held = lease::hold(&mut transaction, self.dialect(), lease).await?;
        Ok(held.then_some(transaction))
    }
}

/// Inserts the things that were not known, and adds their numbers to `ids`.
async fn insert_new(
    connection: &mut AnyConnection,
    dialect: Dialect,
    lease: &Lease,
    source: &Source,
    diff: &Diff,
    now: Seconds,
    ids: &mut HashMap<String, i64>,
) -> sqlx::Result<()> {
    let insert = dialect.query(
        "INSERT INTO watched (tailnet, kind, key, name, created, first_seen)
         SELECT CAST(it.value->>0 AS BIGINT), CAST(it.value->>1 AS BIGINT), it.value->>2,
             it.value->>3, CAST(it.value->>4 AS BIGINT), CAST(it.value->>5 AS BIGINT)
             FROM {ROWS} WHERE true
         ON CONFLICT (tailnet, kind, key) DO UPDATE SET gone_at = NULL, name = excluded.name
         RETURNING id, key",
    );
    let kind = source.kind.number();
    for chunk in diff.new.chunks(ROWS) {
        let row = |it: &New| json!([lease.tailnet, kind, it.key, it.name, it.created, now]);
        let rows = Value::Array(chunk.iter().map(row).collect()).to_string();
        for row in sqlx::query(&insert).bind(rows).fetch_all(&mut *connection).await? {
            ids.insert(row.try_get("key")?, row.try_get("id")?);
        }
    }
    Ok(())
}

/// The rows of facts about things, as a JSON array.
fn rows_of(things: &[(Box<str>, Vec<Fact>)], number: &dyn Fn(&str) -> Option<i64>) -> String {
    let mut rows = Vec::new();
    for (key, facts) in things {
        let Some(id) = number(key) else { continue };
        let row = |it: &Fact| json!([id, it.field.number(), it.at, it.value]).to_string();
        rows.extend(facts.iter().map(row));
    }
    format!("[{}]", rows.join(","))
}

/// Moves the end of the span in which somebody looks at `source`, or begins another one after a gap.
pub(super) async fn looked(
    connection: &mut AnyConnection,
    lease: &Lease,
    source: &Source,
    now: Seconds,
) -> sqlx::Result<()> {
    let moved = sqlx::query(
        "UPDATE spans SET ended = $1 WHERE tailnet = $2 AND source = $3
         AND ended >= $4 AND ended <= $1",
    )
    .bind(now)
    .bind(lease.tailnet)
    .bind(source.number)
    .bind(now - source.longest_gap())
    .execute(&mut *connection)
    .await?;
    if moved.rows_affected() == 0 {
        begin_span(connection, lease, source, now).await?;
    }
    tried(connection, lease, source, now, Some(now), None).await
}

/// Begins a span after a gap. What is known of the gap may change the sums of its days.
async fn begin_span(
    connection: &mut AnyConnection,
    lease: &Lease,
    source: &Source,
    now: Seconds,
) -> sqlx::Result<()> {
    if source.kind == Kind::Device {
        let last = sqlx::query("SELECT MAX(ended) FROM spans WHERE tailnet = $1 AND source = $2");
        let last = last.bind(lease.tailnet).bind(source.number).fetch_one(&mut *connection).await?;
        if let Some(last) = last.try_get::<Option<i64>, _>(0)? {
            let again = "UPDATE watched_tailnets SET rolled_until = $1
                 WHERE id = $2 AND rolled_until > $1";
            let again = sqlx::query(again).bind(last.div_euclid(DAY)).bind(lease.tailnet);
            again.execute(&mut *connection).await?;
        }
    }
    let insert = "INSERT INTO spans (tailnet, source, begun, ended) VALUES ($1, $2, $3, $3)
         ON CONFLICT (tailnet, source, begun) DO NOTHING";
    let insert = sqlx::query(insert).bind(lease.tailnet).bind(source.number).bind(now);
    insert.execute(connection).await.map(drop)
}

async fn tried(
    connection: &mut AnyConnection,
    lease: &Lease,
    source: &Source,
    now: Seconds,
    good: Option<Seconds>,
    error: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO looks (tailnet, source, tried_at, good_at, error) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tailnet, source) DO UPDATE SET tried_at = excluded.tried_at,
             good_at = COALESCE(excluded.good_at, looks.good_at), error = excluded.error",
    )
    .bind(lease.tailnet)
    .bind(source.number)
    .bind(now)
    .bind(good)
    .bind(error)
    .execute(connection)
    .await
    .map(drop)
}
