//! The records that facts consist of: devices, users, keys and others, with what the checks look at.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::version::Version;

/// A device.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent, as the API has them")]
pub struct Device {
    /// The ID.
    pub id: String,
    /// The name without the tailnet's domain.
    pub name: String,
    /// The host name that the device reports.
    pub hostname: String,
    /// The operating system.
    pub os: String,
    /// The login name of whoever registered it.
    pub user: String,
    /// The tags.
    pub tags: Vec<String>,
    /// The version of the client, as the API writes it.
    pub version: String,
    /// Whether it is connected to the control server.
    pub online: bool,
    /// When it was last connected; absent while connected and if it never was.
    pub last_seen: Option<Timestamp>,
    /// When it joined.
    pub created: Option<Timestamp>,
    /// When its key expires.
    pub expires: Option<Timestamp>,
    /// Whether its key does not expire.
    pub key_expiry_disabled: bool,
    /// Whether it waits for approval.
    pub waits: bool,
    /// Whether it is shared in from another tailnet.
    pub shared_in: bool,
    /// Whether it is removed by itself after it goes offline.
    pub ephemeral: bool,
    /// Whether it runs Tailscale SSH.
    pub ssh: bool,
    /// Whether several machines use its key now.
    pub multiple_connections: bool,
    /// Why its Tailnet Lock signature is not accepted.
    pub lock_error: String,
    /// Whether it refuses incoming connections.
    pub blocks_incoming: bool,
    /// The routes that it offers.
    pub advertised: Vec<String>,
    /// The routes that are enabled.
    pub enabled: Vec<String>,
}

impl Device {
    pub(super) fn version(&self) -> Option<Version> {
        self.version.parse().ok()
    }

    pub(super) fn is_tagged(&self) -> bool {
        !self.tags.is_empty()
    }

    /// Whether it never connected: then no client runs on it.
    pub(super) fn never_connected(&self) -> bool {
        !self.online && self.last_seen.is_none()
    }

    /// How long it has been disconnected; zero if it is connected, `None` if that is not known.
    pub(super) fn silence(&self, now: Timestamp) -> Option<SignedDuration> {
        if self.online {
            return Some(SignedDuration::ZERO);
        }
        self.last_seen.map(|then| now.duration_since(then))
    }

    /// Whose device it is, in words.
    pub(crate) fn owner(&self) -> String {
        if self.is_tagged() { self.tags.join(",") } else { self.user.clone() }
    }
}

/// A user.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// The ID.
    pub id: String,
    /// The login name.
    pub login: String,
    /// The role, such as `admin`.
    pub role: String,
    /// The status, such as `suspended`.
    pub status: String,
    /// Whether one of their devices is connected.
    pub connected: bool,
    /// When they were last seen.
    pub last_seen: Option<Timestamp>,
    /// How many devices they have.
    pub devices: Option<i64>,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum KeyKind {
    /// Lets devices join.
    #[default]
    Auth,
    /// An OAuth client.
    Client,
    /// A federated identity.
    Federated,
    /// An API access token.
    Api,
}

impl KeyKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Auth, Self::Client, Self::Federated, Self::Api];

    /// The scope that shows keys of this kind.
    pub fn scope(self) -> &'static str {
        match self {
            Self::Auth => "auth_keys:read",
            Self::Client => "oauth_keys:read",
            Self::Federated => "federated_keys:read",
            Self::Api => "api_access_tokens:read",
        }
    }

    /// The name, such as `auth key`.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Auth => "auth key",
            Self::Client => "OAuth client",
            Self::Federated => "federated identity",
            Self::Api => "API access token",
        }
    }

    /// The name, such as `auth keys`.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Auth => "auth keys",
            Self::Client => "OAuth clients",
            Self::Federated => "federated identities",
            Self::Api => "API access tokens",
        }
    }
}

/// The keys, and of which kinds all were seen.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The valid keys.
    pub list: Vec<Key>,
    /// The kinds that the credential may see. A kind that it may not see is absent from the list.
    pub readable: BTreeSet<KeyKind>,
}

/// A key.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Key {
    /// The ID.
    pub id: String,
    /// What it is for.
    pub kind: KeyKind,
    /// Its description.
    pub description: String,
    /// The ID of the user who made it; empty if a trust credential did.
    pub user: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// Whether several devices may join with it.
    pub reusable: bool,
    /// Whether devices that join with it need no approval.
    pub preauthorized: bool,
    /// The tags of devices that join with it, or of the credential.
    pub tags: Vec<String>,
    /// The scopes.
    pub scopes: Vec<String>,
}

/// The settings. `None` if the credential may not see it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether the policy file is managed elsewhere.
    pub externally_managed: Option<bool>,
    /// Whether new devices need approval.
    pub device_approval: Option<bool>,
    /// Whether clients update themselves.
    pub auto_updates: Option<bool>,
    /// How many days keys of devices last.
    pub key_days: Option<i64>,
    /// Whether new users need approval.
    pub user_approval: Option<bool>,
    /// Who may join other tailnets: `none`, `admin` or `member`.
    pub may_join_others: Option<String>,
    /// Whether network flows are logged.
    pub flow_logs: Option<bool>,
}

/// Where the audit log is streamed to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stream {
    /// The kind of destination.
    pub destination: String,
    /// The last error; `None` if the status could not be read.
    pub last_error: Option<String>,
}

/// A webhook.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// The ID.
    pub id: String,
    /// The events.
    pub events: Vec<String>,
}

/// The contacts: an email address, and whether it still has to be verified.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contacts {
    /// The address for account changes.
    pub account: String,
    /// The address for security issues.
    pub security: String,
    /// Whether that address still has to be verified.
    pub security_unverified: bool,
}

/// A posture integration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Posture {
    /// The ID.
    pub id: String,
    /// The provider.
    pub provider: String,
    /// Why the last sync failed; empty if it did not.
    pub error: String,
    /// When it was last tried.
    pub last_sync: Option<Timestamp>,
    /// Devices found at the provider.
    pub matched: Option<i64>,
    /// Devices that could be found.
    pub possible: Option<i64>,
}

/// An open invitation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Invite {
    /// The ID.
    pub id: String,
    /// The address; empty if it is passed on by hand.
    pub email: String,
    /// The role that the person gets.
    pub role: String,
    /// When it was last mailed.
    pub mailed: Option<Timestamp>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Event {
    /// When it happened.
    pub at: Option<Timestamp>,
    /// Where it came in, such as `ADMIN_CONSOLE`.
    pub origin: String,
    /// Who did it: login name, or ID.
    pub actor: String,
    /// The kind of actor, such as `USER`.
    pub actor_kind: String,
    /// What was done, such as `DISABLE`.
    pub action: String,
    /// The kind of the target, such as `TAILNET`.
    pub target_kind: String,
    /// The name of the target.
    pub target: String,
    /// The property, such as `TKA`.
    pub property: String,
    /// The new value, as text.
    pub new: String,
    /// Whether it failed.
    pub failed: bool,
}
