//! Whether somebody watches a tailnet, and how to ask for a look.

use std::sync::{Arc, Weak};

use sqlx::Row as _;

use super::History;
use crate::{
    client::Result,
    history::{Kind, Memory, Seconds, Source, source},
};

/// Whether somebody watches a tailnet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Watching {
    /// When the devices were last looked at and the API answered, in seconds since 1970; none if never.
    pub good_at: Option<Seconds>,
    /// Why the last look at the devices failed; none if it worked.
    pub error: Option<String>,
    /// Whether the last good look is so long ago that nothing current is known.
    pub is_stale: bool,
    /// Whether this process watches.
    pub is_here: bool,
}

impl History {
    /// Whether somebody watches a tailnet, and since when not.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn watching(&self, tailnet: &str, now: Seconds) -> Result<Watching> {
        let is_here = self.memory(tailnet).is_some();
        let mut watching = Watching { good_at: None, error: None, is_stale: true, is_here };
        let Some(number) = self.number(tailnet).await? else { return Ok(watching) };
        let query = "SELECT good_at, error,
                 (SELECT COUNT(*) FROM watched WHERE tailnet = $1 AND kind = $3
                  AND gone_at IS NULL) AS devices
             FROM looks WHERE tailnet = $1 AND source = $2";
        let query = sqlx::query(query).bind(number).bind(source::DEVICES);
        let row = query.bind(Kind::Device.number()).fetch_optional(self.pool().await?).await;
        let row = row.map_err(|error| self.wrong(&error))?;
        let Some(row) = row else { return Ok(watching) };
        let read = || {
            let devices: i64 = row.try_get("devices")?;
            Ok((row.try_get("good_at")?, row.try_get("error")?, devices))
        };
        let (good_at, error, devices) = read().map_err(|error| self.wrong(&error))?;
        let gap = Source::devices().of_many(usize::try_from(devices).unwrap_or_default());
        watching.good_at = good_at;
        watching.error = error;
        watching.is_stale = good_at.is_none_or(|at| now - at > gap.longest_gap());
        Ok(watching)
    }

    /// The process that watches a tailnet or last did; none if none ever did.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn holder(&self, tailnet: &str) -> Result<Option<String>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(None) };
        let query = sqlx::query("SELECT holder FROM watchers WHERE tailnet = $1").bind(number);
        let row = query.fetch_optional(self.pool().await?).await;
        let holder = row.and_then(|row| row.map(|row| row.try_get(0)).transpose());
        holder.map_err(|error| self.wrong(&error))
    }

    /// Asks the process that watches a tailnet for a look at these sources before it is time for one. If that is
    /// another process, it hears of it when it renews its lease, and looks at all that webhooks are about.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn look_soon(&self, tailnet: &str, sources: &[&'static str]) -> Result<()> {
        if let Some(memory) = self.memory(tailnet) {
            memory.look_soon(sources);
            return Ok(());
        }
        let Some(number) = self.number(tailnet).await? else { return Ok(()) };
        let query = "UPDATE watchers SET asked = asked + 1 WHERE tailnet = $1";
        let done = sqlx::query(query).bind(number).execute(self.pool().await?).await;
        done.map(drop).map_err(|error| self.wrong(&error))
    }

    /// What this process remembers of a tailnet; none if it does not watch it.
    pub fn memory(&self, tailnet: &str) -> Option<Arc<Memory>> {
        self.memories.lock().ok()?.get(tailnet).and_then(Weak::upgrade)
    }

    pub(in crate::history) fn share(&self, tailnet: &str, memory: &Arc<Memory>) {
        if let Ok(mut memories) = self.memories.lock() {
            memories.insert(tailnet.to_owned(), Arc::downgrade(memory));
        }
    }
}
