//! Devices that nobody has used for a long time.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Device, Devices, Filter, device::relative, roles::Hosts};
use crate::{Error, client::Result, wire};

/// The devices that have been silent for some time, the longest silence first.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stale {
    /// The stale devices.
    pub devices: Vec<StaleDevice>,
    /// How many devices meet the filter, stale or not; ephemeral and shared-in ones are not counted.
    pub looked_at: usize,
    /// What could not be told.
    pub notes: Vec<String>,
}

/// A device that has been silent for some time.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct StaleDevice {
    /// Short name.
    pub name: String,
    /// ID of the device.
    pub id: String,
    /// Operating system.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub os: String,
    /// Login name of the owner; empty for a tagged device.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When it was last seen, such as `41 d ago`, or that it never connected.
    pub seen: String,
    /// The day on which it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Why it should not be removed lightly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<String>,
    #[serde(skip)]
    since: Timestamp,
}

/// Since when a device is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silent {
    /// It is connected.
    No,
    /// It was last seen then.
    Since(Timestamp),
    /// It was created then, and has never connected.
    NeverSince(Timestamp),
    /// The API does not say.
    Unknown,
}

impl Silent {
    pub(crate) fn of(device: &Device) -> Self {
        if device.is_online() {
            return Self::No;
        }
        if let Some(seen) = &device.last_seen {
            return seen.instant().map_or(Self::Unknown, Self::Since);
        }
        // A value that could not be read is kept under another name.
        if device.extra.keys().any(|it| it.ends_with("lastSeen")) {
            return Self::Unknown;
        }
        // Without either field it is not known whether it ever connected.
        let created = device.created.as_ref().and_then(wire::Timestamp::instant);
        match (device.connected_to_control, created) {
            (Some(false), Some(created)) => Self::NeverSince(created),
            _ => Self::Unknown,
        }
    }
}

#[cfg(feature = "journal")]
impl Silent {
    /// When it was last connected: `connected`, `3 h ago`, `never` or `unknown`.
    pub(crate) fn in_words(&self, now: Timestamp) -> String {
        match self {
            Self::No => "connected".to_owned(),
            Self::Since(then) => relative(*then, now),
            Self::NeverSince(_) => "never".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

impl Device {
    /// How long nobody has used the device: since it was last seen or, if it never connected, since it was
    /// created. Zero if it is connected, `None` if unknown.
    pub fn idle(&self, now: Timestamp) -> Option<SignedDuration> {
        match Silent::of(self) {
            Silent::No => Some(SignedDuration::ZERO),
            Silent::Since(then) | Silent::NeverSince(then) => Some(now.duration_since(then)),
            Silent::Unknown => None,
        }
    }
}

impl Devices<'_> {
    /// Lists the devices that meet `filter` and have not been seen for at least `silent_for`, or never
    /// connected and were created that long ago. Ephemeral and shared-in devices are left out.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `silent_for` is zero, and for a filter that no
    /// device can meet; [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `devices:core:read`.
    pub async fn stale(&self, silent_for: SignedDuration, filter: &Filter) -> Result<Stale> {
        if silent_for.is_zero() {
            let problem = "must be longer than 0, such as `30d`";
            return Err(Error::invalid_input("silent_for", problem));
        }
        let now = Timestamp::now();
        let list = self.list().await?;
        filter.check(&list)?;
        let is_own = |it: &&Device| !it.is_shared_in() && !it.is_ephemeral.unwrap_or_default();
        let devices: Vec<&Device> =
            list.iter().filter(is_own).filter(|it| filter.takes(it, now)).collect();
        let unknown = devices.iter().filter(|it| it.idle(now).is_none()).count();
        let is_stale = |it: &&&Device| it.idle(now).is_some_and(|idle| idle >= silent_for);
        let stale: Vec<&&Device> = devices.iter().filter(is_stale).collect();
        let hosts = if stale.is_empty() { Hosts::default() } else { self.hosts().await? };
        let mut rows: Vec<StaleDevice> =
            stale.iter().map(|it| StaleDevice::of(it, hosts.roles(it), now)).collect();
        rows.sort_by(|a, b| a.since.cmp(&b.since).then_with(|| a.id.cmp(&b.id)));
        let unknown = (unknown > 0)
            .then(|| format!("of {unknown} it is unknown when they were last seen; not listed"));
        let notes = unknown.into_iter().chain(hosts.note).collect();
        Ok(Stale { devices: rows, looked_at: devices.len(), notes })
    }
}

impl StaleDevice {
    fn of(device: &Device, serves: Vec<String>, now: Timestamp) -> Self {
        let (seen, since) = match Silent::of(device) {
            Silent::Since(then) => (relative(then, now), then),
            Silent::NeverSince(then) => ("never connected".to_owned(), then),
            Silent::No | Silent::Unknown => ("unknown".to_owned(), now),
        };
        let created = device.created.as_ref().and_then(wire::Timestamp::instant);
        // A tagged device has no user.
        let user = device.user.clone().filter(|_| device.tags().is_empty());
        Self {
            name: device.short_name().to_owned(),
            id: device.key().to_owned(),
            os: device.os.clone().unwrap_or_default(),
            user: user.unwrap_or_default(),
            tags: device.tags().to_vec(),
            seen,
            created: created.map(|it| it.strftime("%Y-%m-%d").to_string()),
            serves,
            since,
        }
    }
}
