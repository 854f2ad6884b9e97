//! Plans that wait for their confirmation: each may be carried out once.

use jiff::Timestamp;
use sqlx::Row as _;

use super::{Store, micros};
use crate::client::Result;

/// What became of the attempt to use a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// It is this one, and nobody used it before.
    Now,
    /// Nobody made it, or it is too old.
    Unknown,
    /// It was carried out already.
    Before,
    /// It is another's, of another call, or the world has moved since.
    Differs,
}

/// Letters and digits that nobody takes for each other.
const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// Eight of them, which is 39 bits: what it stands for is bound to more than this.
pub(super) fn random_id() -> String {
    let letter = |_| {
        let index = fastrand::usize(..LETTERS.len());
        LETTERS.get(index).map_or('2', |it| char::from(*it))
    };
    (0..8).map(letter).collect()
}

impl Store {
    /// Remembers a plan until `until`, and gives it a short id.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if it cannot be written.
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

    /// Uses the plan `id`, if it is this one and nobody used it before.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if it cannot be written.
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

    /// Marks a seal as used; false if it was before.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if it cannot be written.
    pub async fn use_once(&self, id: &str, until: Timestamp) -> Result<bool> {
        let pool = self.pool().await?;
        let query = "INSERT INTO plans (id, digest, until, used) VALUES ($1, '', $2, 1)
                     ON CONFLICT (id) DO NOTHING";
        let done = sqlx::query(query).bind(id).bind(micros(until)).execute(pool).await;
        done.map(|it| it.rows_affected() == 1).map_err(|error| self.wrong(&error))
    }
}
