//! Acknowledgements and mutes, as they are kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::facts::{Device, Facts};
use crate::{
    Error,
    alerts::Episode,
    client::Result,
    history::{Known, Seconds},
    tailnet::devices::{Filter, tools::listing::filter_of},
};

/// Somebody takes care of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// The ID of the alert.
    #[serde(skip)]
    pub alert: String,
    /// Who it is.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// What they say of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Until when; none for as long as the alert fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Acknowledged {
    /// Whether it is about this alert, and about the time since it last began to fire.
    pub fn is_for(&self, it: &Episode, now: Seconds) -> bool {
        let since = it.fired_at.unwrap_or(it.since);
        self.alert == it.id
            && it.is_active()
            && self.at.as_second() >= since
            && self.until.is_none_or(|until| until.as_second() > now)
    }
}

/// Nobody is notified of these alerts for a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mute {
    /// Its ID.
    #[serde(skip)]
    pub id: String,
    /// The rule; empty for all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// The devices, as filters of a list; none for all subjects.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub scope: Map<String, Value>,
    /// Who muted them.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: Timestamp,
    #[serde(skip)]
    pub(super) filter: Filter,
}

impl Mute {
    /// Reads a mute as it is kept.
    pub(super) fn read(id: &str, body: &str) -> Result<Self> {
        let wrong = |_| Error::invalid_input("mute", "cannot be read");
        let mut mute: Self = serde_json::from_str(body).map_err(wrong)?;
        id.clone_into(&mut mute.id);
        mute.filter = filter_of(Value::Object(mute.scope.clone()))?;
        Ok(mute)
    }

    /// Whether it mutes this alert now.
    pub fn takes(&self, it: &Episode, facts: &Facts<'_>) -> bool {
        let known = facts.known.get("devices").copied();
        self.mutes(it, known, facts.now)
    }

    pub(super) fn mutes(&self, it: &Episode, devices: Option<&Known>, now: Seconds) -> bool {
        if self.until.as_second() <= now || !(self.rule.is_empty() || self.rule == it.rule) {
            return false;
        }
        if self.scope.is_empty() {
            return true;
        }
        let device = devices.filter(|_| it.subject.kind == "device");
        let device = device.and_then(|known| known.thing(&it.subject.key)).map(Device::of);
        let at = Timestamp::from_second(now).unwrap_or_default();
        device.is_some_and(|device| self.filter.takes_described(&device, at))
    }
}
