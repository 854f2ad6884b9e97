//! What is known of devices over time: connections, uptime, changes. It needs a history, which a running
//! server or `watch` keeps; without one, only what is now is known.

use jiff::Timestamp;
use serde::Serialize;

pub mod connection;
pub mod connectivity;
#[cfg(feature = "server")]
pub mod metrics;
pub mod past;
#[cfg(feature = "server")]
pub(crate) mod tools;
pub mod traffic;
pub mod uptime;
pub mod usage;

use crate::{
    client::Result,
    history::{History, LookedAt, Seconds, Spans},
    tailnet::{Tailnet, devices::device::relative},
    words::to_the_second,
};

/// How long ago the last look may be while somebody watches, in seconds.
const STALE: Seconds = 900;

/// The monitoring of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Monitoring<'a> {
    tailnet: &'a Tailnet,
}

/// Since when somebody has watched, and what could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Watched {
    /// When the first look was, RFC 3339.
    pub since: String,
    /// When the devices were last looked at, in words.
    pub last_look: String,
    /// Whether that is too long ago for anybody to be watching now.
    #[serde(skip)]
    pub is_stale: bool,
    /// What could not be looked at, since when and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

impl<'a> Monitoring<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Since when the tailnet is watched. None if it never was, or if no history is kept.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the history cannot be read.
    pub async fn watched(&self, now: Timestamp) -> Result<Option<Watched>> {
        let Some(history) = self.history() else { return Ok(None) };
        let label = self.tailnet.label();
        let Some(since) = history.watched_since(&label).await? else { return Ok(None) };
        let looks = history.looks(&label).await?;
        let devices = looks.iter().find(|it| it.source == "devices").and_then(|it| it.good_at);
        Ok(Some(Watched {
            since: time(since),
            is_stale: devices.is_none_or(|at| now.as_second() - at > STALE),
            last_look: devices.map_or_else(|| "never".to_owned(), |at| ago(at, now)),
            unknown: looks.iter().filter_map(|it| failing(it, now)).collect(),
        }))
    }

    fn history(self) -> Option<&'a History> {
        self.tailnet.history().map(|it| &**it)
    }

    /// When somebody looked at the devices. None if nobody ever did.
    async fn spans(&self, from: Seconds, to: Seconds) -> Result<Option<Spans>> {
        match self.history() {
            Some(history) => history.spans(&self.tailnet.label(), from, to).await,
            None => Ok(None),
        }
    }
}

/// What is said of a source whose last look failed.
fn failing(look: &LookedAt, now: Timestamp) -> Option<String> {
    let why = look.error.as_ref()?;
    let since = look.good_at.map_or_else(
        || "was never read".to_owned(),
        |at| format!("not read since {} ({})", time(at), ago(at, now)),
    );
    Some(format!("{}: {since}: {why}", look.source))
}

/// A time of the history, RFC 3339.
fn time(at: Seconds) -> String {
    to_the_second(Timestamp::from_second(at).unwrap_or_default())
}

/// A time of the history, as in `3 h ago`.
fn ago(at: Seconds, now: Timestamp) -> String {
    relative(Timestamp::from_second(at).unwrap_or_default(), now)
}
