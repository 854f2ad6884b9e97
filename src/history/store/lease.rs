//! Who watches a tailnet: one of all that share the database.

use std::time::Duration;

use sqlx::{AnyConnection, Row as _};

use super::History;
use crate::{
    client::Result,
    database::{Dialect, Transaction},
};

/// How long a watcher counts as alive after it last wrote.
pub const LEASE: Duration = Duration::from_secs(20);

/// The right to watch a tailnet, until somebody else takes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub(super) tailnet: i64,
    holder: String,
    epoch: i64,
    asked: i64,
}

impl Lease {
    /// How often other processes had asked for a look when the lease was taken.
    pub fn asked(&self) -> i64 {
        self.asked
    }
}

impl History {
    /// Takes the right to watch a tailnet for `holder`, if nobody else has it. `holder` is another text for
    /// each process.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn take_lease(&self, tailnet: &str, holder: &str) -> Result<Option<Lease>> {
        let tailnet = self.numbered(tailnet).await?;
        let mut transaction = self.transaction().await?;
        let taken = take(&mut transaction, self.dialect(), tailnet, holder).await;
        let taken = taken.map_err(|error| self.wrong(&error))?;
        transaction.commit().await.map_err(|error| self.wrong(&error))?;
        let holder = holder.to_owned();
        Ok(taken.map(|(epoch, asked)| Lease { tailnet, holder, epoch, asked }))
    }

    /// Renews a lease. False if somebody else has taken over.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn renew(&self, lease: &Lease) -> Result<bool> {
        self.renew_and_hear(lease).await.map(|asked| asked.is_some())
    }

    /// Renews a lease. Returns how often other processes have asked for a look; none if somebody else has
    /// taken over.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn renew_and_hear(&self, lease: &Lease) -> Result<Option<i64>> {
        let mut transaction = self.transaction().await?;
        let renewed = async {
            if !hold(&mut transaction, self.dialect(), lease).await? {
                return Ok(None);
            }
            let query = "SELECT asked FROM watchers WHERE tailnet = $1";
            let row = sqlx::query(query).bind(lease.tailnet).fetch_one(&mut *transaction).await?;
            row.try_get(0).map(Some)
        };
        let asked = renewed.await.map_err(|error| self.wrong(&error))?;
        transaction.commit().await.map_err(|error| self.wrong(&error))?;
        Ok(asked)
    }

    /// How often the right to watch a tailnet was taken; none if it never was.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn epoch(&self, tailnet: &str) -> Result<Option<i64>> {
        let Some(tailnet) = self.number(tailnet).await? else { return Ok(None) };
        let query = sqlx::query("SELECT epoch FROM watchers WHERE tailnet = $1").bind(tailnet);
        let row = query.fetch_optional(self.pool().await?).await;
        let epoch = row.and_then(|row| row.map(|row| row.try_get(0)).transpose());
        epoch.map_err(|error| self.wrong(&error))
    }

    /// Gives a lease back, so that another replica can watch at once.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn release(&self, lease: &Lease) -> Result<()> {
        let query =
            "UPDATE watchers SET until = 0 WHERE tailnet = $1 AND holder = $2 AND epoch = $3";
        let done = sqlx::query(query)
            .bind(lease.tailnet)
            .bind(&lease.holder)
            .bind(lease.epoch)
            .execute(self.pool().await?)
            .await;
        done.map(drop).map_err(|error| self.wrong(&error))
    }
}

async fn take(
    connection: &mut AnyConnection,
    dialect: Dialect,
    tailnet: i64,
    holder: &str,
) -> sqlx::Result<Option<(i64, i64)>> {
    let query = dialect.query(
        "INSERT INTO watchers (tailnet, holder, until, epoch) VALUES ($1, $2, {NOW} + $3, 1)
         ON CONFLICT (tailnet) DO UPDATE SET holder = excluded.holder, until = excluded.until,
             epoch = watchers.epoch + 1
         WHERE watchers.until <= {NOW} OR watchers.holder = excluded.holder
         RETURNING epoch, asked",
    );
    let row = sqlx::query(&query)
        .bind(tailnet)
        .bind(holder)
        .bind(micros())
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Renews a lease, as part of what its holder writes. False if somebody else has taken over: then nothing
/// may be written.
pub(super) async fn hold(
    connection: &mut Transaction,
    dialect: Dialect,
    lease: &Lease,
) -> sqlx::Result<bool> {
    let query = dialect.query(
        "UPDATE watchers SET until = {NOW} + $1 WHERE tailnet = $2 AND holder = $3 AND epoch = $4",
    );
    let done = sqlx::query(&query)
        .bind(micros())
        .bind(lease.tailnet)
        .bind(&lease.holder)
        .bind(lease.epoch)
        .execute(&mut **connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn micros() -> i64 {
    i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX)
}
