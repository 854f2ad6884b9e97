//! Auth keys, OAuth clients, federated identities and access keys, in one store as in the API.

mod create;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use super::audit::{Event, Target};
use super::auth::Principal;
use super::clock::whole_seconds;
use super::http::{Call, Failure, Outcome, Reply};

pub(crate) use create::{create, update};

/// The type of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Auth,
    Client,
    Api,
    Federated,
}

impl Kind {
    /// The scope needed to manage keys of this type.
    fn scope(self) -> &'static str {
        match self {
            Self::Auth => "auth_keys",
            Self::Client => "oauth_keys",
            Self::Api => "api_access_tokens",
            Self::Federated => "federated_keys",
        }
    }

    fn read_scope(self) -> &'static str {
        match self {
            Self::Auth => "auth_keys:read",
            Self::Client => "oauth_keys:read",
            Self::Api => "api_access_tokens:read",
            Self::Federated => "federated_keys:read",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Client => "client",
            Self::Api => "api",
            Self::Federated => "federated",
        }
    }
}

/// The properties of devices that register with an auth key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct DeviceCapabilities {
    pub(crate) reusable: bool,
    pub(crate) ephemeral: bool,
    pub(crate) preauthorized: bool,
    #[serde(deserialize_with = "super::state::null_as_default")]
    pub(crate) tags: Vec<String>,
}

/// A stored key. Only the response that creates it includes the secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) secret: String,
    pub(crate) description: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Option<Timestamp>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) revoked: Option<Timestamp>,
    pub(crate) capabilities: Option<DeviceCapabilities>,
    pub(crate) scopes: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
    pub(crate) custom_claim_rules: BTreeMap<String, String>,
    /// Whether this is one of the sandbox's own credentials, which cannot be deleted: that would lock users
    /// out.
    pub(crate) built_in: bool,
}

impl Key {
    pub(crate) fn new(id: String, kind: Kind, secret: String, created: Timestamp) -> Self {
        Self {
            id,
            kind,
            secret,
            description: String::new(),
            created,
            updated: None,
            expires: None,
            revoked: None,
            capabilities: None,
            scopes: Vec::new(),
            tags: Vec::new(),
            user_id: None,
            issuer: String::new(),
            subject: String::new(),
            audience: String::new(),
            custom_claim_rules: BTreeMap::new(),
            built_in: false,
        }
    }

    /// Whether the key is neither revoked nor expired.
    pub(crate) fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| expires > now)
    }

    fn wire(&self, now: Timestamp, show_secret: bool) -> WireKey<'_> {
        let lifetime = self.expires.map(|expires| expires.as_second() - self.created.as_second());
        WireKey {
            id: &self.id,
            key: if show_secret { &self.secret } else { "" },
            key_type: self.kind,
            expiry_seconds: lifetime,
            created: self.created,
            updated: self.updated,
            expires: self.expires,
            revoked: self.revoked,
            capabilities: self
                .capabilities
                .as_ref()
                .map(|create| Capabilities { devices: Devices { create } }),
            scopes: &self.scopes,
            tags: &self.tags,
            description: &self.description,
            invalid: !self.is_valid(now),
            user_id: self.user_id.as_deref().unwrap_or_default(),
            audience: &self.audience,
            issuer: &self.issuer,
            subject: &self.subject,
            custom_claim_rules: (self.kind == Kind::Federated).then_some(&self.custom_claim_rules),
        }
    }
}

/// A key as the API returns it; empty fields are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireKey<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    key: &'a str,
    key_type: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_seconds: Option<i64>,
    created: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<Capabilities<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    invalid: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    audience: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    issuer: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    /// Present, even if empty, on federated identities only.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_claim_rules: Option<&'a BTreeMap<String, String>>,
}

#[derive(Serialize)]
struct Capabilities<'a> {
    devices: Devices<'a>,
}

#[derive(Serialize)]
struct Devices<'a> {
    create: &'a DeviceCapabilities,
}

/// All keys, including deleted ones, which stay readable as invalid.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Vec<Key>")]
pub(crate) struct Keys {
    by_id: BTreeMap<String, Key>,
    ids_by_secret: HashMap<String, String>,
}

impl From<Vec<Key>> for Keys {
    fn from(list: Vec<Key>) -> Self {
        let mut keys = Self::default();
        for key in list {
            keys.insert(key);
        }
        keys
    }
}

impl Serialize for Keys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.by_id.values())
    }
}

impl Keys {
    pub(crate) fn insert(&mut self, key: Key) {
        if !key.secret.is_empty() {
            self.ids_by_secret.insert(key.secret.clone(), key.id.clone());
        }
        self.by_id.insert(key.id.clone(), key);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Key> {
        self.by_id.get(id)
    }

    /// The valid key of this type that has this secret.
    pub(crate) fn by_secret(&self, secret: &str, kind: Kind, now: Timestamp) -> Option<&Key> {
        let key = self.by_id.get(self.ids_by_secret.get(secret)?)?;
        (key.kind == kind && key.is_valid(now)).then_some(key)
    }

    /// The caller that this access key authenticates.
    pub(crate) fn access_key(&self, secret: &str, now: Timestamp) -> Option<Principal> {
        let key = self.by_secret(secret, Kind::Api, now)?;
        Some(Principal {
            key_id: key.id.clone(),
            kind: key.kind,
            user_id: key.user_id.clone(),
            scopes: key.scopes.clone(),
            tags: Vec::new(),
        })
    }
}

/// `GET /tailnet/{tailnet}/keys`: the active keys that the caller's scopes allow. Without `all=true`, only
/// keys of the caller's own type.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let principal = &call.principal;
    let all = call.switch("all")?;
    let own = |key: &Key| match principal.kind {
        Kind::Api | Kind::Auth => key.user_id.is_some() && key.user_id == principal.user_id,
        Kind::Client | Kind::Federated => key.kind == principal.kind,
    };
    let shown = call.state.keys.by_id.values().filter(|key| key.is_valid(call.now));
    let shown = shown.filter(|key| principal.may(key.kind.read_scope()) && (all || own(key)));
    let keys: Vec<_> = shown.map(|key| key.wire(call.now, false)).collect();
    Reply::json(&json!({ "keys": keys }))
}

/// `GET /tailnet/{tailnet}/keys/{keyId}`: any key that the caller's scopes allow, and always the caller's
/// own.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.param("keyId");
    let key = call.state.keys.get(&id);
    if id != call.principal.key_id {
        let any = [Kind::Auth, Kind::Client, Kind::Api, Kind::Federated];
        let readable = |kind: &Kind| call.principal.may(kind.read_scope());
        if !key.map_or_else(|| any.iter().any(readable), |key| readable(&key.kind)) {
            return Err(Failure::forbidden());
        }
    }
    Reply::json(&key.ok_or_else(no_such_key)?.wire(call.now, false))
}

/// `DELETE /tailnet/{tailnet}/keys/{keyId}`: revokes the key and its access tokens immediately.
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.param("keyId");
    let at = whole_seconds(call.now);
    let key = call.state.keys.by_id.get_mut(&id).ok_or_else(no_such_key)?;
    call.principal.require(key.kind.scope())?;
    if key.built_in {
        return Err(Failure::bad_request("the sandbox's own credentials cannot be deleted"));
    }
    if key.revoked.is_some() {
        return Err(no_such_key());
    }
    key.revoked = Some(at);
    let target = Target::key(&key.id, &key.description);
    call.record(Event::new("REVOKE", target));
    Ok(Reply::empty())
}

fn no_such_key() -> Failure {
    Failure::not_found("key not found")
}
