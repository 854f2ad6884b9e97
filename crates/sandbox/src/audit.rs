//! The configuration audit log, which has an entry for every change made through the API.

use std::borrow::Cow;
use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clock::rfc3339;
use super::http::{Call, Failure, Outcome, Reply};
use super::ids;
use super::keys::Kind;
use super::state::{Identity, State};
use super::webhooks::Happened;

/// The most entries kept; the oldest are dropped first.
const CAPACITY: usize = 100_000;

/// A constant string of the log. Only those loaded from a file are allocated.
type Word = Cow<'static, str>;

/// Who made a change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Actor {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: Word,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) login_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) display_name: String,
}

/// The object that was changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: Word,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_ephemeral: bool,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    property: Word,
}

impl Target {
    fn new(kind: &'static str, id: &str, name: &str) -> Self {
        let (id, name) = (id.to_owned(), name.to_owned());
        Self { id, name, kind: kind.into(), is_ephemeral: false, property: "".into() }
    }

    pub(crate) fn property(&self) -> &str {
        &self.property
    }

    pub(crate) fn node(id: &str, name: &str, is_ephemeral: bool) -> Self {
        Self { is_ephemeral, ..Self::new("NODE", id, name) }
    }

    pub(crate) fn user(id: &str, name: &str) -> Self {
        Self::new("USER", id, name)
    }

    pub(crate) fn key(id: &str, name: &str) -> Self {
        Self::new("API_KEY", id, name)
    }

    pub(crate) fn webhook(id: &str, url: &str) -> Self {
        Self::new("WEBHOOK_ENDPOINT", id, url)
    }

    pub(crate) fn invite(id: &str, email: &str) -> Self {
        Self::new("INVITE", id, email)
    }

    pub(crate) fn tailnet(identity: &Identity) -> Self {
        Self::new("TAILNET", &identity.id, &identity.name)
    }

    pub(crate) fn admin_console(identity: &Identity) -> Self {
        Self::new("ADMIN_CONSOLE", &identity.id, &identity.name)
    }
}

/// A change, before it gets an actor and a time.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    action: &'static str,
    target: Target,
    old: Option<Value>,
    new: Option<Value>,
    details: String,
}

impl Event {
    pub(crate) fn new(action: &'static str, target: Target) -> Self {
        Self { action, target, old: None, new: None, details: String::new() }
    }

    pub(crate) fn action(&self) -> &'static str {
        self.action
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The values before and after.
    pub(crate) fn values(&self) -> (Option<&Value>, Option<&Value>) {
        (self.old.as_ref(), self.new.as_ref())
    }

    /// Sets the property that changed, and its values before and after; null means that there is no value.
    pub(crate) fn property(mut self, name: &'static str, old: Value, new: Value) -> Self {
        self.target.property = name.into();
        self.old = Some(old).filter(|value| !value.is_null());
        self.new = Some(new).filter(|value| !value.is_null());
        self
    }

    pub(crate) fn details(mut self, details: &str) -> Self {
        details.clone_into(&mut self.details);
        self
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    event_time: Timestamp,
    #[serde(rename = "type")]
    kind: Word,
    deferred_at: Word,
    #[serde(rename = "eventGroupID")]
    event_group_id: String,
    origin: Word,
    actor: Actor,
    target: Target,
    action: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    old: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new: Option<Value>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    action_details: String,
}

impl Entry {
    /// The name for the `event` filter, such as `NODE.UPDATE.ACL_TAGS`.
    fn event_name(&self) -> String {
        let Target { kind, property, .. } = &self.target;
        let separator = if property.is_empty() { "" } else { "." };
        format!("{kind}.{}{separator}{property}", self.action)
    }
}

/// The response of the audit log endpoint.
#[derive(Serialize)]
struct Page<'a> {
    version: &'static str,
    tailnet: &'a str,
    logs: Vec<&'a Entry>,
}

/// The log, oldest entry first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    count: u64,
}

impl Log {
    /// Appends an event. All events of one request share a group ID.
    pub(crate) fn append(
        &mut self,
        at: Timestamp,
        origin: &'static str,
        group: String,
        actor: Actor,
        event: Event,
    ) {
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        let Event { action, target, old, new, details } = event;
        self.entries.push_back(Entry {
            event_time: at,
            kind: "CONFIG".into(),
            deferred_at: "0001-01-01T00:00:00Z".into(),
            event_group_id: group,
            origin: origin.into(),
            actor,
            target,
            action: action.into(),
            old,
            new,
            action_details: details,
        });
    }

    /// A new event group ID.
    pub(crate) fn next_group(&mut self) -> String {
        self.count += 1;
        ids::hex_digest(self.count, 7).chars().take(32).collect()
    }

    /// Sorts the entries by time, after the seeded history was added.
    pub(crate) fn sort(&mut self) {
        self.entries.make_contiguous().sort_by_key(|entry| entry.event_time);
    }
}

impl State {
    /// Keeps the messages for webhooks that an event means.
    pub(crate) fn notify(&mut self, event: &Event, actor: &Actor, now: Timestamp) {
        let by = if actor.login_name.is_empty() { &actor.id } else { &actor.login_name };
        let Some(happened) = Happened::of(event, by) else { return };
        let notice = |it| happened.notice(it, &self.identity.name, now);
        let notices: Vec<_> = self.webhooks.values().filter_map(notice).collect();
        self.notices.extend(notices);
    }
}

impl Call<'_> {
    /// Logs a change made by the caller.
    pub(crate) fn record(&mut self, event: Event) {
        self.record_all(vec![event]);
    }

    /// Logs several changes that one request made.
    pub(crate) fn record_all(&mut self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let actor = self.actor();
        let group = self.state.audit.next_group();
        for event in events {
            self.state.notify(&event, &actor, self.now);
            let (group, actor) = (group.clone(), actor.clone());
            self.state.audit.append(self.now, "CONFIG_API", group, actor, event);
        }
    }

    fn actor(&self) -> Actor {
        let user_id = self.principal.user_id.as_deref().unwrap_or_default();
        if self.principal.kind == Kind::Api {
            let user = self.state.users.get(user_id);
            return Actor {
                id: user_id.to_owned(),
                kind: "USER".into(),
                login_name: user.map(|user| user.login_name.to_string()).unwrap_or_default(),
                display_name: user.map(|user| user.display_name.clone()).unwrap_or_default(),
            };
        }
        let key = self.state.keys.get(&self.principal.key_id);
        Actor {
            id: self.principal.key_id.clone(),
            kind: "OAUTH_CLIENT".into(),
            login_name: String::new(),
            display_name: key.map(|key| key.description.clone()).unwrap_or_default(),
        }
    }

    /// The query parameters `start` and `end`, which every log endpoint requires.
    pub(crate) fn window(&self) -> Result<(Timestamp, Timestamp), Failure> {
        let read = |name: &str| {
            let text = self.query(name).filter(|text| !text.is_empty());
            let text = text.ok_or_else(|| {
                Failure::bad_request(format!("missing required query parameter {name:?}"))
            })?;
            rfc3339(text).ok_or_else(|| {
                Failure::bad_request(format!("invalid {name} {text:?}: not an RFC 3339 time"))
            })
        };
        Ok((read("start")?, read("end")?))
    }
}

/// `GET /tailnet/{tailnet}/logging/configuration`: entries from `start` to `end`, both included. Several
/// values of one filter are alternatives; different filters must all match.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let (start, end) = call.window()?;
    let (actors, targets) = (call.query_all("actor"), call.query_all("target"));
    let events = call.query_all("event");
    let matching = call.state.audit.entries.iter().filter(|entry| {
        (start..=end).contains(&entry.event_time)
            && (actors.is_empty() || actors.iter().any(|wanted| is_actor(&entry.actor, wanted)))
            && (targets.is_empty() || targets.iter().any(|wanted| is_target(&entry.target, wanted)))
            && (events.is_empty() || events.contains(&entry.event_name().as_str()))
    });
    let logs: Vec<&Entry> = matching.collect();
    Reply::json(&Page { version: "1.1", tailnet: &call.state.identity.name, logs })
}

fn is_actor(actor: &Actor, wanted: &str) -> bool {
    let Some(part) = wanted.strip_prefix('~') else { return actor.id == wanted };
    contains(&actor.login_name, part) || contains(&actor.display_name, part)
}

fn is_target(target: &Target, wanted: &str) -> bool {
    contains(&target.id, wanted) || contains(&target.name, wanted)
}

fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}
