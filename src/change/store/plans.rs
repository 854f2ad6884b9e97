//! Plans that wait for confirmation. Each can be used once.

use jiff::Timestamp;
use sqlx::Row as _;

use super::{Store, micros};
use crate::client::Result;

/// The result of using a confirmed plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// The plan matches and was not used before.
    Now,
    /// There is no such plan, or it has expired.
    Unknown,
    /// The plan was used already.
    Before,
    /// The plan has this ID but another digest: another caller, another call, or changed resources.
    Differs,
}

/// Letters and digits that cannot be mistaken for each other.
const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// A random ID of eight characters (39 bits). A plan is also bound to its digest, so that is enough.
pub(super) fn random_id() -> String {
    let letter = |_| {
        let index = fastrand::usize(..LETTERS.len());
        LETTERS.get(index).map_or('2', |it| char::from(*it))
    };
    (0..8).map(letter).collect()
}

impl Store {
    /// Stores a plan until `until` and returns a short ID for it.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if the database cannot be written.
    pub async fn remember_plan(&self, digest: &str, until: Timestamp) -> Result<String> {
        let id = random_id();
        sqlx::query("INSERT INTO plans (id, digest, until, used) VALUES ($1, $2, $3, 0)")
            .bind(&id)
            .bind(digest)
            .bind(micros(until))
            .execute(self.pool().await?)
            .await
            .map_err(|error| self.wrong(&error))?;
        Ok(id)
    }

    /// Marks the plan `id` as used, if it has this digest and was not used before.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if the database cannot be written.
    pub async fn use_plan(&self, id: &str, digest: &str) -> Result<Used> {
        let pool = self.pool().await?;
        let used = sqlx::query(
            "UPDATE plans SET used = 1 WHERE id = $1 AND digest = $2 AND used = 0 AND until > $3",
        )
        .bind(id)
        .bind(digest)
        .bind(micros(Timestamp::now()))
        .execute(pool)
        .await
        .map_err(|error| self.wrong(&error))?;
        if used.rows_affected() == 1 {
            return Ok(Used::Now);
        }
        let row = sqlx::query("SELECT digest, used FROM plans WHERE id = $1 AND until > $2")
            .bind(id)
            .bind(micros(Timestamp::now()))
            .fetch_optional(pool)
            .await
            .map_err(|error| self.wrong(&error))?;
        let Some(row) = row else { return Ok(Used::Unknown) };
        let was: i64 = row.try_get("used").map_err(|error| self.wrong(&error))?;
        Ok(if was != 0 { Used::Before } else { Used::Differs })
    }

    /// Marks a one-time ID as used; false if it was used before.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if the database cannot be written.
    pub async fn use_once(&self, id: &str, until: Timestamp) -> Result<bool> {
        let pool = self.pool().await?;
        let query = "INSERT INTO plans (id, digest, until, used) VALUES ($1, '', $2, 1)
                     ON CONFLICT (id) DO NOTHING";
        let done = sqlx::query(query).bind(id).bind(micros(until)).execute(pool).await;
        done.map(|it| it.rows_affected() == 1).map_err(|error| self.wrong(&error))
    }
}
