//! Which devices are connected to the control plane, and since when the others are not.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Monitoring, Watched};
use crate::{
    client::Result,
    history::{Seconds, uptime::uptime},
    tailnet::devices::{Device, Filter, stale::Silent},
};

/// The time within which disconnects count as flapping: a day, in seconds.
const FLAPPING_WITHIN: Seconds = 86_400;
/// How many disconnects within that time count as flapping.
pub const FLAPPING: usize = 5;

/// How a device is connected. In this order, the worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "server", derive(serde::Deserialize, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// It is connected or not, and lost its connection several times within a day.
    Flapping,
    /// It has not been connected for longer than asked for.
    Silent,
    /// It was never connected.
    Never,
    /// It is not connected.
    Disconnected,
    /// It is not connected, and the API does not tell since when.
    Unknown,
    /// It is connected.
    Connected,
}

/// The connection of one device.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct DeviceConnection {
    /// Short name of the device.
    pub name: String,
    /// Its node ID.
    #[serde(skip)]
    pub id: String,
    /// How it is connected.
    pub state: State,
    /// When it was last connected, in words: `connected`, `3 h ago`, `never`, `unknown`.
    pub seen: String,
    /// Its owner; absent for a tagged device.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// How often its connection ended within 24 hours, if that is more than once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnects_24h: Option<usize>,
    #[serde(skip)]
    silence: Option<SignedDuration>,
}

/// The connections of devices.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Connectivity {
    /// The devices, the worst first.
    pub devices: Vec<DeviceConnection>,
    /// Since when the tailnet is watched; none if it is not.
    pub watched: Option<Watched>,
    /// What is not known, and why.
    pub notes: Vec<String>,
}

impl Connectivity {
    /// How many devices are in each state.
    pub fn counts(&self) -> BTreeMap<State, usize> {
        let mut counts = BTreeMap::new();
        for device in &self.devices {
            *counts.entry(device.state).or_default() += 1;
        }
        counts
    }
}

impl Monitoring<'_> {
    /// The connections of the devices that match `filter` (`GET /tailnet/{tailnet}/devices`), with what the
    /// history knows of the last day. A device is silent when it was last connected `silent_for` ago or
    /// longer.
    ///
    /// # Errors
    ///
    /// As [`Devices::list`](crate::tailnet::devices::Devices::list). A history that cannot be read is a
    /// note.
    pub async fn connectivity(
        &self,
        filter: &Filter,
        silent_for: SignedDuration,
        now: Timestamp,
    ) -> Result<Connectivity> {
        let devices = self.tailnet.devices().list().await?;
        filter.check(&devices)?;
        let mut answer = Connectivity::default();
        let ends = match self.disconnects(now).await {
            Ok(Some(ends)) => ends,
            Ok(None) => {
                answer.notes.push(
                    "flapping is unknown: the tailnet was watched for less than half of the last 24 h".to_owned(),
                );
                HashMap::new()
            }
            Err(error) => {
                answer.notes.push(format!("flapping is unknown: {error}"));
                HashMap::new()
            }
        };
        match self.watched(now).await {
            Ok(watched) => answer.watched = watched,
            Err(error) => answer.notes.push(format!("the history cannot be read: {error}")),
        }
        let taken = devices.iter().filter(|it| filter.takes(it, now));
        answer.devices =
            taken.map(|it| connection(it, ends.get(it.key()).copied(), silent_for, now)).collect();
        answer.devices.sort_by(|a, b| {
            let key = |it: &DeviceConnection| (it.state, std::cmp::Reverse(it.silence));
            key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
        });
        Ok(answer)
    }

    /// How often the connection of each device ended within the last day. None if too little is known.
    async fn disconnects(&self, now: Timestamp) -> Result<Option<HashMap<String, usize>>> {
        let Some(history) = self.history() else { return Ok(None) };
        let window = (now.as_second() - FLAPPING_WITHIN, now.as_second());
        let Some(spans) = self.spans(window.0, window.1).await? else { return Ok(None) };
        let looked = spans.common(&std::iter::once(window).collect());
        if looked.seconds() * 2 < FLAPPING_WITHIN {
            return Ok(None);
        }
        let seen = history.devices(&self.tailnet.label(), window.0, None).await?;
        let ends = seen.into_iter().map(|it| {
            let ends = uptime(&it.states, &spans, window, it.created).disconnects;
            (it.key, ends)
        });
        Ok(Some(ends.collect()))
    }
}

fn connection(
    device: &Device,
    ends: Option<usize>,
    silent_for: SignedDuration,
    now: Timestamp,
) -> DeviceConnection {
    let silent = Silent::of(device);
    let silence = device.idle(now);
    let state = match silent {
        _ if ends.is_some_and(|it| it >= FLAPPING) => State::Flapping,
        Silent::No => State::Connected,
        Silent::NeverSince(_) => State::Never,
        Silent::Since(_) if silence >= Some(silent_for) => State::Silent,
        Silent::Since(_) => State::Disconnected,
        Silent::Unknown => State::Unknown,
    };
    let seen = silent.in_words(now);
    let user = device.user.clone().filter(|_| device.tags().is_empty());
    DeviceConnection {
        name: device.short_name().to_owned(),
        id: device.key().to_owned(),
        state,
        seen,
        user: user.unwrap_or_default(),
        tags: device.tags().to_vec(),
        disconnects_24h: ends.filter(|it| *it > 1),
        silence,
    }
}
