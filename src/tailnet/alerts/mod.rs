//! Alerts of a tailnet: rules, what fires, who takes care of it, what is muted. The process that watches
//! judges the rules after each look; a history keeps what they found.

use std::collections::BTreeMap;

use jiff::Timestamp;

mod causes;
pub mod defaults;
mod deliverer;
pub mod evaluate;
pub mod facts;
pub mod judge;
pub mod keep;
mod of_device;
mod of_rule;
mod other;
mod plan;
mod recorded;
pub mod replay;
pub mod rule;
pub(crate) mod subjects;
pub(crate) mod tools;
mod traffic;
mod watcher;
mod when;

pub use self::{
    deliverer::{Deliverer, Round},
    evaluate::{Circumstances, Outcome, Working},
    facts::Facts,
    keep::{Acknowledged, Mute},
    rule::{Origin, Ready, Rule},
    traffic::TrafficWindows,
    watcher::Judge,
    when::When,
};
use crate::{
    Error,
    alerts::{Episode, Severity, State},
    client::Result,
    history::{AlertDocument, History, KeptAlert, Known, Outgoing, Seconds},
    tailnet::Tailnet,
};

/// The kinds of resources that decide what is listed as alerts.
pub(crate) const KINDS: [&str; 3] = ["alert", "alert rule", "mute"];

/// How far back deliveries that failed are listed, in seconds.
const FAILED: Seconds = 7 * 86_400;

/// The alerts of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Alerts<'a> {
    tailnet: &'a Tailnet,
}

/// An alert as it is now, with who takes care of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Active {
    /// The alert.
    pub episode: Episode,
    /// Who takes care of it.
    pub acknowledged: Option<Acknowledged>,
    /// What mutes it.
    pub muted: Option<Mute>,
    /// The rule.
    pub rule: Option<Ready>,
}

/// How many alerts of a rule are in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlertCount {
    /// The name of the rule.
    pub rule: String,
    /// The severity of the rule.
    pub severity: Severity,
    /// The state.
    pub state: State,
    /// How many alerts.
    pub count: usize,
}

/// A rule that cannot be used as it is written, and why.
#[derive(Debug, Clone)]
pub struct Broken {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

impl<'a> Alerts<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    pub(super) fn history(self) -> Result<&'a History> {
        let history = self.tailnet.history().map(|it| &**it);
        history.ok_or_else(|| History::not_kept("alerts need a history, and none is kept"))
    }

    /// The rules: those from the start, of the config file, and those that somebody set, each in place of the
    /// one before with its name. Those that cannot be used come apart, with the reason.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the history cannot be read.
    pub async fn rules(self) -> Result<(Vec<Ready>, Vec<Broken>)> {
        let set = match self.tailnet.history() {
            Some(history) => {
                history.alert_documents(&self.tailnet.label(), AlertDocument::Rule).await?
            }
            None => Vec::new(),
        };
        let mut ready: Vec<Ready> = Vec::new();
        let mut broken = Vec::new();
        let all = defaults::built_in().into_iter();
        let all = all.map(|it| (Origin::BuiltIn, (it.rule.name.clone(), Ok(it.rule))));
        let setup = self.tailnet.alert_setup();
        let config = setup.as_ref().map(|it| it.rules.as_slice()).unwrap_or_default();
        let config = config.iter().map(|it| {
            let name = it.get("name").and_then(serde_json::Value::as_str).unwrap_or("unnamed");
            (Origin::Config, (name.to_owned(), rule::read(it.clone())))
        });
        let set = set.iter().map(|(name, body)| {
            let rule = serde_json::from_str(body).map_err(|error| {
                Error::invalid_input("rules", format!("`{name}` cannot be read: {error}"))
            });
            (Origin::Set, (name.clone(), rule))
        });
        for (origin, rule) in all.chain(config).chain(set) {
            if let Err((name, error)) = merge(&mut ready, rule, origin) {
                // The rule before with its name, if there is one, still holds.
                broken.push(Broken { name, why: error.to_string() });
            }
        }
        let receivers = setup.as_ref().map(|it| it.receivers.as_slice()).unwrap_or_default();
        for rule in &ready {
            if let Some(unknown) = rule.notify().iter().find(|it| !receivers.contains(it)) {
                let why = format!("notifies `{unknown}`, which is no receiver in the config file");
                broken.push(Broken { name: rule.rule.name.clone(), why });
            }
        }
        Ok((ready, broken))
    }

    /// What fires now, the worst first; with `pending`, also what does not hold for long enough yet.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if no history is kept or it cannot be read.
    pub async fn active(self, pending: bool, now: Timestamp) -> Result<Vec<Active>> {
        let history = self.history()?;
        let label = self.tailnet.label();
        let (rules, _) = self.rules().await?;
        let (acknowledged, mutes) = (self.acknowledged().await?, self.mutes(now).await?);
        let open = history.open_alerts(&label).await?;
        let devices = if mutes.iter().any(|it| !it.scope.is_empty()) {
            history.last_seen(&label, &crate::history::Source::devices()).await?
        } else {
            None
        };
        let mut active: Vec<Active> = open
            .iter()
            .filter_map(read)
            .filter(|it| it.is_active() || (pending && it.state == State::Pending))
            .map(|it| with(it, &rules, &acknowledged, &mutes, devices.as_ref(), now.as_second()))
            .collect();
        active.sort_by_key(Active::order);
        Ok(active)
    }

    /// Alerts that fire, or ended at or after `since` (seconds since 1970); the newest first.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if no history is kept or it cannot be read.
    pub async fn past(self, since: Seconds, limit: usize) -> Result<Vec<Episode>> {
        let past = self.history()?.past_alerts(&self.tailnet.label(), since, limit).await?;
        let mut past: Vec<Episode> =
            past.iter().filter_map(read).filter(|it| it.fired_at.is_some()).collect();
        past.sort_by_key(|it| std::cmp::Reverse(it.fired_at));
        Ok(past)
    }

    /// What could not be delivered lately.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if no history is kept or it cannot be read.
    pub async fn undelivered(self, now: Timestamp) -> Result<Vec<Outgoing>> {
        let since = now.as_second() - FAILED;
        self.history()?.undelivered(&self.tailnet.label(), since, 20).await
    }

    /// Who takes care of which alert.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the history cannot be read.
    pub async fn acknowledged(self) -> Result<Vec<Acknowledged>> {
        let documents = self
            .history()?
            .alert_documents(&self.tailnet.label(), AlertDocument::Acknowledgement)
            .await?;
        let read = |(alert, body): (String, String)| {
            let it: Acknowledged = serde_json::from_str(&body).ok()?;
            Some(Acknowledged { alert, ..it })
        };
        Ok(documents.into_iter().filter_map(read).collect())
    }

    /// How many alerts of each rule fire, are pending or settle.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the history cannot be read.
    pub async fn counts(self) -> Result<Vec<AlertCount>> {
        let open = self.history()?.open_alerts(&self.tailnet.label()).await?;
        let mut counts: BTreeMap<(String, Severity, State), usize> = BTreeMap::new();
        for it in open.iter().filter_map(read).filter(|it| it.state != State::Ended) {
            *counts.entry((it.rule, it.severity, it.state)).or_default() += 1;
        }
        let counts = counts.into_iter();
        let count = counts.map(|((rule, severity, state), count)| AlertCount {
            rule,
            severity,
            state,
            count,
        });
        Ok(count.collect())
    }

    /// What is muted at `now`.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the history cannot be read.
    pub async fn mutes(self, now: Timestamp) -> Result<Vec<Mute>> {
        let documents =
            self.history()?.alert_documents(&self.tailnet.label(), AlertDocument::Mute).await?;
        let read = documents.iter().filter_map(|(id, body)| Mute::read(id, body).ok());
        Ok(read.filter(|it| it.until > now).collect())
    }
}

impl Active {
    /// The worst first; what nobody takes care of before the rest, of which the oldest first.
    fn order(&self) -> (std::cmp::Reverse<Severity>, bool, Seconds) {
        let it = &self.episode;
        let since = self.acknowledged.as_ref().map_or(it.since, |ack| ack.at.as_second());
        (std::cmp::Reverse(it.severity), self.acknowledged.is_some(), since)
    }
}

fn with(
    episode: Episode,
    rules: &[Ready],
    acks: &[Acknowledged],
    mute_list: &[Mute],
    devices: Option<&Known>,
    now: Seconds,
) -> Active {
    let acknowledged = acks.iter().find(|it| it.is_for(&episode, now)).cloned();
    let muted = mute_list.iter().find(|it| it.mutes(&episode, devices, now)).cloned();
    let rule = rules.iter().find(|it| it.rule.name == episode.rule).cloned();
    Active { episode, acknowledged, muted, rule }
}

/// An alert as it is kept; none if a later program wrote it otherwise.
fn read(kept: &KeptAlert) -> Option<Episode> {
    serde_json::from_str(&kept.body).ok()
}

/// An alert, to be kept.
fn write(it: &Episode) -> KeptAlert {
    let is_told = it.notified_at.is_none() || it.end_notified;
    let done = it.ended.filter(|_| it.state == State::Ended && is_told).map(|(at, _)| at);
    let body = serde_json::to_string(it).unwrap_or_default();
    KeptAlert { id: it.id.clone(), since: it.since, done, body }
}

/// Puts a rule in place of the one with its name. What it does not say stays as it is.
fn merge(
    ready: &mut Vec<Ready>,
    rule: (String, Result<Rule>),
    origin: Origin,
) -> std::result::Result<(), (String, Error)> {
    let (name, rule) = rule;
    let rule = rule.map_err(|error| (name.clone(), error))?;
    let place = ready.iter().position(|it| it.rule.name == name);
    let before = place.and_then(|at| ready.get(at));
    let merged = before.map_or_else(|| Ok(rule.clone()), |before| rule.over(&before.rule));
    let checked = merged.and_then(|it| it.ready(origin)).map_err(|error| (name, error))?;
    match place.and_then(|at| ready.get_mut(at)) {
        Some(before) => *before = checked,
        None => ready.push(checked),
    }
    Ok(())
}
