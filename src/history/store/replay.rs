//! Reads the past of the things of one source.

use sqlx::{AnyPool, Row as _, any::AnyRow};

use super::{History, read};
use crate::{
    client::Result,
    history::{
        Seconds, Source,
        replay::{Replay, Was},
    },
};

impl History {
    /// The past of the things of a source since a time. None if the tailnet was never watched.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn replay(
        &self,
        tailnet: &str,
        source: &Source,
        since: Seconds,
    ) -> Result<Option<Replay>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(None) };
        let loaded = load(self.pool().await?, number, source, since).await;
        loaded.map(Some).map_err(|error| self.wrong(&error))
    }
}

async fn load(
    pool: &AnyPool,
    tailnet: i64,
    source: &Source,
    since: Seconds,
) -> sqlx::Result<Replay> {
    let things = "SELECT id, key, name, created, first_seen, gone_at FROM watched
         WHERE tailnet = $1 AND kind = $2 AND (gone_at IS NULL OR gone_at > $3)";
    let things = sqlx::query(things).bind(tailnet).bind(source.kind.number()).bind(since);
    let was = |row: &AnyRow| {
        Ok(Was {
            id: row.try_get("id")?,
            key: row.try_get::<String, _>("key")?.into(),
            name: row.try_get::<String, _>("name")?.into(),
            created: row.try_get("created")?,
            first_seen: row.try_get("first_seen")?,
            gone_at: row.try_get("gone_at")?,
        })
    };
    let things: sqlx::Result<Vec<Was>> = things.fetch_all(pool).await?.iter().map(was).collect();
    // The newest before that time too: what a field was when it begins.
    let facts = "SELECT facts.subject, facts.field, facts.at, facts.value FROM facts
         JOIN watched ON watched.id = facts.subject
         WHERE watched.tailnet = $1 AND watched.kind = $2
         AND (watched.gone_at IS NULL OR watched.gone_at > $3)
         AND facts.at >= COALESCE((SELECT MAX(before.at) FROM facts AS before
             WHERE before.subject = facts.subject AND before.field = facts.field
             AND before.at <= $3), 0)";
    let facts = sqlx::query(facts).bind(tailnet).bind(source.kind.number()).bind(since);
    let mut read = Vec::new();
    for row in facts.fetch_all(pool).await? {
        if let Some(fact) = read::fact(&row)? {
            read.push((row.try_get::<i64, _>("subject")?, fact));
        }
    }
    let spans = "SELECT begun, ended FROM spans WHERE tailnet = $1 AND source = $2 ORDER BY begun";
    let spans = sqlx::query(spans).bind(tailnet).bind(source.number).fetch_all(pool).await?;
    let span = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
    let spans: sqlx::Result<Vec<(i64, i64)>> = spans.iter().map(span).collect();
    Ok(Replay::new(source, things?, read, spans?.into_iter().collect()))
}
