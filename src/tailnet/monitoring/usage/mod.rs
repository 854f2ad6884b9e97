//! How a tailnet was used, by day: devices, client versions, users and traffic, as far as somebody watched.

use std::{cmp::Reverse, collections::HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

mod days;

use self::days::Fleet;
use super::{Monitoring, Watched, time};
use crate::{
    Error, ErrorKind,
    client::Result,
    history::{History, Seconds},
    tailnet::{devices::Device, logging::flows::known, users::User},
    traffic::{self, KnownDevice, Question, Traffic},
};

const DAY: Seconds = 86_400;
/// The window if none is asked for.
pub const USUAL: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The longest window.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);
/// Up to so many days, each has a row of its own; above, each week has.
const MOST_DAYS: i64 = 60;
/// How many versions are counted apart.
const VERSIONS: usize = 3;
/// The least percent of a day or a window that must be known for a figure about it.
const LEAST_PERCENT: f64 = 50.0;

/// How a tailnet was used. It is about own devices that are not ephemeral; days are those of UTC.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Usage {
    /// Start of the window, RFC 3339.
    pub from: String,
    /// End of the window, RFC 3339.
    pub to: String,
    /// Since when the tailnet is watched. None if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watched: Option<Watched>,
    /// What is known now.
    pub now: UsageNow,
    /// What a row is of.
    pub by: Period,
    /// The versions that rows count apart, without their patch; the last count is of all others.
    pub versions: Vec<String>,
    /// The days or weeks of which something is known, the oldest first.
    pub rows: Vec<UsageRow>,
    /// How many days or weeks are left out, because nothing is known of them.
    pub unknown: usize,
    /// What is not known, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Period {
    /// A day.
    Day,
    /// Seven days.
    Week,
}

/// What is known now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageNow {
    /// Devices.
    pub devices: usize,
    /// Devices that are connected.
    pub online: usize,
    /// Devices of which a newer client is available.
    pub updates: usize,
    /// Devices by client version without patch, the most common first.
    pub versions: Vec<(String, usize)>,
    /// Users. None if they cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<UsersNow>,
}

/// The users that there are now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsersNow {
    /// All users.
    pub total: usize,
    /// Those whose status is active: seen within 28 days.
    pub active: usize,
    /// Those that are connected.
    pub connected: usize,
}

/// A day or a week. What is absent is unknown, or known of less than half of the time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UsageRow {
    /// Its first day.
    pub day: String,
    /// Percent of it in which somebody looked.
    pub watched: f64,
    /// How many devices were connected on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online: Option<f64>,
    /// How many devices were connected at some time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<u64>,
    /// How many devices there were at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<u64>,
    /// How many devices were added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<u64>,
    /// How many devices were removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<u64>,
    /// How many users had a device that was connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<u64>,
    /// How many devices had which version at its end, in the order of [`Usage::versions`], and the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<u64>>,
    /// Bytes of traffic, each counted once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Percent of the bytes with a known path that were relayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relayed: Option<f64>,
    /// Percent of the time of which the flow logs were read. None if none of them were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flows: Option<f64>,
}

impl Monitoring<'_> {
    /// How the tailnet was used in the last `window`, by day, above 60 days by week: as far as somebody watched.
    /// Without a history, only what is now is known.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the history cannot be read; otherwise as
    /// [`Devices::list`](crate::tailnet::devices::Devices::list). Users that cannot be read are a note.
    pub async fn usage(&self, window: SignedDuration, now: Timestamp) -> Result<Usage> {
        if window > LONGEST || window < SignedDuration::from_hours(24) {
            return Err(Error::invalid_input("window", "must be between `1d` and `366d`"));
        }
        let list = self.tailnet.devices().list().await?;
        let mut notes = Vec::new();
        let users = match self.tailnet.users().list().await {
            Ok(users) => Some(UsersNow::of(&users)),
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                notes.push("the credential may not read users".to_owned());
                None
            }
            Err(error) => {
                notes.push(format!("users could not be read: {error}"));
                None
            }
        };
        let state = UsageNow::of(&list, users);
        let versions: Vec<String> =
            state.versions.iter().take(VERSIONS).map(|it| it.0.clone()).collect();
        let parts = Parts::new(window, now.as_second());
        let watched = self.watched(now).await?;
        let mut rows = Vec::new();
        match (self.history(), &watched) {
            (Some(history), Some(_)) => {
                let known: Vec<KnownDevice> = list.iter().map(known).collect();
                rows = self.rows(history, &parts, &versions, &known).await?;
                if rows.iter().all(|it| it.flows.is_none()) {
                    let none = "no traffic is kept: that takes network flow logs, and somebody who watches";
                    notes.push(none.to_owned());
                }
            }
            _ => notes.push(unwatched()),
        }
        let all = rows.len();
        rows.retain(|it| it.watched > 0.0 || it.flows.is_some());
        Ok(Usage {
            from: time(parts.all().0),
            to: time(parts.all().1),
            by: if parts.size == 1 { Period::Day } else { Period::Week },
            unknown: all - rows.len(),
            watched,
            now: state,
            versions,
            rows,
            notes,
        })
    }

    async fn rows(
        &self,
        history: &History,
        parts: &Parts,
        versions: &[String],
        known: &[KnownDevice],
    ) -> Result<Vec<UsageRow>> {
        let label = self.tailnet.label();
        let fleet = Fleet::read(history, &label, parts).await?;
        let mut rows = Vec::new();
        for (from, to) in parts.iter() {
            let mut row = fleet.row((from, to), versions);
            traffic(history, &label, (from, to), known, &mut row).await?;
            rows.push(row);
        }
        Ok(rows)
    }
}

/// Why there are no trends.
fn unwatched() -> String {
    let error = History::not_watched("trends are unknown: nobody has watched this tailnet");
    error.advice().map_or_else(|| error.to_string(), |advice| format!("{error}; {advice}"))
}

/// The days or weeks of a window.
struct Parts {
    /// The first day, counted from 1970.
    first: i64,
    /// How many days a part has.
    size: i64,
    now: Seconds,
}

impl Parts {
    fn new(window: SignedDuration, now: Seconds) -> Self {
        let days = (window.as_secs() + DAY - 1) / DAY;
        let size = if days > MOST_DAYS { 7 } else { 1 };
        let count = (days + size - 1) / size;
        // Today is the last day, and not over yet.
        let first = now.div_euclid(DAY) + 1 - count * size;
        Self { first, size, now }
    }

    fn all(&self) -> (Seconds, Seconds) {
        (self.first * DAY, self.now)
    }

    /// The start and the end of each.
    fn iter(&self) -> impl Iterator<Item = (Seconds, Seconds)> {
        let length = self.size * DAY;
        let starts = (0..).map(move |at| self.first * DAY + at * length);
        let starts = starts.take_while(|from| *from <= self.now);
        starts.map(move |from| (from, (from + length).min(self.now.max(from + 1))))
    }
}

/// Adds the traffic that is kept of a day or a week.
async fn traffic(
    history: &History,
    label: &str,
    (from, to): (Seconds, Seconds),
    known: &[KnownDevice],
    row: &mut UsageRow,
) -> Result<()> {
    let kept = history.traffic(label, from, to).await?;
    if kept.read == 0 {
        return Ok(());
    }
    let percent = days::percent(kept.read.min(to - from), to - from);
    row.flows = Some(percent);
    if percent < LEAST_PERCENT {
        return Ok(());
    }
    let coverage = traffic::Coverage::default();
    let ends = (time(from), time(to));
    let traffic = Traffic::of(&kept.totals, ends, coverage, known, &Question::default());
    row.bytes = Some(traffic.totals.bytes);
    row.relayed = traffic.relayed.map(|it| it.bytes_percent);
    Ok(())
}

impl UsersNow {
    fn of(users: &[User]) -> Self {
        let is_active =
            |it: &&User| it.status.as_ref().is_some_and(|it| it.to_string() == "active");
        Self {
            total: users.len(),
            active: users.iter().filter(is_active).count(),
            connected: users.iter().filter(|it| it.currently_connected == Some(true)).count(),
        }
    }
}

impl UsageNow {
    fn of(list: &[Device], users: Option<UsersNow>) -> Self {
        let own = list.iter().filter(|it| !it.is_shared_in() && it.is_ephemeral != Some(true));
        let (mut now, mut versions) = (Self { users, ..Self::default() }, HashMap::new());
        for device in own {
            now.devices += 1;
            now.online += usize::from(device.is_online());
            now.updates += usize::from(device.update_available == Some(true));
            let version = device.client_version.as_deref().and_then(days::minor);
            *versions.entry(version.unwrap_or_else(|| "unknown".to_owned())).or_insert(0) += 1;
        }
        now.versions = versions.into_iter().collect();
        now.versions.sort_by_key(|it| (Reverse(it.1), it.0.clone()));
        now
    }
}
