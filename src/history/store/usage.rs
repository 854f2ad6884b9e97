//! Counts over all devices of a tailnet: by day, and the values of one field over time.

use std::ops::Range;

use sqlx::{Row as _, any::AnyRow};

use super::History;
use crate::{
    client::Result,
    history::{Field, Kind, Seconds},
};

/// What is known of the own devices of a tailnet that are not ephemeral, in one or several days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DayCounts {
    /// The first day, counted from 1970 (UTC).
    pub first: i64,
    /// How many devices were connected at some time.
    pub connected: u64,
    /// How many users these belong to, without the tagged ones. Who owns them now counts.
    pub users: u64,
    /// Seconds in which devices were connected, of all of them together.
    pub up: Seconds,
}

/// A device had a value in a field, from a time on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Valued {
    /// Its node ID.
    pub key: String,
    /// Since when, in seconds since 1970.
    pub at: Seconds,
    /// The value; empty if it is false, absent or empty.
    pub value: String,
}

impl History {
    /// Until before which day there are sums, counted from 1970 (UTC). 0 if there are none.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn summed_until(&self, tailnet: &str) -> Result<i64> {
        let Some(number) = self.number(tailnet).await? else { return Ok(0) };
        let until = sqlx::query("SELECT rolled_until FROM watched_tailnets WHERE id = $1");
        let until = until.bind(number).fetch_one(self.pool().await?).await;
        until.and_then(|row| row.try_get(0)).map_err(|error| self.wrong(&error))
    }

    /// Counts of the `days`, counted from 1970 (UTC), from their sums: one for each `size` days of which
    /// something is known.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn counts_by_day(
        &self,
        tailnet: &str,
        days: Range<i64>,
        size: i64,
    ) -> Result<Vec<DayCounts>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        // The owners are found once for each device, not once for each day.
        let rows = sqlx::query(
            "WITH own AS MATERIALIZED (
                 SELECT watched.id AS id, CASE WHEN COALESCE(
                     (SELECT tags.value FROM facts AS tags WHERE tags.subject = watched.id
                      AND tags.field = $3 ORDER BY tags.at DESC LIMIT 1), '') = '' THEN
                     (SELECT users.value FROM facts AS users WHERE users.subject = watched.id
                      AND users.field = $4 ORDER BY users.at DESC LIMIT 1) END AS owner
                 FROM watched WHERE watched.tailnet = $1 AND watched.kind = $2 AND NOT EXISTS
                     (SELECT 1 FROM facts AS other WHERE other.subject = watched.id
                      AND other.field IN ($5, $6) AND other.value = '1'))
             SELECT (days.day - $7) / $9 AS part, CAST(SUM(days.up) AS BIGINT) AS up,
                 COUNT(DISTINCT CASE WHEN days.up > 0 THEN days.subject END) AS connected,
                 COUNT(DISTINCT CASE WHEN days.up > 0 AND own.owner <> '' THEN own.owner END) AS users
             FROM own JOIN days ON days.subject = own.id WHERE days.day >= $7 AND days.day < $8
             GROUP BY part ORDER BY part",
        );
        let rows = rows
            .bind(number)
            .bind(Kind::Device.number())
            .bind(Field::TAGS.number())
            .bind(Field::USER.number())
            .bind(Field::IS_EXTERNAL.number())
            .bind(Field::IS_EPHEMERAL.number())
            .bind(days.start)
            .bind(days.end)
            .bind(size.max(1));
        let rows = rows.fetch_all(self.pool().await?).await.map_err(|error| self.wrong(&error))?;
        let counts = |row: &AnyRow| {
            let count =
                |name: &str| row.try_get::<i64, _>(name).map(|it| it.try_into().unwrap_or(0));
            Ok(DayCounts {
                first: days.start + row.try_get::<i64, _>("part")? * size.max(1),
                connected: count("connected")?,
                users: count("users")?,
                up: row.try_get("up")?,
            })
        };
        let counts: sqlx::Result<Vec<DayCounts>> = rows.iter().map(counts).collect();
        counts.map_err(|error| self.wrong(&error))
    }

    /// The values of one field of the devices that were there after `since`, in the order of time: those that it
    /// took since then, and the last one before.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn values(&self, tailnet: &str, field: Field, since: Seconds) -> Result<Vec<Valued>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let rows = sqlx::query(
            "SELECT watched.key, facts.at, facts.value FROM facts
             JOIN watched ON watched.id = facts.subject
             WHERE watched.tailnet = $1 AND watched.kind = $2 AND facts.field = $3
             AND (watched.gone_at IS NULL OR watched.gone_at > $4)
             AND facts.at >= COALESCE((SELECT MAX(before.at) FROM facts AS before
                 WHERE before.subject = facts.subject AND before.field = facts.field
                 AND before.at <= $4), 0)
             ORDER BY facts.at",
        );
        let rows = rows.bind(number).bind(Kind::Device.number()).bind(field.number()).bind(since);
        let rows = rows.fetch_all(self.pool().await?).await.map_err(|error| self.wrong(&error))?;
        let read = |row: &AnyRow| {
            Ok(Valued {
                key: row.try_get("key")?,
                at: row.try_get("at")?,
                value: row.try_get("value")?,
            })
        };
        let values: sqlx::Result<Vec<Valued>> = rows.iter().map(read).collect();
        values.map_err(|error| self.wrong(&error))
    }
}
