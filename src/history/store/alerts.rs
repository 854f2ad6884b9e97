//! What is kept of alerts: rules, alerts, acknowledgements, mutes and what is still to be delivered, each as
//! its owner writes it.

use sqlx::{AnyConnection, Row as _, any::AnyRow};

use super::{Held, History, Lease};
use crate::{client::Result, history::Seconds};

/// The kind of a stored document about alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertDocument {
    /// A rule, by its name.
    Rule,
    /// An acknowledgement, by the ID of its alert.
    Acknowledgement,
    /// A mute, by its ID.
    Mute,
}

impl AlertDocument {
    fn number(self) -> i64 {
        match self {
            Self::Rule => 1,
            Self::Acknowledgement => 2,
            Self::Mute => 3,
        }
    }
}

/// An alert, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAlert {
    /// Its ID.
    pub id: String,
    /// Since when, in seconds since 1970.
    pub since: Seconds,
    /// When it ended; none while it is not over, or its end is not notified.
    pub done: Option<Seconds>,
    /// The alert as JSON.
    pub body: String,
}

/// Something to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its ID, the same for each try.
    pub id: String,
    /// The receiver.
    pub receiver: String,
    /// The notice as JSON.
    pub body: String,
    /// How often it was tried.
    pub tries: i64,
    /// When it was queued, in seconds since 1970.
    pub made: Seconds,
    /// Why the last try failed.
    pub error: Option<String>,
}

/// How a try to deliver ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It was delivered.
    Done,
    /// Tried again at this time, in seconds since 1970, and why the last try failed.
    Again(Seconds, String),
    /// It is given up.
    GivenUp(String),
}

/// What an evaluation of rules changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct AlertChanges<'a> {
    /// Alerts that are not what they were.
    pub changed: &'a [KeptAlert],
    /// IDs of alerts that are to be forgotten.
    pub dropped: &'a [String],
    /// What is to be delivered.
    pub outgoing: &'a [Outgoing],
    /// Whether other alerts fire than before.
    pub is_news: bool,
}

const WAITING: i64 = 0;
const DELIVERED: i64 = 1;
const GIVEN_UP: i64 = 2;

impl History {
    /// The documents of one sort, by name.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn alert_documents(
        &self,
        tailnet: &str,
        document: AlertDocument,
    ) -> Result<Vec<(String, String)>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let query = "SELECT name, body FROM alert_documents WHERE tailnet = $1 AND sort = $2
             ORDER BY name";
        let query = sqlx::query(query).bind(number).bind(document.number());
        let rows = query.fetch_all(self.pool().await?).await;
        let read = |row: &AnyRow| Ok((row.try_get("name")?, row.try_get("body")?));
        let read = rows.and_then(|rows| rows.iter().map(read).collect());
        read.map_err(|error| self.wrong(&error))
    }

    /// Writes a document, or removes it.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    pub async fn write_alert_document(
        &self,
        tailnet: &str,
        document: AlertDocument,
        name: &str,
        body: Option<&str>,
    ) -> Result<()> {
        let number = self.numbered(tailnet).await?;
        let mut transaction = self.transaction().await?;
        let written = async {
            let query = match body {
                Some(_) => {
                    "INSERT INTO alert_documents (tailnet, sort, name, body) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (tailnet, sort, name) DO UPDATE SET body = excluded.body"
                }
                None => {
                    "DELETE FROM alert_documents WHERE tailnet = $1 AND sort = $2 AND name = $3"
                }
            };
            let query = sqlx::query(query).bind(number).bind(document.number()).bind(name);
            let query = if let Some(body) = body { query.bind(body) } else { query };
            query.execute(&mut *transaction).await?;
            announce(&mut transaction, number).await?;
            transaction.commit().await
        };
        written.await.map_err(|error| self.wrong(&error))
    }

    /// The alerts that are not over, or whose end is not notified.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn open_alerts(&self, tailnet: &str) -> Result<Vec<KeptAlert>> {
        self.alerts_where(tailnet, "done IS NULL AND $2 = $2", 0, i64::MAX).await
    }

    /// The alerts that have not ended, or ended at or after `since`; the newest first.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn past_alerts(
        &self,
        tailnet: &str,
        since: Seconds,
        limit: usize,
    ) -> Result<Vec<KeptAlert>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.alerts_where(tailnet, "(done IS NULL OR done >= $2)", since, limit).await
    }

    async fn alerts_where(
        &self,
        tailnet: &str,
        condition: &str,
        since: Seconds,
        limit: i64,
    ) -> Result<Vec<KeptAlert>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let query = format!(
            "SELECT id, since, done, body FROM alerts WHERE tailnet = $1 AND {condition}
             ORDER BY since DESC, id LIMIT $3"
        );
        let query = sqlx::query(&query).bind(number).bind(since).bind(limit);
        let rows = query.fetch_all(self.pool().await?).await;
        let read = |row: &AnyRow| {
            Ok(KeptAlert {
                id: row.try_get("id")?,
                since: row.try_get("since")?,
                done: row.try_get("done")?,
                body: row.try_get("body")?,
            })
        };
        let read = rows.and_then(|rows| rows.iter().map(read).collect());
        read.map_err(|error| self.wrong(&error))
    }

    /// Records what an evaluation changed, all of it or nothing.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if it cannot be recorded.
    pub async fn record_alerts(
        &self,
        lease: &Lease,
        changes: AlertChanges<'_>,
        now: Seconds,
    ) -> Result<Held> {
        let pool = self.pool().await?;
        let written = async {
            let Some(mut transaction) = self.held(pool, lease).await? else { return Ok(Held::No) };
            for it in changes.changed {
                let query = "INSERT INTO alerts (tailnet, id, since, done, body)
                     VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT (tailnet, id) DO UPDATE SET since = excluded.since,
                         done = excluded.done, body = excluded.body";
                let query = sqlx::query(query).bind(lease.tailnet).bind(&it.id).bind(it.since);
                query.bind(it.done).bind(&it.body).execute(&mut *transaction).await?;
            }
            for id in changes.dropped {
                // One that ended is kept.
                let query = "DELETE FROM alerts WHERE tailnet = $1 AND id = $2 AND done IS NULL";
                sqlx::query(query).bind(lease.tailnet).bind(id).execute(&mut *transaction).await?;
            }
            for it in changes.outgoing {
                let query =
                    "INSERT INTO outbox (tailnet, id, receiver, body, tries, next, made, state)
                     VALUES ($1, $2, $3, $4, 0, $5, $5, $6)
                     ON CONFLICT (tailnet, id, receiver) DO NOTHING";
                let query = sqlx::query(query).bind(lease.tailnet).bind(&it.id);
                let query = query.bind(&it.receiver).bind(&it.body).bind(now).bind(WAITING);
                query.execute(&mut *transaction).await?;
            }
            if changes.is_news {
                announce(&mut transaction, lease.tailnet).await?;
            }
            transaction.commit().await?;
            Ok(Held::Yes)
        };
        written.await.map_err(|error| self.wrong(&error))
    }

    /// What is due to be delivered at `now`, the oldest first.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn due(&self, tailnet: &str, now: Seconds, limit: i64) -> Result<Vec<Outgoing>> {
        let query = "SELECT id, receiver, body, tries, made, error FROM outbox
             WHERE tailnet = $1 AND state = $4 AND next <= $2 ORDER BY made, id LIMIT $3";
        self.outgoing(tailnet, query, now, limit, WAITING).await
    }

    /// What was given up since a time, the newest first.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn undelivered(
        &self,
        tailnet: &str,
        since: Seconds,
        limit: i64,
    ) -> Result<Vec<Outgoing>> {
        let query = "SELECT id, receiver, body, tries, made, error FROM outbox
             WHERE tailnet = $1 AND (state = $4 OR (state = 0 AND tries > 0)) AND made >= $2
             ORDER BY made DESC, id LIMIT $3";
        self.outgoing(tailnet, query, since, limit, GIVEN_UP).await
    }

    async fn outgoing(
        &self,
        tailnet: &str,
        query: &str,
        at: Seconds,
        limit: i64,
        state: i64,
    ) -> Result<Vec<Outgoing>> {
        let Some(number) = self.number(tailnet).await? else { return Ok(Vec::new()) };
        let query = sqlx::query(query).bind(number).bind(at).bind(limit).bind(state);
        let rows = query.fetch_all(self.pool().await?).await;
        let read = |row: &AnyRow| {
            Ok(Outgoing {
                id: row.try_get("id")?,
                receiver: row.try_get("receiver")?,
                body: row.try_get("body")?,
                tries: row.try_get("tries")?,
                made: row.try_get("made")?,
                error: row.try_get("error")?,
            })
        };
        let read = rows.and_then(|rows| rows.iter().map(read).collect());
        read.map_err(|error| self.wrong(&error))
    }

    /// Records how a try to deliver ended.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if it cannot be recorded.
    pub async fn record_delivery(
        &self,
        lease: &Lease,
        it: &Outgoing,
        ended: &Delivery,
    ) -> Result<Held> {
        let (state, next, error) = match ended {
            Delivery::Done => (DELIVERED, 0, None),
            Delivery::Again(at, why) => (WAITING, *at, Some(why)),
            Delivery::GivenUp(why) => (GIVEN_UP, 0, Some(why)),
        };
        let pool = self.pool().await?;
        let written = async {
            let Some(mut transaction) = self.held(pool, lease).await? else { return Ok(Held::No) };
            let query = "UPDATE outbox SET state = $1, next = $2, error = $3, tries = tries + 1
                 WHERE tailnet = $4 AND id = $5 AND receiver = $6";
            let query = sqlx::query(query).bind(state).bind(next).bind(error);
            let query = query.bind(lease.tailnet).bind(&it.id).bind(&it.receiver);
            query.execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(Held::Yes)
        };
        written.await.map_err(|error| self.wrong(&error))
    }

    /// A number that counts on whenever other alerts fire, or somebody changes how they are handled.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be read.
    pub async fn alerts_generation(&self, tailnet: &str) -> Result<i64> {
        let Some(number) = self.number(tailnet).await? else { return Ok(0) };
        let query = "SELECT COALESCE(MAX(generation), 0) FROM alert_news WHERE tailnet = $1";
        let row = sqlx::query(query).bind(number).fetch_one(self.pool().await?).await;
        row.and_then(|row| row.try_get(0)).map_err(|error| self.wrong(&error))
    }
}

/// Counts on the number that says that there is news of alerts.
async fn announce(connection: &mut AnyConnection, tailnet: i64) -> sqlx::Result<()> {
    let query = "INSERT INTO alert_news (tailnet, generation) VALUES ($1, 1)
         ON CONFLICT (tailnet) DO UPDATE SET generation = alert_news.generation + 1";
    sqlx::query(query).bind(tailnet).execute(connection).await.map(drop)
}
