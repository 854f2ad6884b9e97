//! How long devices were connected in a window of time.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Monitoring, Watched, time};
use crate::{
    Error,
    client::Result,
    history::{DaySums, History, Kept, Seconds, Seen, Spans, uptime},
    tailnet::devices::{Device, DeviceSelector, device::rough, find},
};

const DAY: Seconds = 86_400;
/// The longest window: as long as sums by day are kept.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(3 * 365 * 24);

/// The uptime of devices in a window of time.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct UptimeReport {
    /// Start of the window, RFC 3339.
    pub from: String,
    /// End of the window, RFC 3339.
    pub to: String,
    /// Since when the tailnet is watched.
    pub watched: Watched,
    /// Which devices it is about, if none were named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<&'static str>,
    /// The devices, the least uptime first; those of which too little is known are at the end.
    #[serde(skip)]
    pub devices: Vec<DeviceUptime>,
}

/// The uptime of one device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeviceUptime {
    /// Short name of the device.
    pub name: String,
    /// Its node ID.
    #[serde(skip)]
    pub id: String,
    /// Percent of the known time in which it was connected. Absent if less than half of the window is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_percent: Option<f64>,
    /// Percent of the window that is known.
    pub known_percent: f64,
    /// How long it was not connected, of the known time, in words. Absent with `up_percent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away: Option<String>,
    /// How often its connection ended. Absent with `up_percent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnects: Option<u64>,
    /// The longest known time without a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_outage: Option<LongestOutage>,
    /// Why there is no figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
}

/// A time without a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LongestOutage {
    /// Its start, RFC 3339. Absent if only its length is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How long it was, in words.
    pub lasted: String,
    /// Whether it may have been longer, because nobody looked before or after, or because only days are
    /// kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// Whether it goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub goes_on: bool,
}

impl Monitoring<'_> {
    /// How long devices were connected in the last `window`, as far as somebody watched. If `which` selects
    /// none, it is about those that should always be connected: own ones with tags, subnet routers and exit
    /// nodes that are not ephemeral.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if nobody ever watched; otherwise as
    /// [`Devices::list`](crate::tailnet::devices::Devices::list).
    pub async fn uptime(
        &self,
        which: &DeviceSelector,
        window: SignedDuration,
        now: Timestamp,
    ) -> Result<UptimeReport> {
        if window > LONGEST || window < SignedDuration::from_mins(1) {
            return Err(Error::invalid_input("window", "must be between `1m` and `3y`"));
        }
        let unwatched =
            || History::not_watched("the uptime is unknown: nobody has watched this tailnet");
        let history = self.history().ok_or_else(unwatched)?;
        let watched = self.watched(now).await?.ok_or_else(unwatched)?;
        let list = self.tailnet.devices().list().await?;
        let is_default = which.devices.is_empty() && which.filter.is_none();
        let chosen = chosen(which, &list, now)?;
        let (from, to) = (now.as_second() - window.as_secs(), now.as_second());
        let known = Sums::read(history, &self.tailnet.label(), from, to).await?;
        let mut devices: Vec<DeviceUptime> =
            chosen.iter().map(|it| known.of(it, (from, to))).collect();
        devices.sort_by(|a, b| {
            let key = |it: &DeviceUptime| it.up_percent.unwrap_or(f64::MAX);
            key(a).total_cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
        });
        let about = is_default
            .then_some("tagged devices, subnet routers and exit nodes that are not ephemeral");
        Ok(UptimeReport { from: time(from), to: time(to), watched, about, devices })
    }
}

/// The devices that are meant.
fn chosen<'d>(
    which: &DeviceSelector,
    list: &'d [Device],
    now: Timestamp,
) -> Result<Vec<&'d Device>> {
    let DeviceSelector { devices, filter } = which;
    if !devices.is_empty() {
        if filter.is_some() {
            let problem = "cannot be given together with filters";
            return Err(Error::invalid_input("devices", problem));
        }
        return devices.iter().map(|it| find::find(list, it)).collect();
    }
    if let Some(filter) = filter {
        filter.check(list)?;
        return Ok(list.iter().filter(|it| filter.takes(it, now)).collect());
    }
    Ok(list.iter().filter(|it| is_server(it)).collect())
}

/// Whether a device should always be connected: it is tagged, a subnet router or an exit node, and not ephemeral.
pub(in crate::tailnet) fn is_server(it: &Device) -> bool {
    let serves = !it.tags().is_empty() || it.is_subnet_router() || it.is_exit_node();
    serves && !it.is_shared_in() && !it.is_ephemeral.unwrap_or_default()
}

/// What is known of a window: single transitions, and sums of days that are too old for these.
struct Sums {
    spans: Spans,
    seen: HashMap<String, Seen>,
    /// From when single transitions are known.
    exact_from: Seconds,
    days: HashMap<String, DaySums>,
}

impl Sums {
    async fn read(history: &History, label: &str, from: Seconds, to: Seconds) -> Result<Self> {
        // A day more than needed, because the days are those of UTC.
        let oldest = to - (Kept::default().facts - 1) * DAY;
        let exact_from = if from >= oldest { from } else { (oldest.div_euclid(DAY) + 1) * DAY };
        let days = if exact_from > from {
            let first = (from + DAY - 1).div_euclid(DAY);
            history.days(label, first, exact_from.div_euclid(DAY)).await?
        } else {
            Vec::new()
        };
        let spans = history.spans(label, 0, Seconds::MAX).await?.unwrap_or_default();
        let seen = history.devices(label, exact_from, None).await?;
        Ok(Self {
            spans,
            seen: seen.into_iter().map(|it| (it.key.clone(), it)).collect(),
            exact_from,
            days: days.into_iter().map(|it| (it.key.clone(), it)).collect(),
        })
    }

    fn of(&self, device: &Device, window: (Seconds, Seconds)) -> DeviceUptime {
        let seen = self.seen.get(device.key());
        let created = seen.and_then(|it| it.created);
        let states = seen.map_or(&[][..], |it| &it.states);
        let recent = (self.exact_from, window.1);
        let mut sum = uptime::uptime(states, &self.spans, recent, created);
        let mut outage = sum.longest_outage.map(|it| LongestOutage {
            from: Some(time(it.from)),
            lasted: rough(SignedDuration::from_secs(it.to - it.from)),
            at_least: it.at_least,
            goes_on: it.to == window.1,
        });
        if self.exact_from > window.0 {
            let begin = created.map_or(window.0, |it| it.max(window.0));
            sum.window += (self.exact_from - begin).max(0);
            if let Some(days) = self.days.get(device.key()) {
                sum.watched += days.watched;
                sum.up += days.up;
                sum.disconnects += usize::try_from(days.disconnects).unwrap_or_default();
                let longest = sum.longest_outage.map_or(0, |it| it.to - it.from);
                if days.outage > longest {
                    let lasted = rough(SignedDuration::from_secs(days.outage));
                    outage =
                        Some(LongestOutage { from: None, lasted, at_least: true, goes_on: false });
                }
            }
        }
        let percent = sum.percent();
        let known = 100.0 * sum.coverage();
        let withheld = percent.is_none().then(|| {
            format!("only {known:.0} % of the window is known; a figure needs half of it")
        });
        DeviceUptime {
            name: device.short_name().to_owned(),
            id: device.key().to_owned(),
            up_percent: percent.map(rounded),
            known_percent: rounded(known),
            away: percent.map(|_| rough(SignedDuration::from_secs(sum.watched - sum.up))),
            disconnects: percent.and_then(|_| u64::try_from(sum.disconnects).ok()),
            longest_outage: outage,
            withheld,
        }
    }
}

/// Percent with three decimal places. Rounding never makes 100 of less, nor 0 of more.
pub(in crate::tailnet) fn rounded(percent: f64) -> f64 {
    let near = (percent * 1_000.0).round() / 1_000.0;
    if near >= 100.0 && percent < 100.0 {
        return 99.999;
    }
    if near <= 0.0 && percent > 0.0 { 0.001 } else { near }
}
