//! What rules are judged by besides the things that were last seen.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use serde_json::Value;

use super::{Alerts, Facts, Ready, TrafficWindows, When, other, traffic};
use crate::{
    client::Result,
    history::{Event, History, Known, LookedAt, Seconds},
};

/// The most entries of the audit log that are judged.
const EVENTS: usize = 10_000;

/// How often devices lost their connection, by the number of seconds and their node IDs.
type Lost = HashMap<Seconds, HashMap<String, usize>>;

/// Facts from the history that are not things.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) looks: Vec<LookedAt>,
    events: Vec<Event>,
    audit: Option<(Seconds, Vec<String>)>,
    lost: Lost,
    pub(super) traffic: Arc<TrafficWindows>,
    credential: String,
}

impl Recorded {
    /// The facts at `now`, together with the things of each source.
    pub(super) fn facts<'a>(
        &'a self,
        now: Seconds,
        known: HashMap<&'static str, &'a Known>,
    ) -> Facts<'a> {
        Facts {
            now,
            known,
            looks: &self.looks,
            events: &self.events,
            audit: self.audit.as_ref().map(|(at, failing)| (*at, failing.as_slice())),
            lost: &self.lost,
            traffic: &self.traffic,
            credential: &self.credential,
        }
    }
}

impl Alerts<'_> {
    /// Reads what these rules need. `traffic` is what was read of it before.
    pub(super) async fn recorded(
        self,
        history: &History,
        rules: &[Ready],
        traffic: Arc<TrafficWindows>,
        now: Seconds,
    ) -> Result<Recorded> {
        let label = self.tailnet.label();
        Ok(Recorded {
            looks: history.looks(&label).await?,
            events: history.events(&label, now - other::EVENTS, EVENTS).await?,
            audit: audit(history, &label).await?,
            lost: lost(history, &label, rules, now).await?,
            traffic: traffic::windows(history, &label, rules, traffic).await?,
            credential: self.tailnet.settings().credential.public_id().to_owned(),
        })
    }
}

/// What failed at the last audit, and when it was.
async fn audit(history: &History, label: &str) -> Result<Option<(Seconds, Vec<String>)>> {
    let last = history.last_audit(label).await?;
    Ok(last.map(|(at, result)| {
        let failing = result.get("failing").and_then(Value::as_array);
        let failing = failing.into_iter().flatten().filter_map(Value::as_str);
        (at, failing.map(str::to_owned).collect())
    }))
}

/// How often devices lost their connection, for the rules that ask for it.
async fn lost(history: &History, label: &str, rules: &[Ready], now: Seconds) -> Result<Lost> {
    let mut lost = HashMap::new();
    for rule in rules.iter().filter(|it| it.when == When::Flapping && it.is_on()) {
        if let Entry::Vacant(entry) = lost.entry(rule.within) {
            entry.insert(history.lost(label, now - rule.within).await?);
        }
    }
    Ok(lost)
}
