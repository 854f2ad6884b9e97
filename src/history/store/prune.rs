//! Deletes what is too old, in small steps, so that nothing waits for it.

use sqlx::AnyPool;

use super::{DAY, History, Lease};
use crate::{client::Result, database::Dialect, history::Seconds};

/// How long things are kept, in days.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Kept {
    /// Single transitions. The newest of each field is always kept.
    pub facts: i64,
    /// Sums by day, and when somebody looked.
    pub days: i64,
    /// Entries of the audit log, and alerts that are over.
    pub events: i64,
    /// Traffic by hour; afterwards by day.
    pub traffic_hours: i64,
    /// Traffic by day.
    pub traffic: i64,
}

impl Default for Kept {
    fn default() -> Self {
        Self { facts: 90, days: 3 * 365, events: 365, traffic_hours: 14, traffic: 365 }
    }
}

/// How many things one step goes through.
const SUBJECTS: i64 = 500;
/// How many rows one step deletes of the tables that are in the order of time.
const ROWS: i64 = 5_000;
/// How many pages of the file are given back in one step.
const PAGES: i64 = 256;

impl History {
    /// Deletes what is older than `kept` says, in many small transactions. Nothing if somebody else has taken
    /// over.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn prune(&self, lease: &Lease, kept: Kept, now: Seconds) -> Result<u64> {
        // Whoever has taken over may not have summed up yet what would be deleted.
        if !self.renew(lease).await? {
            return Ok(0);
        }
        let pruned = self.prune_steps(self.pool().await?, lease, kept, now).await;
        pruned.map_err(|error| self.wrong(&error))
    }

    async fn prune_steps(
        &self,
        pool: &AnyPool,
        lease: &Lease,
        kept: Kept,
        now: Seconds,
    ) -> sqlx::Result<u64> {
        let facts = "DELETE FROM facts WHERE subject > $1 AND subject <= $2 AND at < $3 AND EXISTS
             (SELECT 1 FROM facts AS later WHERE later.subject = facts.subject
              AND later.field = facts.field AND later.at > facts.at AND later.at <= $3)
             AND subject IN (SELECT id FROM watched WHERE tailnet = $4)";
        let last: (Option<i64>,) =
            sqlx::query_as("SELECT MAX(id) FROM watched").fetch_one(pool).await?;
        let (mut deleted, mut at) = (0, 0);
        while at < last.0.unwrap_or_default() {
            let query = sqlx::query(facts).bind(at).bind(at + SUBJECTS);
            let query = query.bind(now - kept.facts * DAY).bind(lease.tailnet);
            deleted += query.execute(pool).await?.rows_affected();
            at += SUBJECTS;
            tokio::task::yield_now().await;
        }
        let steps = [
            (
                "DELETE FROM days WHERE (subject, day) IN (SELECT days.subject, days.day FROM days
                     JOIN watched ON watched.id = days.subject
                     WHERE watched.tailnet = $1 AND days.day < $2 LIMIT $3)",
                now.div_euclid(DAY) - kept.days,
            ),
            (
                "DELETE FROM events WHERE id IN
                     (SELECT id FROM events WHERE tailnet = $1 AND at < $2 LIMIT $3)",
                now - kept.events * DAY,
            ),
            (
                "DELETE FROM spans WHERE tailnet = $1 AND (source, begun) IN
                     (SELECT source, begun FROM spans WHERE tailnet = $1 AND ended < $2 LIMIT $3)",
                now - kept.days * DAY,
            ),
            (
                "DELETE FROM facts WHERE (subject, field, at) IN
                     (SELECT facts.subject, facts.field, facts.at FROM facts
                      JOIN watched ON watched.id = facts.subject
                      WHERE watched.tailnet = $1 AND watched.gone_at < $2 LIMIT $3)",
                now - kept.days * DAY,
            ),
            (
                "DELETE FROM alerts WHERE tailnet = $1 AND id IN
                     (SELECT id FROM alerts WHERE tailnet = $1 AND done < $2 LIMIT $3)",
                now - kept.events * DAY,
            ),
            (
                // Acknowledgements of alerts that are forgotten. Sort 2 is theirs. They have no time; every step
                // takes one.
                "DELETE FROM alert_documents WHERE tailnet = $1 AND sort = 2 AND name IN
                     (SELECT name FROM alert_documents WHERE tailnet = $1 AND sort = 2 AND $2 = $2
                      AND name NOT IN (SELECT id FROM alerts WHERE tailnet = $1) LIMIT $3)",
                0,
            ),
            (
                "DELETE FROM outbox WHERE tailnet = $1 AND (id, receiver) IN (SELECT id, receiver
                     FROM outbox WHERE tailnet = $1 AND made < $2 AND state <> 0 LIMIT $3)",
                now - kept.facts * DAY,
            ),
            (
                "DELETE FROM watched WHERE id IN
                     (SELECT id FROM watched WHERE tailnet = $1 AND gone_at < $2 LIMIT $3)",
                now - kept.days * DAY,
            ),
        ];
        for (step, before) in steps.into_iter().chain(traffic_steps(now - kept.traffic * DAY)) {
            loop {
                let query = sqlx::query(step).bind(lease.tailnet).bind(before).bind(ROWS);
                let rows = query.execute(pool).await?.rows_affected();
                deleted += rows;
                if rows < ROWS.unsigned_abs() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        if self.dialect() == Dialect::Sqlite && deleted > 0 {
            let free = format!("PRAGMA incremental_vacuum({PAGES})");
            sqlx::query(&free).fetch_all(pool).await?;
        }
        Ok(deleted)
    }
}

/// What deletes old traffic: its rows, when it was read, and who had none since.
fn traffic_steps(before: Seconds) -> [(&'static str, Seconds); 3] {
    [
        (
            "DELETE FROM traffic WHERE tailnet = $1 AND
                 (size, begins, sort, one, other, protocol, port) IN
                 (SELECT size, begins, sort, one, other, protocol, port FROM traffic
                  WHERE tailnet = $1 AND begins + size < $2 LIMIT $3)",
            before,
        ),
        (
            "DELETE FROM traffic_read WHERE tailnet = $1 AND (size, begins) IN
                 (SELECT size, begins FROM traffic_read
                  WHERE tailnet = $1 AND begins + size < $2 LIMIT $3)",
            before,
        ),
        (
            "DELETE FROM traffic_ends WHERE id IN
                 (SELECT id FROM traffic_ends WHERE tailnet = $1 AND seen < $2 LIMIT $3)",
            before - DAY,
        ),
    ]
}
