//! Records changes in the database while they are made.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{AnyConnection, AnyPool, Row as _, any::AnyQueryResult};

use super::{LEASE, Store, late::Late, micros, read};
use crate::{
    Error,
    change::{
        Approval, Outcome,
        journal::{Entry, Find, Intent, Journal, Step},
    },
    client::{Action, Result},
    database::Dialect,
};

impl Journal for Store {
    fn begin<'a>(&'a self, intent: &'a Intent<'a>) -> BoxFuture<'a, Result<i64>> {
        Box::pin(async move {
            let mut transaction = self.transaction().await?;
            if let Some(most) = intent.changes_per_hour {
                self.allow_count(&mut transaction, intent.tailnet, intent.counted, most).await?;
            }
            let entry = insert_change(&mut transaction, self.dialect, intent).await;
            let entry = entry.map_err(|error| self.wrong(&error))?;
            if let Some(undone) = intent.undoes {
                let claimed = claim(&mut transaction, self.dialect, undone, entry).await;
                if !claimed.map_err(|error| self.wrong(&error))? {
                    return Err(Error::refused(
                        format!("nothing was sent: change {undone} is already being undone"),
                        "wait until that has finished",
                    )
                    .with_action(Action::ShowChange));
                }
            }
            transaction.commit().await.map_err(|error| self.wrong(&error))?;
            self.hold(self.pool().await?, entry);
            Ok(entry)
        })
    }

    fn intend<'a>(&'a self, entry: i64, step: &'a Step) -> BoxFuture<'a, Result<i64>> {
        Box::pin(async move {
            let mut transaction = self.transaction().await?;
            let step = insert_step(&mut transaction, entry, step).await;
            let step = step.map_err(|error| self.wrong(&error))?;
            transaction.commit().await.map_err(|error| self.wrong(&error))?;
            Ok(step)
        })
    }

    fn settle<'a>(
        &'a self,
        step: i64,
        outcome: Outcome,
        id: Option<&'a str>,
        after: Option<&'a Value>,
        why: Option<&'a str>,
    ) -> BoxFuture<'a, Result<()>> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let after = after.map(Value::to_string);
        let late = Late::Step { step, outcome, id: owned(id), after, why: owned(why) };
        Box::pin(self.record_outcome(late))
    }

    fn end(&self, entry: i64, outcome: Outcome) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let done = self.record_outcome(Late::Entry { entry, outcome }).await;
            self.release(entry);
            done
        })
    }

    fn abandon(&self, entry: i64) {
        self.release(entry);
    }

    fn list<'a>(&'a self, find: &'a Find) -> BoxFuture<'a, Result<(Vec<Entry>, u64)>> {
        Box::pin(async move {
            let pool = self.pool().await?;
            read::list(pool, self.dialect, find).await.map_err(|error| self.wrong(&error))
        })
    }

    fn approvals<'a>(&'a self, tailnet: &'a str) -> BoxFuture<'a, Result<Vec<Approval>>> {
        Box::pin(self.listed_approvals(Some(tailnet)))
    }

    fn entry(&self, entry: i64) -> BoxFuture<'_, Result<Option<Entry>>> {
        Box::pin(async move {
            let pool = self.pool().await?;
            read::entry(pool, self.dialect, entry).await.map_err(|error| self.wrong(&error))
        })
    }

    fn steps(&self, entry: i64, skip: usize, limit: usize) -> BoxFuture<'_, Result<Vec<Step>>> {
        Box::pin(async move {
            let pool = self.pool().await?;
            read::steps(pool, entry, skip, limit).await.map_err(|error| self.wrong(&error))
        })
    }
}

async fn insert_change(
    connection: &mut AnyConnection,
    dialect: Dialect,
    intent: &Intent<'_>,
) -> sqlx::Result<i64> {
    let query = dialect.query(
        "INSERT INTO changes (at, principal, tool, tailnet, resource, risk, planned, undoes,
         confirmed, counted, lease) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, {NOW} + $11)
         RETURNING id",
    );
    sqlx::query(&query)
        .bind(micros(Timestamp::now()))
        .bind(intent.principal)
        .bind(intent.tool)
        .bind(intent.tailnet)
        .bind(intent.resource)
        .bind(intent.risk.as_str())
        .bind(i64::try_from(intent.planned).unwrap_or(i64::MAX))
        .bind(intent.undoes)
        .bind(intent.confirmed.to_string())
        .bind(i64::try_from(intent.counted).unwrap_or(i64::MAX))
        .bind(lease())
        .fetch_one(connection)
        .await
        .and_then(|row| row.try_get(0))
}

/// Makes `entry` the only one that undoes `undone` now. False if another one is still at it.
async fn claim(
    connection: &mut AnyConnection,
    dialect: Dialect,
    undone: i64,
    entry: i64,
) -> sqlx::Result<bool> {
    let query = dialect.query(
        "INSERT INTO claims (change_id, claimed_by) VALUES ($1, $2)
         ON CONFLICT (change_id) DO UPDATE SET claimed_by = excluded.claimed_by
         WHERE EXISTS (SELECT 1 FROM changes WHERE changes.id = claims.claimed_by
             AND (changes.outcome IS NOT NULL OR changes.lease <= {NOW}))",
    );
    let done = sqlx::query(&query).bind(undone).bind(entry).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}

async fn insert_step(connection: &mut AnyConnection, entry: i64, step: &Step) -> sqlx::Result<i64> {
    sqlx::query(
        "INSERT INTO steps (change_id, at, kind, resource_id, name, field, before, after,
         irreversible) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
    )
    .bind(entry)
    .bind(micros(Timestamp::now()))
    .bind(&step.kind)
    .bind(&step.id)
    .bind(&step.name)
    .bind(&step.change.field)
    .bind(step.change.from.to_string())
    .bind(step.change.to.to_string())
    .bind(i64::from(step.change.irreversible))
    .fetch_one(connection)
    .await
    .and_then(|row| row.try_get(0))
}

/// Writes how a step ended.
pub(super) async fn settle_step(
    connection: &mut AnyConnection,
    step: i64,
    outcome: Outcome,
    texts: [Option<&str>; 3],
) -> sqlx::Result<()> {
    let [id, after, why] = texts;
    let done = sqlx::query(
        "UPDATE steps SET outcome = $1, resource_id = COALESCE($2, resource_id),
         after = COALESCE($3, after), why = $4 WHERE id = $5",
    )
    .bind(outcome.as_str())
    .bind(id)
    .bind(after)
    .bind(why)
    .bind(step)
    .execute(connection)
    .await?;
    one_row(&done)
}

/// Writes how an entry ended; if it undid another entry, that one is undone now.
pub(super) async fn end_change(
    connection: &mut AnyConnection,
    entry: i64,
    outcome: Outcome,
) -> sqlx::Result<()> {
    let done = sqlx::query("UPDATE changes SET outcome = $1 WHERE id = $2")
        .bind(outcome.as_str())
        .bind(entry)
        .execute(&mut *connection)
        .await?;
    one_row(&done)?;
    if outcome == Outcome::Done {
        let undone = "UPDATE changes SET undone_by = $1
             WHERE id = (SELECT undoes FROM changes WHERE id = $1)";
        sqlx::query(undone).bind(entry).execute(connection).await?;
    }
    Ok(())
}

/// An error if the row that was to be completed is not there.
fn one_row(done: &AnyQueryResult) -> sqlx::Result<()> {
    if done.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

impl Store {
    /// Renews the lease of an entry every few seconds. When it runs out, the server that was making
    /// the change was cut off.
    fn hold(&self, pool: &AnyPool, entry: i64) {
        let (pool, dialect) = (pool.clone(), self.dialect);
        let task = tokio::spawn(async move {
            let query = dialect.query("UPDATE changes SET lease = {NOW} + $1 WHERE id = $2");
            loop {
                tokio::time::sleep(LEASE / 3).await;
                let renewed = sqlx::query(&query).bind(lease()).bind(entry).execute(&pool).await;
                if let Err(error) = renewed {
                    tracing::warn!(%error, entry, "the journal could not renew the lease of a change");
                }
            }
        });
        if let Ok(mut leases) = self.leases.lock() {
            leases.insert(entry, task.abort_handle());
        }
    }

    fn release(&self, entry: i64) {
        let task = self.leases.lock().ok().and_then(|mut leases| leases.remove(&entry));
        if let Some(task) = task {
            task.abort();
        }
    }
}

/// Marks an entry whose server was cut off as `unknown`.
pub(super) async fn cut_off(pool: &AnyPool, entry: i64) -> sqlx::Result<()> {
    sqlx::query("UPDATE changes SET outcome = $1 WHERE id = $2 AND outcome IS NULL")
        .bind(Outcome::Unknown.as_str())
        .bind(entry)
        .execute(pool)
        .await
        .map(drop)
}

/// How long a lease is, in microseconds.
fn lease() -> i64 {
    i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX)
}
