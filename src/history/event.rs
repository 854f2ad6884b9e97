//! Entries of the configuration audit log, as they are remembered.

use jiff::Timestamp;
use serde_json::Value;

use super::Seconds;
use crate::client::call::member;

/// The property of an entry whose new value is kept.
const ROLE: &str = "USER_ROLE";

/// An entry of the configuration audit log, without the values before and after, which may be secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When it happened, in seconds since 1970.
    pub at: Seconds,
    /// What was done, such as `UPDATE`.
    pub action: String,
    /// What it was done to, such as `NODE`.
    pub target: String,
    /// The ID of that.
    pub target_id: String,
    /// The property that changed; may be empty.
    pub property: String,
    /// Who did it: a login name, or else an ID.
    pub actor: String,
    /// What kind of actor that is, such as `USER`.
    pub actor_kind: String,
    /// The role that a user got. Other values are not kept, since they may be secret.
    pub value: String,
    /// What tells it from all other entries.
    pub entry: String,
}

impl Event {
    /// Reads an entry. What is missing in it stays empty; without a time it gets `now`.
    pub fn read(entry: &Value, now: Seconds) -> Self {
        let text = |of: &Value, name: &str| {
            member(of, name).map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned))
        };
        let at = text(entry, "eventTime").and_then(|it| it.parse::<Timestamp>().ok());
        let none = Value::Null;
        let target = entry.get("target").unwrap_or(&none);
        let actor = entry.get("actor").unwrap_or(&none);
        let mut event = Self {
            at: at.map_or(now, Timestamp::as_second),
            action: text(entry, "action").unwrap_or_default(),
            target: text(target, "type").unwrap_or_default(),
            target_id: text(target, "id").unwrap_or_default(),
            property: text(target, "property").unwrap_or_default(),
            actor: ["loginName", "displayName", "id"]
                .iter()
                .find_map(|name| text(actor, name))
                .unwrap_or_default(),
            actor_kind: text(actor, "type").unwrap_or_default(),
            value: String::new(),
            entry: String::new(),
        };
        if event.property == ROLE {
            event.value = text(entry, "new").unwrap_or_default();
        }
        // Both ends of a window belong to it, and windows overlap: the same entry comes more than once.
        let group = text(entry, "eventGroupID").unwrap_or_default();
        let time = text(entry, "eventTime").unwrap_or_default();
        let parts =
            [&group, &time, &event.action, &event.target, &event.target_id, &event.property];
        event.entry = parts.map(String::as_str).join("\u{1f}");
        event
    }
}
