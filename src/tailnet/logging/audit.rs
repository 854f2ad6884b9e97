//! The configuration audit log: who changed what in the tailnet, by event group.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::{ConfigurationAuditLog, Logging, Window, difference::difference, links};
use crate::{client::Result, words::to_the_second};

/// What the audit log covers, and what it does not.
pub const COVERS: &str = "configuration changes of the last 90 days, made by anyone; no sign-ins of VPN \
                          users, no connections and no SSH sessions";

/// The longest actor, target or detail that is shown.
const MAX_CHARS: usize = 200;
/// The maximum number of kinds of events that a note lists.
const MAX_KINDS: usize = 20;

/// Conditions that an event group must meet, all of them. Each is part of a text; case does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditFilter {
    /// Login name, display name or ID of the actor.
    pub actor: Option<String>,
    /// The event, such as `NODE.UPDATE.ACL_TAGS`.
    pub event: Option<String>,
    /// Name or ID of the target.
    pub target: Option<String>,
    /// Words that all occur in the group, in any order.
    pub text: Option<String>,
}

/// The audit log of a window, newest first.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuditLog {
    /// Number of event groups in the window, whatever the filter.
    pub total: usize,
    /// The event groups that meet the filter.
    pub groups: Vec<AuditGroup>,
    /// What is missing or looks wrong.
    pub notes: Vec<String>,
}

/// The entries that one operation caused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditGroup {
    /// Identifies the group in this log.
    #[serde(skip)]
    pub key: String,
    /// Time of the latest entry, RFC 3339.
    pub time: String,
    /// Who did it: login name, display name or ID.
    pub actor: String,
    /// Kind of actor, unless it is a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_type: Option<String>,
    /// How it was done, such as `ADMIN_CONSOLE`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub origin: String,
    /// Number of the change in the journal of this server, if it is certain that it made the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<i64>,
    /// What was done.
    pub events: Vec<AuditEvent>,
}

/// One entry of an event group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AuditEvent {
    /// Target, action and property, such as `NODE.UPDATE.ACL_TAGS`.
    pub event: String,
    /// Name of the target, or its ID.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The old and the new value in few words, without secrets.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// Details of the action.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub details: String,
    /// Why the action failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
}

impl Logging<'_> {
    /// Reads the configuration audit log in `window`
    /// (`GET /tailnet/{tailnet}/logging/configuration`): the event groups of which an entry meets `filter`,
    /// newest first, with the changes of this server's journal that caused them.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `logs:configuration:read`.
    pub async fn audit(&self, window: Window, filter: &AuditFilter) -> Result<AuditLog> {
        let groups = grouped(self.configuration(window, "").await?);
        let total = groups.len();
        let mut notes = Vec::new();
        let links = links::of(self.tailnet, window, &groups).await.unwrap_or_else(|error| {
            notes.push(format!("changes of the journal are not linked: {error}"));
            BTreeMap::new()
        });
        let shown = |(key, logs): (String, Vec<ConfigurationAuditLog>)| {
            let group = AuditGroup::of(&key, &logs, links.get(&key).copied());
            filter.takes(&group, &logs).then_some(group)
        };
        let kinds: BTreeSet<String> = match &filter.event {
            Some(_) => groups.iter().flat_map(|(_, logs)| logs).map(event).collect(),
            None => BTreeSet::new(),
        };
        let mut found: Vec<AuditGroup> = groups.into_iter().filter_map(shown).collect();
        // What has no time that can be read comes last.
        let time = |group: &AuditGroup| group.time.parse::<Timestamp>().ok();
        found.sort_by(|a, b| time(b).cmp(&time(a)).then_with(|| a.key.cmp(&b.key)));
        if found.is_empty() && !kinds.is_empty() {
            let some: Vec<&str> = kinds.iter().take(MAX_KINDS).map(String::as_str).collect();
            let more = if kinds.len() > MAX_KINDS { ", …" } else { "" };
            notes.push(format!("events in this window: {}{more}", some.join(", ")));
        }
        Ok(AuditLog { total, groups: found, notes })
    }
}

/// The entries by event group. Windows include both ends, so an entry may occur twice; it is kept once.
fn grouped(logs: Vec<ConfigurationAuditLog>) -> Vec<(String, Vec<ConfigurationAuditLog>)> {
    let mut seen = BTreeSet::new();
    let mut groups: BTreeMap<String, Vec<ConfigurationAuditLog>> = BTreeMap::new();
    for log in logs {
        let target = log.target.as_ref();
        let id = target.and_then(|it| it.id.clone()).unwrap_or_default();
        let time = log.event_time.clone().unwrap_or_default();
        let place = format!("{time} {} {id}", event(&log));
        let group = log.event_group_id.clone().filter(|it| !it.is_empty());
        // An entry without a group is one of its own.
        let key = group.unwrap_or_else(|| place.clone());
        // Where the API says nothing by which two entries can be told apart, both are kept.
        if time.is_empty() || seen.insert((key.clone(), place)) {
            groups.entry(key).or_default().push(log);
        }
    }
    groups.into_iter().collect()
}

/// Target, action and property of an entry, as the API's filter names events.
pub(super) fn event(log: &ConfigurationAuditLog) -> String {
    let target = log.target.as_ref();
    let kind = target.and_then(|it| it.type_.as_ref()).map(ToString::to_string);
    let property = target.and_then(|it| it.property.as_ref()).map(ToString::to_string);
    let action = log.action.as_ref().map(ToString::to_string);
    let parts = [kind, action, property];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|it| !it.is_empty()).collect();
    if parts.is_empty() { "UNKNOWN".to_owned() } else { parts.join(".") }
}

fn short(text: Option<&str>) -> String {
    let text = super::difference::clean(text.unwrap_or_default());
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

impl AuditGroup {
    fn of(key: &str, logs: &[ConfigurationAuditLog], change: Option<i64>) -> Self {
        let times = logs.iter().filter_map(|it| it.event_time.as_deref());
        let latest = times.clone().filter_map(|it| it.parse::<Timestamp>().ok()).max();
        let odd = || times.clone().next().unwrap_or("unknown");
        let actor = logs.iter().find_map(|it| it.actor.as_ref());
        let names = actor.map(|it| [&it.login_name, &it.display_name, &it.id]);
        let name = names.into_iter().flatten().flatten().find(|it| !it.is_empty());
        let kind = actor.and_then(|it| it.type_.as_ref()).map(ToString::to_string);
        let origin = logs.iter().find_map(|it| it.origin.as_ref()).map(ToString::to_string);
        Self {
            key: key.to_owned(),
            time: latest.map_or_else(|| short(Some(odd())), to_the_second),
            actor: name.map_or_else(|| "unknown".to_owned(), |it| short(Some(it))),
            actor_type: kind.filter(|it| !it.is_empty() && it != "USER"),
            origin: origin.unwrap_or_default(),
            change,
            events: logs.iter().map(AuditEvent::of).collect(),
        }
    }
}

impl AuditEvent {
    fn of(log: &ConfigurationAuditLog) -> Self {
        let target = log.target.as_ref();
        let names = target.map(|it| [&it.name, &it.id]);
        let name = names.into_iter().flatten().flatten().find(|it| !it.is_empty());
        let is_secret =
            target.and_then(|it| it.property.as_ref()).is_some_and(|it| it.to_string() == "SECRET");
        let what = if is_secret && (log.old.is_some() || log.new.is_some()) {
            "•••".to_owned()
        } else {
            difference(log.old.as_ref(), log.new.as_ref())
        };
        Self {
            event: event(log),
            target: short(name.map(String::as_str)),
            what,
            details: short(log.action_details.as_deref()),
            error: short(log.error.as_deref()),
        }
    }
}

impl AuditFilter {
    fn takes(&self, group: &AuditGroup, logs: &[ConfigurationAuditLog]) -> bool {
        let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let actor = |wanted: &String| {
            let actors = logs.iter().filter_map(|it| it.actor.as_ref());
            let mut names = actors.flat_map(|it| [&it.login_name, &it.display_name, &it.id]);
            names.any(|it| it.as_deref().is_some_and(|it| has(it, wanted)))
        };
        let target = |wanted: &String| {
            let targets = logs.iter().filter_map(|it| it.target.as_ref());
            let mut names = targets.flat_map(|it| [&it.name, &it.id]);
            names.any(|it| it.as_deref().is_some_and(|it| has(it, wanted)))
        };
        let event = |wanted: &String| group.events.iter().any(|it| has(&it.event, wanted));
        // Only what is shown is searched: a search must not find out a secret.
        let text = |wanted: &String| {
            let shown = serde_json::to_string(group).unwrap_or_default().to_lowercase();
            wanted.split_whitespace().all(|word| shown.contains(&word.to_lowercase()))
        };
        self.actor.as_ref().is_none_or(actor)
            && self.event.as_ref().is_none_or(event)
            && self.target.as_ref().is_none_or(target)
            && self.text.as_ref().is_none_or(text)
    }
}
