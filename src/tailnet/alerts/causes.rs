//! Which alerts explain others. Pure.

use std::collections::HashMap;

use super::{facts::Device, rule::Ready, when::When};
use crate::{
    alerts::Episode,
    history::{Field, Known, Seconds},
};

/// Alerts that explain others.
#[derive(Default)]
pub(super) struct Causes {
    /// Sources that cannot be read.
    blind: Vec<(String, String)>,
    /// Many devices went: from when to when.
    many: Vec<(Seconds, Seconds, String)>,
    /// Routes without a router.
    routes: HashMap<String, String>,
    /// Devices whose key has expired.
    expired: foldhash::HashMap<String, String>,
}

impl Causes {
    pub(super) fn of<'e>(
        active: impl Iterator<Item = (Option<When>, &'e Episode)>,
        on: &[&Ready],
    ) -> Self {
        let mut causes = Self::default();
        for (when, it) in active {
            let (id, key) = (|| it.id.clone(), || it.subject.key.clone());
            match when {
                Some(When::NotWatched) => causes.blind.push((key(), id())),
                Some(When::ManyOffline) => {
                    let within = on.iter().find(|rule| rule.rule.name == it.rule);
                    let within = within.map_or(0, |rule| rule.within);
                    causes.many.push((it.since - within, it.since + within, id()));
                }
                Some(When::RouteUnserved) => drop(causes.routes.insert(key(), id())),
                Some(When::KeyExpired) => drop(causes.expired.insert(key(), id())),
                _ => {}
            }
        }
        causes
    }

    /// What explains that an alert cannot be known.
    pub(super) fn of_unknown(&self, it: &Episode, when: Option<When>) -> Option<String> {
        if it.unknown_since.is_none() || when == Some(When::NotWatched) {
            return None;
        }
        let source = when.map_or("", When::source);
        let blind = self.blind.iter().find(|(key, _)| key == source);
        blind.map(|(_, id)| id.clone())
    }

    /// What explains that a device is silent. `devices` is none if they are not known.
    pub(super) fn of_silence(&self, it: &Episode, devices: Option<&Known>) -> Option<String> {
        if let Some(id) = self.expired.get(&it.subject.key) {
            return Some(id.clone());
        }
        let in_window =
            |(from, to, _): &&(Seconds, Seconds, String)| (*from..=*to).contains(&it.since);
        if let Some((_, _, id)) = self.many.iter().find(in_window) {
            return Some(id.clone());
        }
        if self.routes.is_empty() {
            return None;
        }
        let device = Device::of(devices?.thing(&it.subject.key)?);
        device.list(Field::ENABLED_ROUTES).find_map(|route| self.routes.get(route).cloned())
    }
}
