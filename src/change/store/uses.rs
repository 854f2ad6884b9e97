//! How often a principal has used a tool that they may use only so often.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::{
    Store, micros,
    quota::{Left, as_u64, left, lock, read, since},
};
use crate::{client::Result, database::Dialect};

/// A limit on the uses of a tool by one principal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota<'a> {
    pub(crate) principal: &'a str,
    pub(crate) tool: &'a str,
    pub(crate) most: u32,
    pub(crate) within: Duration,
}

impl Store {
    /// Fails if `wanted` more changes of `tailnet` would be more than `most` in an hour.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) with when there is room again.
    pub(crate) async fn allow_changes(
        &self,
        tailnet: &str,
        wanted: usize,
        most: u32,
    ) -> Result<()> {
        let mut transaction = self.transaction().await?;
        let allowed = self.allow_count(&mut transaction, tailnet, wanted, most).await;
        transaction.commit().await.map_err(|error| self.wrong(&error))?;
        allowed
    }

    /// What is left of a quota before `wanted` uses.
    pub(crate) async fn quota_left(&self, quota: Quota<'_>, wanted: usize) -> Result<Left> {
        let mut transaction = self.transaction().await?;
        let rows = recent_uses(&mut transaction, self.dialect, quota).await;
        let rows = rows.map_err(|error| self.wrong(&error))?;
        transaction.commit().await.map_err(|error| self.wrong(&error))?;
        Ok(left(&rows, as_u64(wanted), quota.most.into(), quota.within))
    }

    /// Counts `wanted` uses, unless there would be too many.
    pub(crate) async fn use_quota(&self, quota: Quota<'_>, wanted: usize) -> Result<Left> {
        let mut transaction = self.transaction().await?;
        let rows = recent_uses(&mut transaction, self.dialect, quota).await;
        let rows = rows.map_err(|error| self.wrong(&error))?;
        let left = left(&rows, as_u64(wanted), quota.most.into(), quota.within);
        if as_u64(wanted) > left.count {
            transaction.commit().await.map_err(|error| self.wrong(&error))?;
            return Ok(left);
        }
        let insert = "INSERT INTO uses (at, principal, tool, uses) VALUES ($1, $2, $3, $4)";
        sqlx::query(insert)
            .bind(micros(Timestamp::now()))
            .bind(quota.principal)
            .bind(quota.tool)
            .bind(i64::try_from(wanted).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await
            .map_err(|error| self.wrong(&error))?;
        transaction.commit().await.map_err(|error| self.wrong(&error))?;
        Ok(left)
    }
}

async fn recent_uses(
    connection: &mut AnyConnection,
    dialect: Dialect,
    quota: Quota<'_>,
) -> sqlx::Result<Vec<(i64, u64)>> {
    lock(connection, dialect).await?;
    let query =
        "SELECT at, uses FROM uses WHERE principal = $1 AND tool = $2 AND at > $3 ORDER BY at";
    let query = sqlx::query(query).bind(quota.principal).bind(quota.tool);
    let rows = query.bind(since(quota.within)).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}
