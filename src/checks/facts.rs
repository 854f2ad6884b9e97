//! What the checks look at, read once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::records::{
    Contacts, Device, Event, Invite, Keys, Posture, Settings, Stream, User, Webhook,
};
use crate::policy;

/// A source that was read, or why it was not.
pub type Known<T> = Result<T, Unknown>;

/// Why something is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// The credential lacks a scope, or the tailnet's plan the feature: the API does not say which.
    Scope,
    /// The tailnet's plan lacks the feature.
    Plan,
    /// It could not be read.
    Failed,
    /// The API does not report it.
    NotReported,
}

/// Why something is not known, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unknown {
    /// The class of the reason.
    pub why: Why,
    /// The reason.
    pub text: String,
}

impl Unknown {
    /// A reason in words.
    pub fn new(why: Why, text: impl Into<String>) -> Self {
        Self { why, text: text.into() }
    }

    /// It could not be read.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(Why::Failed, text)
    }

    /// The credential may not see it.
    pub fn scope(what: &str, scope: &str) -> Self {
        let text = format!("the credential may not read {what}; it needs the scope {scope}");
        Self::new(Why::Scope, text)
    }

    /// The API does not report it.
    pub fn not_reported(text: impl Into<String>) -> Self {
        Self::new(Why::NotReported, text)
    }
}

/// Everything that the checks look at. Each source was read, or is unknown.
#[derive(Debug, Clone)]
pub struct Facts {
    /// When it was read.
    pub now: Timestamp,
    /// The devices.
    pub devices: Known<Vec<Device>>,
    /// IDs of the devices that the device checks look at; all if `None`.
    pub selected: Option<BTreeSet<String>>,
    /// IDs of devices whose key was used by several machines in the last 7 days, if somebody watched.
    pub cloned_lately: Option<BTreeSet<String>>,
    /// The users of this tailnet.
    pub users: Known<Vec<User>>,
    /// Keys of all kinds.
    pub keys: Known<Keys>,
    /// The policy file.
    pub policy: Known<Policy>,
    /// The settings that the credential may see.
    pub settings: Known<Settings>,
    /// Whether the tailnet's plan has network flow logs. Asked only if they are off.
    pub has_flow_logs: Known<bool>,
    /// Streaming of the audit log; `None` if it is not streamed.
    pub stream: Known<Option<Stream>>,
    /// The webhooks.
    pub webhooks: Known<Vec<Webhook>>,
    /// The contacts.
    pub contacts: Known<Contacts>,
    /// The posture integrations.
    pub posture: Known<Vec<Posture>>,
    /// The open invitations of users.
    pub invites: Known<Vec<Invite>>,
    /// The audit log of the last 30 days.
    pub log: Known<Vec<Event>>,
}

/// The policy file and what is found in it.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The policy file.
    pub policy: policy::Policy,
    /// The findings of the policy engine.
    pub findings: Vec<policy::Finding>,
    /// Whether they were made with the users and devices of the tailnet, or why not.
    pub inventory: Known<()>,
}

impl Policy {
    /// Parses and evaluates a policy file. This takes seconds for a large one.
    ///
    /// # Errors
    ///
    /// [`Unknown`] if the text is not `HuJSON`.
    pub fn of(text: &str, inventory: Known<policy::Inventory>) -> Known<Self> {
        let parsed = policy::Policy::parse(text);
        let parsed = parsed
            .map_err(|wrong| Unknown::failed(format!("the policy file is not HuJSON: {wrong}")))?;
        let none = policy::Inventory::named("");
        let findings = parsed.compile(inventory.as_ref().unwrap_or(&none)).findings();
        Ok(Self { policy: parsed, findings, inventory: inventory.map(drop) })
    }
}

impl Facts {
    /// Facts of which nothing is known.
    pub fn unknown(now: Timestamp, why: &Unknown) -> Self {
        fn none<T>(why: &Unknown) -> Known<T> {
            Err(why.clone())
        }
        Self {
            now,
            devices: none(why),
            selected: None,
            cloned_lately: None,
            users: none(why),
            keys: none(why),
            policy: none(why),
            settings: none(why),
            has_flow_logs: none(why),
            stream: none(why),
            webhooks: none(why),
            contacts: none(why),
            posture: none(why),
            invites: none(why),
            log: none(why),
        }
    }

    /// All own devices, without those that are shared in.
    pub(super) fn own(&self) -> Known<impl Iterator<Item = &Device> + Clone> {
        let all = self.devices.as_ref().map_err(Clone::clone)?;
        Ok(all.iter().filter(|it| !it.shared_in))
    }

    /// The own devices that a device check looks at.
    pub(super) fn looked_at(&self) -> Known<impl Iterator<Item = &Device> + Clone> {
        let chosen = self.selected.as_ref();
        Ok(self.own()?.filter(move |it| chosen.is_none_or(|ids| ids.contains(&it.id))))
    }
}
