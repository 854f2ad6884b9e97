//! Sums by day, which stay when the single transitions are deleted.

use serde_json::{Value, json};
use sqlx::{AnyPool, Row as _};

use super::{DAY, Held, History, Lease};
use crate::{
    client::Result,
    history::{Kind, Seconds, uptime::uptime},
};

/// How many days one run sums up at the most, so that it stays short.
const DAYS_AT_ONCE: i64 = 30;

/// What is known of a device over several days.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DaySums {
    /// Its node ID.
    pub key: String,
    /// Seconds that are known.
    pub watched: Seconds,
    /// Seconds of these in which it was connected.
    pub up: Seconds,
    /// How often a connection ended.
    pub disconnects: i64,
    /// The longest time without a connection within one day, in seconds.
    pub outage: Seconds,
}

impl History {
    /// Sums up the days that are over (UTC). Returns how many days are still to do: not 0 if somebody else
    /// has taken over.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn sum_up(&self, lease: &Lease, tailnet: &str, now: Seconds) -> Result<i64> {
        let today = now.div_euclid(DAY);
        let Some(since) = self.watched_since(tailnet).await? else { return Ok(0) };
        let done = sqlx::query("SELECT rolled_until FROM watched_tailnets WHERE id = $1");
        let done = done.bind(lease.tailnet).fetch_one(self.pool().await?).await;
        let done: i64 = done.and_then(|row| row.try_get(0)).map_err(|error| self.wrong(&error))?;
        let first = done.max(since.div_euclid(DAY));
        let last = today.min(first + DAYS_AT_ONCE);
        for day in first..last {
            let rows = self.sums_of(tailnet, day).await?;
            let written = self.write_day(self.pool().await?, lease, day, &rows).await;
            if written.map_err(|error| self.wrong(&error))? == Held::No {
                return Ok(today - day);
            }
        }
        Ok((today - last).max(0))
    }

    /// The sums of one day: by key, watched, up, disconnects, outage.
    async fn sums_of(&self, tailnet: &str, day: i64) -> Result<Vec<Value>> {
        let (from, to) = (day * DAY, (day + 1) * DAY);
        // What was found after the day says how it ended; see `uptime`.
        let spans = self.spans(tailnet, from - 400 * DAY, Seconds::MAX).await?.unwrap_or_default();
        let devices = self.devices(tailnet, from, None).await?;
        let row = |seen: &super::Seen| {
            let end = seen.gone_at.map_or(to, |gone| gone.min(to));
            let it = uptime(&seen.states, &spans, (from, end), seen.created);
            let outage = it.longest_outage.map_or(0, |it| it.to - it.from);
            (it.watched > 0).then(|| json!([seen.key, it.watched, it.up, it.disconnects, outage]))
        };
        Ok(devices.iter().filter_map(row).collect())
    }

    async fn write_day(
        &self,
        pool: &AnyPool,
        lease: &Lease,
        day: i64,
        rows: &[Value],
    ) -> sqlx::Result<Held> {
        let Some(mut transaction) = self.held(pool, lease).await? else { return Ok(Held::No) };
        let insert = self.dialect().query(
            "INSERT INTO days (subject, day, watched, up, disconnects, outage)
             SELECT watched.id, CAST($2 AS BIGINT), CAST(it.value->>1 AS BIGINT),
                 CAST(it.value->>2 AS BIGINT), CAST(it.value->>3 AS BIGINT),
                 CAST(it.value->>4 AS BIGINT)
             FROM {ROWS} JOIN watched ON watched.key = it.value->>0 AND watched.tailnet = $3
                 AND watched.kind = $4 WHERE true
             ON CONFLICT (subject, day) DO UPDATE SET watched = excluded.watched, up = excluded.up,
                 disconnects = excluded.disconnects, outage = excluded.outage",
        );
        for chunk in rows.chunks(10_000) {
            sqlx::query(&insert)
                .bind(serde_json::to_string(chunk).unwrap_or_default())
                .bind(day)
                .bind(lease.tailnet)
                .bind(Kind::Device.number())
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("UPDATE watched_tailnets SET rolled_until = $1 WHERE id = $2")
            .bind(day + 1)
            .bind(lease.tailnet)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Held::Yes)
    }

    /// The sums of the days from `first` to before `last`, counted from 1970 (UTC).
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn days(&self, tailnet: &str, first: i64, last: i64) -> Result<Vec<DaySums>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let rows = sqlx::query(
            "SELECT watched.key, CAST(SUM(days.watched) AS BIGINT) AS known,
                 CAST(SUM(days.up) AS BIGINT) AS up, CAST(SUM(days.disconnects) AS BIGINT) AS ends,
                 MAX(days.outage) AS outage
             FROM days JOIN watched ON watched.id = days.subject
             WHERE watched.tailnet = $1 AND watched.kind = $2 AND days.day >= $3 AND days.day < $4
             GROUP BY watched.key",
        );
        let rows = rows.bind(number).bind(Kind::Device.number()).bind(first).bind(last);
        let rows = rows.fetch_all(self.pool().await?).await.map_err(|error| self.wrong(&error))?;
        let sums = rows.iter().map(|row| {
            Ok(DaySums {
                key: row.try_get("key")?,
                watched: row.try_get("known")?,
                up: row.try_get("up")?,
                disconnects: row.try_get("ends")?,
                outage: row.try_get("outage")?,
            })
        });
        sums.collect::<sqlx::Result<_>>().map_err(|error| self.wrong(&error))
    }
}
