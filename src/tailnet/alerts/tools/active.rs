//! What fires now, and what fired before.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::{Acknowledged, Active, Ready, replay::now_of},
    steps,
};
use crate::{
    Error, Operation, Tailnet,
    alerts::{Episode, Severity, State},
    client::Result,
    history::Seconds,
    tailnet::devices::{device::relative, tools::duration},
    tool::{List, Page, Part},
    words::{counted, to_the_second},
};

/// List alerts that fire now, most severe first, with start time, acknowledgement and first step.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct GetActiveAlerts {
    /// Only this severity or above.
    severity: Option<Severity>,
    /// Only alerts of this rule.
    rule: Option<String>,
    /// Also pending alerts, not yet true for as long as `for`.
    pending: bool,
}

/// Counts before rows.
#[derive(Serialize)]
pub(crate) struct ActiveAlerts {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    counts: BTreeMap<&'static str, usize>,
    #[serde(flatten)]
    page: Page,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    undelivered: Vec<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    rule: &'a str,
    subject: &'a str,
    severity: Severity,
    #[serde(skip_serializing_if = "is_firing")]
    state: State,
    summary: &'a str,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    muted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained_by: Option<&'a str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    first_step: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_firing(state: &State) -> bool {
    *state == State::Firing
}

impl List for GetActiveAlerts {
    const NAME: &'static str = "get_active_alerts";
    // Only where nobody watches.
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetDevices];
    const SCOPES: &'static [&'static str] = &["devices:core:read"];
    type Output = ActiveAlerts;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<ActiveAlerts> {
        let now = Timestamp::now();
        let mut notes = Vec::new();
        let watched = tailnet.monitoring().watched(now).await?;
        let mut active = if let Some(watched) = &watched {
            if watched.is_stale {
                let last = &watched.last_look;
                notes.push(format!("nobody has polled since {last}: what fired then is shown"));
            }
            notes.extend(watched.unknown.iter().cloned());
            tailnet.alerts().active(self.pending, now).await?
        } else {
            notes.push(
                "no watcher is running, so this is a single poll, and `for` does not count"
                    .to_owned(),
            );
            look(tailnet, now, &mut notes).await?
        };
        let (rules, broken) = tailnet.alerts().rules().await?;
        if let Some(name) = &self.rule
            && !rules.iter().any(|it| it.rule.name == *name)
            && !active.iter().any(|it| it.episode.rule == *name)
        {
            let all: Vec<&str> = rules.iter().map(|it| it.rule.name.as_str()).collect();
            let should = format!("is `{name}`; the rules are {}", all.join(", "));
            return Err(Error::invalid_input("rule", should));
        }
        notes.extend(broken.iter().map(|it| format!("rule `{}`: {}", it.name, it.why)));
        if watched.is_some() {
            notes.extend(tailnet.alerts().unknown_traffic(&rules, now).await?);
        }
        active.retain(|it| {
            self.severity.is_none_or(|least| it.episode.severity >= least)
                && self.rule.as_ref().is_none_or(|rule| it.episode.rule == *rule)
        });
        let mut counts = BTreeMap::new();
        for it in &active {
            *counts.entry(it.episode.severity.as_str()).or_default() += 1;
        }
        let undelivered = match &watched {
            Some(_) => tailnet.alerts().undelivered(now).await?,
            None => Vec::new(),
        };
        let undelivered = undelivered.iter().map(|it| {
            let why = it.error.as_deref().unwrap_or_default();
            {
                let tries = counted(usize::try_from(it.tries).unwrap_or_default(), "try", "tries");
                format!("{} after {tries}: {why}", it.receiver)
            }
        });
        let rows: Vec<Row<'_>> = active.iter().map(|it| Row::of(it, now)).collect();
        let page = Page::keyed("alerts", &rows, &part, |it| it.id, Ok)?;
        Ok(ActiveAlerts { notes, counts, page, undelivered: undelivered.collect() })
    }
}

/// What fires by one look, where nobody watches.
async fn look(tailnet: &Tailnet, now: Timestamp, notes: &mut Vec<String>) -> Result<Vec<Active>> {
    let (rules, _) = tailnet.alerts().rules().await?;
    let rules: Vec<Ready> = rules.into_iter().filter(Ready::is_on).collect();
    let (held, _) = tailnet.alerts().facts(&rules, now).await?;
    let facts = held.facts(now.as_second());
    let mut active = Vec::new();
    for rule in rules {
        let found = now_of(&rule, &facts);
        notes.extend(found.notes);
        active.extend(found.now.into_iter().map(|mut episode| {
            episode.state = State::Firing;
            Active { episode, acknowledged: None, muted: None, rule: Some(rule.clone()) }
        }));
    }
    active.sort_by_key(|it| (std::cmp::Reverse(it.episode.severity), it.episode.since));
    Ok(active)
}

impl<'a> Row<'a> {
    fn of(it: &'a Active, now: Timestamp) -> Self {
        let episode = &it.episode;
        let acknowledged = it.acknowledged.as_ref().map(|ack| {
            let note = if ack.note.is_empty() { String::new() } else { format!(": {}", ack.note) };
            format!("by {} {}{note}", ack.by, relative(ack.at, now))
        });
        let muted = it.muted.as_ref().map(|mute| {
            format!("by {} until {}: {}", mute.by, to_the_second(mute.until), mute.reason)
        });
        let step = it.rule.as_ref().map(steps::first).unwrap_or_default();
        Self {
            id: &episode.id,
            rule: &episode.rule,
            subject: &episode.subject.name,
            severity: episode.severity,
            state: episode.state,
            summary: &episode.summary,
            since: when(episode.since, now),
            unknown_since: episode.unknown_since.map(|at| when(at, now)),
            acknowledged,
            muted,
            explained_by: episode.explained_by.as_deref(),
            first_step: step,
        }
    }
}

fn when(at: Seconds, now: Timestamp) -> String {
    let at = Timestamp::from_second(at).unwrap_or_default();
    format!("{} ({})", to_the_second(at), relative(at, now))
}

/// List past and current alerts, newest first, with start and end.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct GetAlertHistory {
    /// How far back, such as `24h`; default `30d`.
    window: Option<String>,
    /// Only alerts of this rule.
    rule: Option<String>,
    /// Part of the name of the device, route, key or other subject.
    subject: Option<String>,
}

/// Counts before rows.
#[derive(Serialize)]
pub(crate) struct PastAlerts {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    by_rule: BTreeMap<String, usize>,
    #[serde(flatten)]
    page: Page,
}

#[derive(Serialize)]
struct PastRow<'a> {
    id: &'a str,
    rule: &'a str,
    subject: &'a str,
    severity: Severity,
    summary: &'a str,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged: Option<String>,
}

/// The most alerts that are read.
const PAST: usize = 10_000;

impl List for GetAlertHistory {
    const NAME: &'static str = "get_alert_history";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = PastAlerts;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<PastAlerts> {
        let now = Timestamp::now();
        let window = duration("window", self.window.as_deref().unwrap_or("30d"))?;
        let since = now.as_second() - window.as_secs();
        let mut episodes = tailnet.alerts().past(since, PAST).await?;
        let acknowledged = tailnet.alerts().acknowledged().await?;
        let contains = |it: &Episode, text: &String| {
            it.subject.name.to_lowercase().contains(&text.to_lowercase())
        };
        episodes.retain(|it| {
            self.rule.as_ref().is_none_or(|rule| it.rule == *rule)
                && self.subject.as_ref().is_none_or(|text| contains(it, text))
        });
        let mut by_rule = BTreeMap::new();
        for it in &episodes {
            *by_rule.entry(it.rule.clone()).or_default() += 1;
        }
        let rows: Vec<PastRow<'_>> =
            episodes.iter().map(|it| PastRow::of(it, &acknowledged, now)).collect();
        let page = Page::keyed("alerts", &rows, &part, |it| it.id, Ok)?;
        Ok(PastAlerts { by_rule, page })
    }
}

impl<'a> PastRow<'a> {
    fn of(it: &'a Episode, acknowledged: &[Acknowledged], now: Timestamp) -> Self {
        let by = acknowledged.iter().find(|ack| ack.alert == it.id).map(|ack| ack.by.clone());
        Self {
            id: &it.id,
            rule: &it.rule,
            subject: &it.subject.name,
            severity: it.severity,
            summary: &it.summary,
            since: when(it.since, now),
            ended: it.ended.map(|(at, _)| when(at, now)),
            why: it.ended.map(|(_, why)| why.words()),
            acknowledged: by,
        }
    }
}
