//! Results of audits, and findings that somebody accepted.

use serde_json::Value;
use sqlx::{Row as _, any::AnyRow};

use super::History;
use crate::{client::Result, history::Seconds};

/// How many results of audits are kept.
const AUDITS: i64 = 400;

/// A finding that somebody accepted, until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// ID of the check.
    pub check: String,
    /// ID of what it is about; empty for all.
    pub subject: String,
    /// Who accepted it.
    pub principal: String,
    /// Why.
    pub reason: String,
    /// When it ends, in seconds since 1970.
    pub until: Seconds,
}

impl Accepted {
    /// A finding that is accepted.
    pub fn new(check: &str, subject: &str, principal: &str, reason: &str, until: Seconds) -> Self {
        let [check, subject, principal, reason] =
            [check, subject, principal, reason].map(str::to_owned);
        Self { check, subject, principal, reason, until }
    }
}

impl History {
    /// Keeps the result of an audit.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn record_audit(&self, tailnet: &str, at: Seconds, result: &Value) -> Result<()> {
        let number = self.numbered(tailnet).await?;
        let pool = self.pool().await?;
        let written = async {
            sqlx::query(
                "INSERT INTO audits (tailnet, at, result) VALUES ($1, $2, $3)
                 ON CONFLICT (tailnet, at) DO UPDATE SET result = excluded.result",
            )
            .bind(number)
            .bind(at)
            .bind(result.to_string())
            .execute(pool)
            .await?;
            let old = "DELETE FROM audits WHERE tailnet = $1 AND at <= (SELECT at FROM audits
                 WHERE tailnet = $1 ORDER BY at DESC LIMIT 1 OFFSET $2)";
            sqlx::query(old).bind(number).bind(AUDITS).execute(pool).await.map(drop)
        };
        written.await.map_err(|error| self.wrong(&error))
    }

    /// The result of the last audit, and when it was.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn last_audit(&self, tailnet: &str) -> Result<Option<(Seconds, Value)>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(None) };
        let query = "SELECT at, result FROM audits WHERE tailnet = $1 ORDER BY at DESC LIMIT 1";
        let row = sqlx::query(query).bind(number).fetch_optional(self.pool().await?).await;
        let read = |row: AnyRow| {
            let result: String = row.try_get("result")?;
            Ok((row.try_get("at")?, serde_json::from_str(&result).unwrap_or_default()))
        };
        row.and_then(|row| row.map(read).transpose()).map_err(|error| self.wrong(&error))
    }

    /// The findings that are accepted at `now`.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn accepted(&self, tailnet: &str, now: Seconds) -> Result<Vec<Accepted>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let query = "SELECT check_id, subject, principal, reason, until FROM exceptions
             WHERE tailnet = $1 AND until > $2 ORDER BY check_id, subject";
        let rows = sqlx::query(query).bind(number).bind(now).fetch_all(self.pool().await?).await;
        let read = |row: &AnyRow| {
            Ok(Accepted {
                check: row.try_get("check_id")?,
                subject: row.try_get("subject")?,
                principal: row.try_get("principal")?,
                reason: row.try_get("reason")?,
                until: row.try_get("until")?,
            })
        };
        let rows = rows.and_then(|rows| rows.iter().map(read).collect());
        rows.map_err(|error| self.wrong(&error))
    }

    /// Accepts a finding, in place of what was accepted of it before.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn accept(&self, tailnet: &str, it: &Accepted, now: Seconds) -> Result<()> {
        let number = self.numbered(tailnet).await?;
        let query = "INSERT INTO exceptions
                 (tailnet, check_id, subject, principal, reason, made, until)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tailnet, check_id, subject) DO UPDATE SET principal = excluded.principal,
                 reason = excluded.reason, made = excluded.made, until = excluded.until";
        let query = sqlx::query(query).bind(number).bind(&it.check).bind(&it.subject);
        let query = query.bind(&it.principal).bind(&it.reason).bind(now).bind(it.until);
        let done = query.execute(self.pool().await?).await;
        done.map(drop).map_err(|error| self.wrong(&error))
    }

    /// Accepts a finding no longer.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn reject(&self, tailnet: &str, check: &str, subject: &str) -> Result<()> {
        let Some(number) = self.number(tailnet).await? else { return Ok(()) };
        let query = "DELETE FROM exceptions WHERE tailnet = $1 AND check_id = $2 AND subject = $3";
        let query = sqlx::query(query).bind(number).bind(check).bind(subject);
        query.execute(self.pool().await?).await.map(drop).map_err(|error| self.wrong(&error))
    }
}
