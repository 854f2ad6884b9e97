//! Reports, with what the next one is compared with.

use sqlx::{Row as _, any::AnyRow};

use super::History;
use crate::{client::Result, history::Seconds};

/// A report that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptReport {
    /// Its ID, such as `20261129-030116482`: when it was made, in UTC, to the millisecond.
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub at: Seconds,
    /// Whether it was made because it was due, and not because somebody asked for it.
    pub is_scheduled: bool,
}

impl KeptReport {
    /// A report with this ID that was made then.
    pub fn new(id: String, at: Seconds, is_scheduled: bool) -> Self {
        Self { id, at, is_scheduled }
    }
}

impl History {
    /// Keeps a report: its JSON, and what the next one is compared with.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn record_report(
        &self,
        tailnet: &str,
        it: &KeptReport,
        report: &str,
        facts: &str,
    ) -> Result<()> {
        let number = self.numbered(tailnet).await?;
        let query = "INSERT INTO reports (tailnet, id, at, scheduled, report, facts)
             VALUES ($1, $2, $3, $4, $5, $6)";
        let query = sqlx::query(query).bind(number).bind(&it.id).bind(it.at);
        let query = query.bind(i64::from(it.is_scheduled)).bind(report).bind(facts);
        query.execute(self.pool().await?).await.map(drop).map_err(|error| self.wrong(&error))
    }

    /// The reports that are kept, the newest first.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn reports(&self, tailnet: &str) -> Result<Vec<KeptReport>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let query = "SELECT id, at, scheduled FROM reports WHERE tailnet = $1 ORDER BY id DESC";
        let rows = sqlx::query(query).bind(number).fetch_all(self.pool().await?).await;
        let read = |row: &AnyRow| {
            let is_scheduled = row.try_get::<i64, _>("scheduled")? != 0;
            Ok(KeptReport { id: row.try_get("id")?, at: row.try_get("at")?, is_scheduled })
        };
        let rows = rows.and_then(|rows| rows.iter().map(read).collect());
        rows.map_err(|error| self.wrong(&error))
    }

    /// The JSON of a report, and what the next one is compared with.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn report(&self, tailnet: &str, id: &str) -> Result<Option<(String, String)>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(None) };
        let query = "SELECT report, facts FROM reports WHERE tailnet = $1 AND id = $2";
        let row = sqlx::query(query).bind(number).bind(id);
        let row = row.fetch_optional(self.pool().await?).await;
        let read = |row: AnyRow| Ok((row.try_get("report")?, row.try_get("facts")?));
        row.and_then(|row| row.map(read).transpose()).map_err(|error| self.wrong(&error))
    }

    /// Removes all but the newest `most` reports: of those that were scheduled, or of the others.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn keep_reports(&self, tailnet: &str, is_scheduled: bool, most: usize) -> Result<()> {
        let Some(number) = self.number(tailnet).await? else { return Ok(()) };
        // IDs are in the order of time.
        let query = "DELETE FROM reports WHERE tailnet = $1 AND scheduled = $2 AND id < COALESCE(
             (SELECT id FROM reports WHERE tailnet = $1 AND scheduled = $2
              ORDER BY id DESC LIMIT 1 OFFSET $3), '')";
        let most = i64::try_from(most.saturating_sub(1)).unwrap_or(i64::MAX);
        let query = sqlx::query(query).bind(number).bind(i64::from(is_scheduled)).bind(most);
        query.execute(self.pool().await?).await.map(drop).map_err(|error| self.wrong(&error))
    }
}
