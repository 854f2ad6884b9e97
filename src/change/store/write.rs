//! Records changes in the database while they are made.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::{AnyPool, Row as _};

use super::{LEASE, Store, micros, read};
use crate::{
    change::{
        Outcome,
        journal::{Entry, Find, Intent, Journal, Step},
    },
    client::Result,
};

impl Journal for Store {
    fn begin<'a>(&'a self, intent: &'a Intent<'a>) -> BoxFuture<'a, Result<i64>> {
        Box::pin(async move {
            let pool = self.pool().await?;
            let row = sqlx::query(
                "INSERT INTO changes (at, principal, tool, tailnet, resource, risk, planned,
                 lease, undoes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                 RETURNING id",
            )
            .bind(micros(Timestamp::now()))
            .bind(intent.principal)
            .bind(intent.tool)
            .bind(intent.tailnet)
            .bind(intent.resource)
            .bind(intent.risk.as_str())
            .bind(i64::try_from(intent.planned).unwrap_or(i64::MAX))
            .bind(lease())
            .bind(intent.undoes)
            .fetch_one(pool)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|error| self.wrong(&error))?;
            self.hold(pool, row);
            Ok(row)
        })
    }

    fn intend<'a>(&'a self, entry: i64, step: &'a Step) -> BoxFuture<'a, Result<i64>> {
        Box::pin(async move {
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
            .fetch_one(self.pool().await?)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|error| self.wrong(&error))
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
        Box::pin(async move {
            sqlx::query(
                "UPDATE steps SET outcome = $1, resource_id = COALESCE($2, resource_id),
                 after = COALESCE($3, after), why = $4 WHERE id = $5",
            )
            .bind(outcome.as_str())
            .bind(id)
            .bind(after.map(Value::to_string))
            .bind(why)
            .bind(step)
            .execute(self.pool().await?)
            .await
            .map(drop)
            .map_err(|error| self.wrong(&error))
        })
    }

    fn end(&self, entry: i64, outcome: Outcome) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let pool = self.pool().await?;
            let done = async {
                sqlx::query("UPDATE changes SET outcome = $1 WHERE id = $2")
                    .bind(outcome.as_str())
                    .bind(entry)
                    .execute(pool)
                    .await?;
                if outcome == Outcome::Done {
                    let undone = "UPDATE changes SET undone_by = $1
                         WHERE id = (SELECT undoes FROM changes WHERE id = $1)";
                    sqlx::query(undone).bind(entry).execute(pool).await?;
                }
                Ok(())
            };
            let done = done.await;
            self.release(entry);
            done.map_err(|error: sqlx::Error| self.wrong(&error))
        })
    }

    fn abandon(&self, entry: i64) {
        self.release(entry);
    }

    fn list<'a>(&'a self, find: &'a Find) -> BoxFuture<'a, Result<(Vec<Entry>, u64)>> {
        Box::pin(async move {
            let pool = self.pool().await?;
            read::list(pool, find).await.map_err(|error| self.wrong(&error))
        })
    }

    fn entry(&self, entry: i64) -> BoxFuture<'_, Result<Option<Entry>>> {
        Box::pin(async move {
            let pool = self.pool().await?;
            read::entry(pool, entry).await.map_err(|error| self.wrong(&error))
        })
    }

    fn steps(&self, entry: i64, skip: usize, limit: usize) -> BoxFuture<'_, Result<Vec<Step>>> {
        Box::pin(async move {
            let pool = self.pool().await?;
            read::steps(pool, entry, skip, limit).await.map_err(|error| self.wrong(&error))
        })
    }
}

impl Store {
    /// Renews the lease of an entry every few seconds. Once the lease has expired, the entry counts
    /// as interrupted.
    fn hold(&self, pool: &AnyPool, entry: i64) {
        let pool = pool.clone();
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LEASE / 3).await;
                let renewed = sqlx::query("UPDATE changes SET lease = $1 WHERE id = $2")
                    .bind(lease())
                    .bind(entry)
                    .execute(&pool)
                    .await;
                if let Err(error) = renewed {
                    tracing::warn!(%error, entry, "the journal could not record a change");
                }
            }
        });
        if let Ok(mut leases) = self.leases.lock() {
            leases.insert(entry, task.abort_handle());
        }
    }

    fn release(&self, entry: i64) {
        let task = self.leases.lock().ok().and_then(|mut it| it.remove(&entry));
        if let Some(task) = task {
            task.abort();
        }
    }
}

/// Records that the outcome of an interrupted entry is unknown.
pub(super) async fn cut_off(pool: &AnyPool, entry: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE changes SET outcome = $1 WHERE id = $2 AND outcome IS NULL")
        .bind(Outcome::Unknown.as_str())
        .bind(entry)
        .execute(pool)
        .await
        .map(drop)
}

fn lease() -> i64 {
    micros(Timestamp::now()) + i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX)
}
