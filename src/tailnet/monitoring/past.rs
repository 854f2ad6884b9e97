//! What changed about one device.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Monitoring, Watched, time};
use crate::{
    client::Result,
    history::{Field, History, Seconds, Transition},
    tailnet::devices::find,
};

/// What somebody saw of a device, the newest first.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Past {
    /// Short name of the device.
    pub device: String,
    /// Its node ID.
    pub id: String,
    /// Since when the tailnet is watched.
    pub watched: Watched,
    /// When the device was first seen by whoever watched, RFC 3339, or `never`.
    pub first_seen: String,
    /// How many changes there are since then, of the last 90 days.
    pub total: usize,
    /// The newest changes.
    pub changes: Vec<PastChange>,
}

/// A change that somebody saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PastChange {
    /// When: exact for the end of a connection, otherwise when it was first seen. RFC 3339.
    pub at: String,
    /// What: `connected`, `disconnected`, or the name of a field of the API.
    pub what: &'static str,
    /// The value before; absent if it was false, empty or unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// The value after; absent if it is false or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to: String,
}

/// The most changes in one answer.
const MOST: usize = 200;

impl Monitoring<'_> {
    /// What changed about a device since somebody watches, the newest first. `device` is anything that
    /// [`find`](crate::tailnet::devices::find::find) accepts.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if nobody ever watched; otherwise as
    /// [`Devices::get`](crate::tailnet::devices::Devices::get).
    pub async fn past(&self, device: &str, now: Timestamp) -> Result<Past> {
        let unwatched =
            || History::not_watched("its history is unknown: nobody has watched this tailnet");
        let history = self.history().ok_or_else(unwatched)?;
        let watched = self.watched(now).await?.ok_or_else(unwatched)?;
        let list = self.tailnet.devices().list().await?;
        let device = find::find(&list, device)?;
        let since = now - SignedDuration::from_hours(24 * 366);
        let label = self.tailnet.label();
        let seen = history.devices(&label, 0, Some(device.key())).await?;
        let first = seen.first().map_or(Seconds::MAX, |it| it.first_seen);
        let mut all = history.transitions(&label, device.key(), since.as_second()).await?;
        // What the first look found is no change, but that a connection had ended is.
        all.retain(|it| {
            it.at > first || (it.field == Field::ONLINE && it.at < first && it.to == "0")
        });
        Ok(Past {
            first_seen: if first == Seconds::MAX { "never".to_owned() } else { time(first) },
            device: device.short_name().to_owned(),
            id: device.key().to_owned(),
            watched,
            total: all.len(),
            changes: all.into_iter().take(MOST).map(change).collect(),
        })
    }
}

fn change(it: Transition) -> PastChange {
    let what = match (it.field, it.to.as_str()) {
        (Field::ONLINE, "1") => "connected",
        (Field::ONLINE, "n") => "never connected",
        (Field::ONLINE, _) => "disconnected",
        (field, _) => field.name(),
    };
    let (from, to) =
        if it.field == Field::ONLINE { (String::new(), String::new()) } else { (it.from, it.to) };
    PastChange { at: time(it.at), what, from, to }
}
