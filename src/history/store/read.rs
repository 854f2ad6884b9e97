//! Reads what is remembered.

use std::collections::HashMap;

use sqlx::{AnyPool, Row as _, any::AnyRow};

use super::History;
use crate::{
    client::Result,
    history::{
        Connection, Event, Fact, Field, Kind, Known, Lease, Seconds, Spans, diff::Thing, source,
        uptime::States,
    },
};

/// A device that was seen, and its connection over time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Seen {
    /// Its node ID.
    pub key: String,
    /// Its name when it was last seen.
    pub name: String,
    /// When it was added to the tailnet, in seconds since 1970.
    pub created: Option<Seconds>,
    /// When it was first seen.
    pub first_seen: Seconds,
    /// Since when it is gone; none while it is there.
    pub gone_at: Option<Seconds>,
    /// Its connection, since the last change before the time that was asked for.
    pub states: States,
}

/// How the last look at a source went.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LookedAt {
    /// The source's name.
    pub source: String,
    /// When it was last tried, in seconds since 1970.
    pub tried_at: Seconds,
    /// When it last worked.
    pub good_at: Option<Seconds>,
    /// Why it failed; none if it worked.
    pub error: Option<String>,
}

/// A field of a device took another value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// When, in seconds since 1970.
    pub at: Seconds,
    /// The field.
    pub field: Field,
    /// The value before; empty if it was false, absent or empty, or if none is known.
    pub from: String,
    /// The value after.
    pub to: String,
}

impl History {
    /// What is remembered of the things of one kind, to compare the next look with.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn known(&self, lease: &Lease, source: &source::Source) -> Result<Known> {
        let loaded = load(self.pool().await?, lease.tailnet, source).await;
        loaded.map_err(|error| self.wrong(&error))
    }

    /// What was last seen of the things of one kind. None if the tailnet was never watched.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn last_seen(&self, tailnet: &str, source: &source::Source) -> Result<Option<Known>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(None) };
        let loaded = load(self.pool().await?, number, source).await;
        loaded.map(Some).map_err(|error| self.wrong(&error))
    }

    /// When somebody looked at the devices of a tailnet, between two times. None if nobody ever did.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn spans(&self, tailnet: &str, from: Seconds, to: Seconds) -> Result<Option<Spans>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(None) };
        let rows = sqlx::query(
            "SELECT begun, ended FROM spans WHERE tailnet = $1 AND source = $2 AND ended >= $3
             AND begun <= $4 ORDER BY begun",
        );
        let rows = rows.bind(number).bind(source::DEVICES).bind(from).bind(to);
        let rows = rows.fetch_all(self.pool().await?).await.map_err(|error| self.wrong(&error))?;
        let span = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
        let spans: sqlx::Result<Vec<_>> = rows.iter().map(span).collect();
        spans.map(|it| Some(it.into_iter().collect())).map_err(|error| self.wrong(&error))
    }

    /// When a source was last looked at, and the look worked.
    pub(crate) async fn last_look(
        &self,
        lease: &Lease,
        source: &source::Source,
    ) -> Result<Option<Seconds>> {
        let last = sqlx::query("SELECT MAX(ended) FROM spans WHERE tailnet = $1 AND source = $2");
        let last = last.bind(lease.tailnet).bind(source.number);
        let last = last.fetch_one(self.pool().await?).await;
        last.and_then(|row| row.try_get(0)).map_err(|error| self.wrong(&error))
    }

    /// Since when somebody has looked at the devices of a tailnet, with or without gaps.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn watched_since(&self, tailnet: &str) -> Result<Option<Seconds>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(None) };
        let first = sqlx::query("SELECT MIN(begun) FROM spans WHERE tailnet = $1 AND source = $2");
        let first = first.bind(number).bind(source::DEVICES).fetch_one(self.pool().await?).await;
        first.and_then(|row| row.try_get(0)).map_err(|error| self.wrong(&error))
    }

    /// The devices that were there after `from`, with their connection since then. With `key`, only the
    /// device with this node ID.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn devices(
        &self,
        tailnet: &str,
        from: Seconds,
        key: Option<&str>,
    ) -> Result<Vec<Seen>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let rows = sqlx::query(
            "SELECT watched.key, watched.name, watched.created, watched.first_seen, watched.gone_at,
                 (SELECT string_agg(CAST(facts.at AS TEXT) || facts.value, ',') FROM facts
                  WHERE facts.subject = watched.id AND facts.field = $3 AND facts.at >= COALESCE(
                      (SELECT MAX(before.at) FROM facts AS before WHERE before.subject = watched.id
                       AND before.field = $3 AND before.at <= $4), 0)) AS states
             FROM watched WHERE watched.tailnet = $1 AND watched.kind = $2
             AND (watched.gone_at IS NULL OR watched.gone_at > $4) AND ($5 = '' OR watched.key = $5)",
        );
        let rows = rows
            .bind(number)
            .bind(Kind::Device.number())
            .bind(Field::ONLINE.number())
            .bind(from)
            .bind(key.unwrap_or_default());
        let rows = rows.fetch_all(self.pool().await?).await.map_err(|error| self.wrong(&error))?;
        let seen: sqlx::Result<Vec<Seen>> = rows.iter().map(seen).collect();
        seen.map_err(|error| self.wrong(&error))
    }

    /// What changed about a device, the newest first.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn transitions(
        &self,
        tailnet: &str,
        key: &str,
        since: Seconds,
    ) -> Result<Vec<Transition>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let rows = sqlx::query(
            "SELECT facts.subject, facts.field, facts.at, facts.value FROM facts
             JOIN watched ON watched.id = facts.subject
             WHERE watched.tailnet = $1 AND watched.kind = $2 AND watched.key = $3
             ORDER BY facts.field, facts.at",
        );
        let rows = rows.bind(number).bind(Kind::Device.number()).bind(key);
        let rows = rows.fetch_all(self.pool().await?).await.map_err(|error| self.wrong(&error))?;
        let facts: sqlx::Result<Vec<Option<Fact>>> = rows.iter().map(fact).collect();
        let facts = facts.map_err(|error| self.wrong(&error))?;
        let mut before: Option<Fact> = None;
        let mut all = Vec::new();
        for fact in facts.into_iter().flatten() {
            let from = before.filter(|it| it.field == fact.field).map(|it| it.value);
            all.push(Transition {
                at: fact.at,
                field: fact.field,
                from: from.unwrap_or_default().into(),
                to: fact.value.to_string(),
            });
            before = Some(fact);
        }
        all.retain(|it| it.at >= since);
        all.sort_by_key(|it| std::cmp::Reverse(it.at));
        Ok(all)
    }

    /// The IDs of devices that had `value` in a field at some time since `since`.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn had(
        &self,
        tailnet: &str,
        field: Field,
        value: &str,
        since: Seconds,
    ) -> Result<Vec<String>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let rows = sqlx::query(
            "SELECT DISTINCT watched.key FROM facts JOIN watched ON watched.id = facts.subject
             WHERE watched.tailnet = $1 AND watched.kind = $2 AND facts.field = $3
             AND facts.value = $4 AND (facts.at >= $5 OR NOT EXISTS
                 (SELECT 1 FROM facts AS later WHERE later.subject = facts.subject
                  AND later.field = facts.field AND later.at > facts.at AND later.at < $5))",
        );
        let rows = rows.bind(number).bind(Kind::Device.number()).bind(field.number());
        let rows = rows.bind(value).bind(since).fetch_all(self.pool().await?).await;
        let keys = rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
        keys.map_err(|error| self.wrong(&error))
    }

    /// How often each device lost its connection since a time, by node ID.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn lost(&self, tailnet: &str, since: Seconds) -> Result<HashMap<String, usize>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(HashMap::new()) };
        let rows = sqlx::query(
            "SELECT watched.key, COUNT(*) AS times FROM facts
             JOIN watched ON watched.id = facts.subject
             WHERE watched.tailnet = $1 AND watched.kind = $2 AND facts.field = $3
             AND facts.value IN ('0', 'd') AND facts.at >= $4 GROUP BY watched.key",
        );
        let rows = rows.bind(number).bind(Kind::Device.number()).bind(Field::ONLINE.number());
        let rows = rows.bind(since).fetch_all(self.pool().await?).await;
        let count = |row: &AnyRow| {
            let times: i64 = row.try_get("times")?;
            Ok((row.try_get("key")?, usize::try_from(times).unwrap_or_default()))
        };
        let counts = rows.and_then(|rows| rows.iter().map(count).collect());
        counts.map_err(|error| self.wrong(&error))
    }

    /// The newest entries of the audit log since a time, the newest first.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn events(&self, tailnet: &str, since: Seconds, limit: usize) -> Result<Vec<Event>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let rows = sqlx::query(
            "SELECT at, action, target, target_id, property, actor, entry, actor_kind, value FROM events
             WHERE tailnet = $1 AND at >= $2 ORDER BY at DESC, id DESC LIMIT $3",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = rows.bind(number).bind(since).bind(limit).fetch_all(self.pool().await?).await;
        let rows = rows.map_err(|error| self.wrong(&error))?;
        let events: sqlx::Result<Vec<Event>> = rows.iter().map(event).collect();
        events.map_err(|error| self.wrong(&error))
    }

    /// How the last look at each source of a tailnet went.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn looks(&self, tailnet: &str) -> Result<Vec<LookedAt>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let rows = sqlx::query(
            "SELECT source, tried_at, good_at, error FROM looks WHERE tailnet = $1 ORDER BY source",
        );
        let rows = rows.bind(number).fetch_all(self.pool().await?).await;
        let rows = rows.map_err(|error| self.wrong(&error))?;
        let mut sources = source::Source::all();
        sources.push(source::Source::flow_logs());
        let look = |row: &AnyRow| {
            let number: i64 = row.try_get("source")?;
            let source =
                sources.iter().find(|it| it.number == number).map_or("other", |it| it.name);
            Ok(LookedAt {
                source: source.to_owned(),
                tried_at: row.try_get("tried_at")?,
                good_at: row.try_get("good_at")?,
                error: row.try_get("error")?,
            })
        };
        let looks: sqlx::Result<Vec<LookedAt>> = rows.iter().map(look).collect();
        looks.map_err(|error| self.wrong(&error))
    }
}

fn event(row: &AnyRow) -> sqlx::Result<Event> {
    Ok(Event {
        at: row.try_get("at")?,
        action: row.try_get("action")?,
        target: row.try_get("target")?,
        target_id: row.try_get("target_id")?,
        property: row.try_get("property")?,
        actor: row.try_get("actor")?,
        entry: row.try_get("entry")?,
        actor_kind: row.try_get("actor_kind")?,
        value: row.try_get("value")?,
    })
}

async fn load(pool: &AnyPool, tailnet: i64, source: &source::Source) -> sqlx::Result<Known> {
    let mut known = Known::default();
    let mut keys = HashMap::new();
    let things = "SELECT id, key, name, created FROM watched
         WHERE tailnet = $1 AND kind = $2 AND gone_at IS NULL";
    let things = sqlx::query(things).bind(tailnet).bind(source.kind.number());
    for row in things.fetch_all(pool).await? {
        let (id, key): (i64, String) = (row.try_get("id")?, row.try_get("key")?);
        let name: String = row.try_get("name")?;
        keys.insert(id, key.clone());
        let created = row.try_get("created")?;
        known.things.insert(key.into(), Thing::new(id, &name, created));
    }
    let newest = "SELECT facts.subject, facts.field, facts.at, facts.value FROM facts JOIN
             (SELECT subject, field, MAX(at) AS at FROM facts WHERE subject IN
                 (SELECT id FROM watched WHERE tailnet = $1 AND kind = $2 AND gone_at IS NULL)
              GROUP BY subject, field) AS newest
         ON facts.subject = newest.subject AND facts.field = newest.field
             AND facts.at = newest.at";
    let newest = sqlx::query(newest).bind(tailnet).bind(source.kind.number());
    for row in newest.fetch_all(pool).await? {
        let thing = keys.get(&row.try_get::<i64, _>("subject")?);
        let thing = thing.and_then(|key| known.things.get_mut(&**key));
        if let (Some(thing), Some(fact)) = (thing, fact(&row)?) {
            thing.take(&fact);
        }
    }
    let last = sqlx::query("SELECT MAX(ended) FROM spans WHERE tailnet = $1 AND source = $2");
    let last = last.bind(tailnet).bind(source.number).fetch_one(pool).await?;
    known.looked_at = last.try_get(0)?;
    Ok(known)
}

/// A fact; none if a later program wrote a field that this one does not know.
pub(super) fn fact(row: &AnyRow) -> sqlx::Result<Option<Fact>> {
    let Some(field) = Field::numbered(row.try_get("field")?) else { return Ok(None) };
    let value: String = row.try_get("value")?;
    Ok(Some(Fact { field, at: row.try_get("at")?, value: value.into() }))
}

fn seen(row: &AnyRow) -> sqlx::Result<Seen> {
    let states: Option<String> = row.try_get("states")?;
    Ok(Seen {
        key: row.try_get("key")?,
        name: row.try_get("name")?,
        created: row.try_get("created")?,
        first_seen: row.try_get("first_seen")?,
        gone_at: row.try_get("gone_at")?,
        states: states.as_deref().map(states_of).unwrap_or_default(),
    })
}

/// The states in `17000000001,17000000600`: a time, and the word of a state behind it.
fn states_of(text: &str) -> States {
    let state = |it: &str| {
        let at = it.len().checked_sub(1)?;
        let (time, word) = (it.get(..at)?, it.get(at..)?);
        Some((time.parse().ok()?, Connection::of(word)))
    };
    let mut states: States = text.split(',').filter_map(state).collect();
    states.sort_by_key(|it| it.0);
    states
}
