//! Alert tools.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Acknowledged, Active, Origin, Ready, Rule, defaults, replay::now_of};
use crate::{
    Error, Operation, Tailnet,
    alerts::{Episode, Severity, State},
    change::Plan,
    client::Result,
    history::Seconds,
    tailnet::devices::{device::relative, tools::duration},
    tool::{Edit, List, Page, PageSize, Part, Risk, Toolset, edit, list},
    words::to_the_second,
};

mod steps;

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "alerts",
    about: "Alerts: what fires, who takes care of it, and the rules.",
    instructions: "Alerts need a history and somebody who watches: `serve --watch` or `watch`.",
    default: false,
    tools: &[
        list::<GetActiveAlerts>(),
        list::<GetAlertHistory>(),
        list::<ListAlertRules>(),
        edit::<SetAlertRules>(),
        edit::<AcknowledgeAlert>(),
        edit::<MuteAlerts>(),
    ],
};

/// Show what fires now, the worst first: since when, who takes care of it, and what to do first.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct GetActiveAlerts {
    /// Only this severity or above.
    severity: Option<Severity>,
    /// Only alerts of this rule.
    rule: Option<String>,
    /// Also what does not hold for long enough yet.
    pending: bool,
}

/// Counts before rows.
#[derive(Serialize)]
pub(crate) struct ActiveAlerts {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    counts: BTreeMap<&'static str, usize>,
    #[serde(flatten)]
    page: Page,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    undelivered: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    rule: &'a str,
    subject: &'a str,
    severity: Severity,
    #[serde(skip_serializing_if = "is_firing")]
    state: State,
    said: &'a str,
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
        let mut active = match &watched {
            Some(watched) => {
                if watched.is_stale {
                    notes.push(format!(
                        "nobody has looked since {}: what fired then is shown",
                        watched.last_look
                    ));
                }
                notes.extend(watched.unknown.iter().cloned());
                tailnet.alerts().active(self.pending, now).await?
            }
            None => {
                notes.push(
                    "nobody watches, so this is one look, and `for` does not count".to_owned(),
                );
                look(tailnet, now, &mut notes).await?
            }
        };
        let (_, broken) = tailnet.alerts().rules().await?;
        notes.extend(broken.iter().map(|it| format!("rule `{}` is not used: {}", it.name, it.why)));
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
            format!("{} after {} tries: {why}", it.receiver, it.tries)
        });
        let rows: Vec<Row<'_>> = active.iter().map(|it| Row::of(it, now)).collect();
        let page = Page::keyed("alerts", &rows, &part, |it| it.id, Ok)?;
        Ok(ActiveAlerts { counts, page, undelivered: undelivered.collect(), notes })
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
            said: &episode.said,
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

/// Show alerts that fired before, the newest first, with their length.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct GetAlertHistory {
    /// How far back, such as `24h`; default `30d`.
    window: Option<String>,
    /// Only alerts of this rule.
    rule: Option<String>,
    /// Part of the name of what it was about.
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
    said: &'a str,
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
        let mut past = tailnet.alerts().past(since, PAST).await?;
        let acknowledged = tailnet.alerts().acknowledged().await?;
        let part_of = |it: &Episode, text: &String| {
            it.subject.name.to_lowercase().contains(&text.to_lowercase())
        };
        past.retain(|it| {
            self.rule.as_ref().is_none_or(|rule| it.rule == *rule)
                && self.subject.as_ref().is_none_or(|text| part_of(it, text))
        });
        let mut by_rule = BTreeMap::new();
        for it in &past {
            *by_rule.entry(it.rule.clone()).or_default() += 1;
        }
        let rows: Vec<PastRow<'_>> =
            past.iter().map(|it| PastRow::of(it, &acknowledged, now)).collect();
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
            said: &it.said,
            since: when(it.since, now),
            ended: it.ended.map(|(at, _)| when(at, now)),
            why: it.ended.map(|(_, why)| why.words()),
            acknowledged: by,
        }
    }
}

/// List the alert rules: what each looks for, and where it comes from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ListAlertRules {
    /// Only the rule of this name, with the reason for its numbers.
    rule: Option<String>,
}

/// The rules, the receivers and what is muted.
#[derive(Serialize)]
pub(crate) struct Rules {
    #[serde(flatten)]
    page: Page,
    receivers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mutes: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl List for ListAlertRules {
    const NAME: &'static str = "list_alert_rules";
    const OPERATIONS: &'static [Operation] = &[];
    const PAGE: PageSize = PageSize { usual: 50, max: 200 };
    type Output = Rules;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Rules> {
        let (mut rules, broken) = tailnet.alerts().rules().await?;
        rules.retain(|it| self.rule.as_ref().is_none_or(|name| it.rule.name == *name));
        let reasons = defaults::built_in();
        let row = |it: &Ready| {
            let mut row = serde_json::to_value(&it.rule).unwrap_or_default();
            if let Some(fields) = row.as_object_mut() {
                fields.insert("from".to_owned(), json!(it.origin));
                let why = reasons.iter().find(|why| why.rule.name == it.rule.name);
                if let Some(why) =
                    why.filter(|_| self.rule.is_some() && it.origin == Origin::BuiltIn)
                {
                    fields.insert("why".to_owned(), why.why.into());
                }
            }
            Ok(row)
        };
        let page = Page::keyed("rules", &rules, &part, |it| &it.rule.name, row)?;
        let receivers = tailnet.alert_setup().map(|it| it.receivers.clone()).unwrap_or_default();
        let mutes = match tailnet.history() {
            Some(_) => tailnet.alerts().mutes(Timestamp::now()).await?,
            None => Vec::new(),
        };
        let mutes = mutes.iter().map(|it| {
            let mut row = json!(it);
            if let Some(fields) = row.as_object_mut() {
                fields.insert("id".to_owned(), it.id.clone().into());
            }
            row
        });
        let notes = broken.iter().map(|it| format!("`{}` is not used: {}", it.name, it.why));
        Ok(Rules { page, receivers, mutes: mutes.collect(), notes: notes.collect() })
    }
}

/// Set alert rules, each in place of the one with its name; what a rule leaves out stays. `dry_run` says what
/// would fire now and in the last 30 days.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct SetAlertRules {
    /// The rules.
    rules: Vec<Rule>,
    /// Names of rules to remove that were set before.
    remove: Vec<String>,
}

impl Edit for SetAlertRules {
    const NAME: &'static str = "set_alert_rules";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        if self.rules.is_empty() && self.remove.is_empty() {
            return Err(Error::invalid_input("rules", "and `remove` are empty; give one of them"));
        }
        tailnet.alerts().plan_rules(&self.rules, &self.remove).await
    }
}

/// Note that somebody takes care of an alert: nobody is reminded of it until it ends.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct AcknowledgeAlert {
    /// ID of the alert; or give `rule`.
    alert: Option<String>,
    /// All alerts of this rule that fire now.
    rule: Option<String>,
    /// What is done about it.
    note: String,
    /// For how long at most, such as `8h`; by default until it ends.
    #[serde(rename = "for")]
    length: Option<String>,
}

impl Edit for AcknowledgeAlert {
    const NAME: &'static str = "acknowledge_alert";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let length = self.length.as_deref().map(|it| duration("for", it)).transpose()?;
        let (alert, rule) = (self.alert.as_deref(), self.rule.as_deref());
        tailnet.alerts().plan_acknowledge(alert, rule, &self.note, length).await
    }
}

/// Mute alerts for a time, with a reason: of a rule, of devices, or all. They are still listed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct MuteAlerts {
    /// Only alerts of this rule.
    rule: Option<String>,
    /// Only devices that these filters of `list_devices` take.
    scope: Map<String, Value>,
    /// Why.
    reason: String,
    /// How long, such as `2h`; at most `90d`.
    #[serde(rename = "for")]
    length: Option<String>,
    /// ID of a mute to end instead.
    end: Option<String>,
}

impl Edit for MuteAlerts {
    const NAME: &'static str = "mute_alerts";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        if let Some(end) = &self.end {
            let given = [
                ("rule", self.rule.is_some()),
                ("scope", !self.scope.is_empty()),
                ("reason", !self.reason.is_empty()),
                ("for", self.length.is_some()),
            ];
            if let Some((other, _)) = given.iter().find(|it| it.1) {
                return Err(Error::invalid_input(*other, "does not apply together with `end`"));
            }
            return tailnet.alerts().plan_unmute(end).await;
        }
        let length = self.length.as_deref().ok_or_else(|| {
            Error::invalid_input("for", "is missing; a mute must end, such as after `2h`")
        })?;
        let length = duration("for", length)?;
        tailnet.alerts().plan_mute(self.rule.as_deref(), self.scope, &self.reason, length).await
    }
}
