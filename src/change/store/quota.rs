//! How many changes are left in an hour. Counted where they are recorded, so that servers with one database share
//! one count.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::{AnyConnection, Row as _};

use super::{Store, at, micros};
use crate::{
    Error,
    client::Result,
    database::Dialect,
    words::{counted, to_the_second},
};

/// The lock under which servers on one Postgres database count. In `SQLite` only one writes at a time.
const LOCK: i64 = 7_426_833;

const HOUR: Duration = Duration::from_hours(1);

/// What is left of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// How many more there may be now.
    pub(crate) count: u64,
    /// When there may be as many as were asked for; none if there may never be so many.
    pub(crate) enough_at: Option<Timestamp>,
}

/// What is left of `most` after `used`, in the order of time, if `wanted` more are asked for.
pub(super) fn left(used: &[(i64, u64)], wanted: u64, most: u64, within: Duration) -> Left {
    let mut sum: u64 = used.iter().map(|it| it.1).sum();
    let count = most.saturating_sub(sum);
    let mut enough_at = (wanted <= count).then(Timestamp::now);
    for (when, uses) in used {
        if enough_at.is_some() || wanted > most {
            break;
        }
        sum = sum.saturating_sub(*uses);
        if sum.saturating_add(wanted) <= most {
            enough_at = at(*when).saturating_add(within).ok();
        }
    }
    Left { count, enough_at }
}

pub(super) fn since(within: Duration) -> i64 {
    micros(Timestamp::now().saturating_sub(within).unwrap_or(Timestamp::MIN))
}

pub(super) fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Store {
    /// The same in a transaction, before a change is recorded in it.
    pub(super) async fn allow_count(
        &self,
        connection: &mut AnyConnection,
        tailnet: &str,
        wanted: usize,
        most: u32,
    ) -> Result<()> {
        if wanted == 0 {
            return Ok(());
        }
        let rows = recent_changes(connection, self.dialect, tailnet).await;
        let rows = rows.map_err(|error| self.wrong(&error))?;
        let left = left(&rows, as_u64(wanted), most.into(), HOUR);
        if as_u64(wanted) <= left.count {
            return Ok(());
        }
        let message = format!(
            "nothing was changed: the guardrail `changes_per_hour` allows {most} in an hour, {} left, and \
             this needs {}",
            is_left(left.count),
            counted(wanted, "change", "changes"),
        );
        Err(Error::refused(message, remedy(left, "changes_per_hour")))
    }
}

fn is_left(count: u64) -> String {
    format!("{count} {}", if count == 1 { "is" } else { "are" })
}

/// What to do about a quota that is used up. `name` is the setting.
pub(crate) fn remedy(left: Left, name: &str) -> String {
    match left.enough_at {
        Some(when) => format!("call again after {}", to_the_second(when)),
        None => format!(
            "split it into smaller changes, or ask the administrator of this server to raise `{name}`"
        ),
    }
}

async fn recent_changes(
    connection: &mut AnyConnection,
    dialect: Dialect,
    tailnet: &str,
) -> sqlx::Result<Vec<(i64, u64)>> {
    lock(connection, dialect).await?;
    let query = "SELECT at, counted FROM changes WHERE tailnet = $1 AND at > $2 AND counted > 0
         ORDER BY at";
    let rows = sqlx::query(query).bind(tailnet).bind(since(HOUR)).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

pub(super) async fn lock(connection: &mut AnyConnection, dialect: Dialect) -> sqlx::Result<()> {
    if dialect == Dialect::Postgres {
        let lock = sqlx::query("SELECT 1 FROM pg_advisory_xact_lock($1)").bind(LOCK);
        lock.execute(connection).await?;
    }
    Ok(())
}

pub(super) fn read(row: &sqlx::any::AnyRow) -> sqlx::Result<(i64, u64)> {
    Ok((row.try_get(0)?, u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default()))
}
