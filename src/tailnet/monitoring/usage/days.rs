//! What is known of the devices in each day or week.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::{DAY, LEAST_PERCENT, Parts, UsageRow};
use crate::{
    client::Result,
    history::{DayCounts, Field, History, Kept, Seconds, Seen, Spans, Valued, uptime::uptime},
    version::Version,
    words,
};

/// What is known of all devices in a window.
pub(super) struct Fleet {
    spans: Spans,
    /// The devices that were there.
    devices: Vec<Seen>,
    /// Who owns the untagged ones, by ID.
    owners: HashMap<String, String>,
    /// Their versions without patch, each from a time on.
    versions: HashMap<String, Vec<(Seconds, String)>>,
    /// From when single changes are known.
    exact_from: Seconds,
    /// Counts from the sums of days, by first day.
    counts: HashMap<i64, DayCounts>,
    /// Before this, all days are summed up.
    summed_until: Seconds,
}

/// Counts of a day or a week.
struct Counts {
    connected: u64,
    users: u64,
    up: Seconds,
}

impl Fleet {
    pub(super) async fn read(history: &History, label: &str, parts: &Parts) -> Result<Self> {
        let (from, to) = parts.all();
        let last = to.div_euclid(DAY) + 1;
        let counts = history.counts_by_day(label, parts.first..last, parts.size).await?;
        let left_out = [Field::IS_EXTERNAL, Field::IS_EPHEMERAL];
        let mut others: HashSet<String> = HashSet::new();
        for field in left_out {
            let values = history.values(label, field, from).await?;
            others.extend(values.into_iter().filter(|it| it.value == "1").map(|it| it.key));
        }
        let mut devices = history.devices(label, from, None).await?;
        devices.retain(|it| !others.contains(&it.key));
        let tags = newest(history.values(label, Field::TAGS, from).await?);
        let mut owners = newest(history.values(label, Field::USER, from).await?);
        owners.retain(|key, owner| !owner.is_empty() && tags.get(key).is_none_or(String::is_empty));
        let mut versions: HashMap<String, Vec<(Seconds, String)>> = HashMap::new();
        for it in history.values(label, Field::CLIENT_VERSION, from).await? {
            let version = minor(&it.value).unwrap_or_default();
            versions.entry(it.key).or_default().push((it.at, version));
        }
        Ok(Self {
            spans: history.spans(label, 0, Seconds::MAX).await?.unwrap_or_default(),
            devices,
            owners,
            versions,
            exact_from: to - (Kept::default().facts - 1) * DAY,
            counts: counts.into_iter().map(|it| (it.first, it)).collect(),
            summed_until: history.summed_until(label).await? * DAY,
        })
    }

    /// What is known between two times, of which the first begins a day.
    pub(super) fn row(&self, (from, to): (Seconds, Seconds), versions: &[String]) -> UsageRow {
        let watched = self.spans.common(&Spans::one(from, to)).seconds();
        let mut row = UsageRow {
            day: words::day(Timestamp::from_second(from).unwrap_or_default()),
            watched: percent(watched, to - from),
            ..UsageRow::default()
        };
        if row.watched < LEAST_PERCENT {
            return row;
        }
        let counts = self.counts((from, to));
        row.online = Some(average(counts.up, watched));
        (row.connected, row.users) = (Some(counts.connected), Some(counts.users));
        let joined = |it: &&Seen| it.created.unwrap_or(it.first_seen);
        let there = |it: &&Seen| joined(it) < to && it.gone_at.is_none_or(|gone| gone >= to);
        row.devices = Some(self.count(there));
        row.new = Some(self.count(|it| (from..to).contains(&joined(it))));
        row.gone = Some(self.count(|it| it.gone_at.is_some_and(|gone| (from..to).contains(&gone))));
        if to > self.exact_from {
            row.versions = Some(self.versions(self.devices.iter().filter(there), to, versions));
        }
        row
    }

    fn count(&self, is: impl Fn(&&Seen) -> bool) -> u64 {
        u64::try_from(self.devices.iter().filter(is).count()).unwrap_or_default()
    }

    /// From the sums of days where there are some, and otherwise from the single changes.
    fn counts(&self, (from, to): (Seconds, Seconds)) -> Counts {
        if to <= self.summed_until {
            let counts = self.counts.get(&from.div_euclid(DAY));
            return counts.map_or(Counts { connected: 0, users: 0, up: 0 }, |it| Counts {
                connected: it.connected,
                users: it.users,
                up: it.up,
            });
        }
        let mut counts = Counts { connected: 0, users: 0, up: 0 };
        let mut users: HashSet<&str> = HashSet::new();
        for device in &self.devices {
            let end = device.gone_at.map_or(to, |gone| gone.min(to));
            let up = uptime(&device.states, &self.spans, (from, end), device.created).up;
            if up > 0 {
                counts.up += up;
                counts.connected += 1;
                users.extend(self.owners.get(&device.key).map(String::as_str));
            }
        }
        counts.users = u64::try_from(users.len()).unwrap_or_default();
        counts
    }

    /// How many devices had which version at a time, and how many another one. A version that is not known
    /// counts nowhere.
    fn versions<'d>(
        &self,
        devices: impl Iterator<Item = &'d Seen>,
        at: Seconds,
        versions: &[String],
    ) -> Vec<u64> {
        let mut counts = vec![0; versions.len() + 1];
        for device in devices {
            let values = self.versions.get(&device.key).map(Vec::as_slice).unwrap_or_default();
            let value = values.iter().rev().find(|it| it.0 <= at).map(|it| &it.1);
            let Some(value) = value.filter(|it| !it.is_empty()) else { continue };
            let place = versions.iter().position(|it| it == value).unwrap_or(versions.len());
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
        }
        counts
    }
}

/// The last value of each device.
fn newest(values: Vec<Valued>) -> HashMap<String, String> {
    values.into_iter().map(|it| (it.key, it.value)).collect()
}

/// A version without patch: `1.98`.
pub(super) fn minor(version: &str) -> Option<String> {
    let [major, minor, _] = version.parse::<Version>().ok()?.numbers();
    Some(format!("{major}.{minor}"))
}

/// A part in percent with one decimal place, which is never rounded to all or nothing.
pub(super) fn percent(part: Seconds, all: Seconds) -> f64 {
    if part <= 0 || all <= 0 {
        return 0.0;
    }
    if part >= all { 100.0 } else { average(1_000 * part, 10 * all).clamp(0.1, 99.9) }
}

/// A quotient with one decimal place.
#[expect(clippy::cast_precision_loss, reason = "seconds of some years are exact in a float")]
fn average(sum: Seconds, of: Seconds) -> f64 {
    if of <= 0 { 0.0 } else { (10.0 * sum as f64 / of as f64).round() / 10.0 }
}
