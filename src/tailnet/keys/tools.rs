//! Key tools.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Kind, NewKey, Update,
    change::is_gone,
    rotation::{self, Policy, Report},
};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::{Result, call},
    tailnet::{devices::tools::duration, resource},
    tool::{Edit, List, Page, Part, Query, Toolset, edit, list, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "key_management",
    about: "Auth keys, OAuth clients, federated identities and access tokens.",
    instructions: "A new key's secret appears only once, in `shown_once`.",
    default: false,
    tools: &[
        list::<ListKeys>(),
        query::<GetKey>(),
        edit::<CreateKey>(),
        edit::<UpdateKey>(),
        edit::<RotateKey>(),
        edit::<RevokeKey>(),
        query::<CheckKeyRotation>(),
    ],
};

/// List auth keys, OAuth clients and other keys: when they were created and when they expire,
/// owner, tags, scopes.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListKeys {
    /// Only keys of this kind.
    kind: Option<Kind>,
    /// Also revoked and expired keys.
    #[serde(default)]
    invalid: bool,
}

/// A key in the list.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<Value>,
    /// Login name of the owner; the user ID if users cannot be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Value>,
    /// Properties of an auth key: `reusable`, `ephemeral`, `preauthorized`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    can: Vec<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    invalid: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    in_use_here: bool,
}

impl Row {
    fn of(key: &Value, owners: &BTreeMap<String, String>, ours: bool) -> Self {
        let field = |name: &str| call::member(key, name).cloned();
        let create = key.pointer("/capabilities/devices/create");
        let can = |name: &&str| create.is_some_and(|it| it.get(*name) == Some(&Value::Bool(true)));
        let owner = call::member(key, "userId").map(resource::text);
        Self {
            id: rotation::id(key),
            kind: Kind::of(key),
            description: field("description"),
            created: field("created"),
            expires: field("expires"),
            last_used: field("lastUsed"),
            owner: owner.map(|it| owners.get(&it).cloned().unwrap_or(it)),
            tags: field("tags").or_else(|| call::member(create?, "tags").cloned()),
            scopes: field("scopes"),
            can: ["reusable", "ephemeral", "preauthorized"].into_iter().filter(can).collect(),
            invalid: is_gone(key),
            in_use_here: ours,
        }
    }
}

impl List for ListKeys {
    const NAME: &'static str = "list_keys";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetKeys, Operation::ListUsers];
    // Any of four scopes is enough; without permission to list users, owners are shown by ID.
    const SCOPES: &'static [&'static str] = &[];
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        let all = tailnet.keys().records().await?;
        let owners = owners(tailnet).await;
        let fits = |key: &&Value| {
            self.kind.is_none_or(|it| it == Kind::of(key)) && (self.invalid || !is_gone(key))
        };
        let row = |key: &Value| Row::of(key, &owners, tailnet.keys().is_ours(&rotation::id(key)));
        let matching: Vec<&Value> = all.iter().filter(fits).collect();
        Ok(Page::of("keys", matching.into_iter().map(row), &part)?.out_of(all.len()))
    }
}

/// Login names of users by ID; empty if the credential may not list users.
async fn owners(tailnet: &Tailnet) -> BTreeMap<String, String> {
    let users = tailnet.users().list().await.unwrap_or_default();
    users.iter().filter_map(|it| Some((it.id.clone()?, it.login_name.clone()?))).collect()
}

/// Show the details of a key, without its secret.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetKey {
    /// ID of the key.
    key: String,
}

impl Query for GetKey {
    const NAME: &'static str = "get_key";
    const OPERATIONS: &'static [Operation] = &[Operation::GetKey];
    type Output = Value;

    async fn call(self, tailnet: &Tailnet) -> Result<Value> {
        tailnet.keys().record(&self.key).await
    }
}

/// Create an auth key, an OAuth client or a federated identity.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CreateKey {
    /// Kind of key; `api` cannot be created.
    #[serde(default)]
    kind: Kind,
    /// Up to 50 letters, digits, spaces, hyphens.
    #[serde(default)]
    description: String,
    /// Lifetime of an auth key, up to 90.
    days: Option<u32>,
    /// The key can add several devices.
    #[serde(default)]
    reusable: bool,
    /// Devices are ephemeral: removed after they go offline.
    #[serde(default)]
    ephemeral: bool,
    /// Devices are pre-approved.
    #[serde(default)]
    preauthorized: bool,
    /// Tags of its devices, such as `tag:ci`.
    #[serde(default)]
    tags: Vec<String>,
    /// OAuth scopes, such as `devices:core:read`; not for auth keys.
    #[serde(default)]
    scopes: Vec<String>,
    /// Federated identity: issuer, an https URL.
    issuer: Option<String>,
    /// Federated identity: pattern of the `sub` claim.
    subject: Option<String>,
    /// Federated identity: value of the `aud` claim.
    audience: Option<String>,
    /// Federated identity: patterns of custom claims by name.
    #[serde(default)]
    #[schemars(with = "Claims")]
    claims: BTreeMap<String, String>,
}

/// Any names, with text.
#[derive(JsonSchema)]
struct Claims {}

impl Edit for CreateKey {
    const NAME: &'static str = "create_key";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[Operation::CreateKey, Operation::GetKey];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.keys().plan_create(&NewKey {
            kind: self.kind,
            description: self.description,
            days: self.days,
            reusable: self.reusable,
            ephemeral: self.ephemeral,
            preauthorized: self.preauthorized,
            tags: self.tags,
            scopes: self.scopes,
            issuer: self.issuer,
            subject: self.subject,
            audience: self.audience,
            claims: self.claims,
        })
    }
}

/// Change an OAuth client or a federated identity; its secret stays.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UpdateKey {
    /// ID of the key.
    key: String,
    /// Description of its purpose.
    description: Option<String>,
    /// OAuth scopes that replace all it has.
    scopes: Option<Vec<String>>,
    /// Tags that replace all it has.
    tags: Option<Vec<String>>,
    /// Federated identity: issuer, an https URL.
    issuer: Option<String>,
    /// Federated identity: pattern of the `sub` claim.
    subject: Option<String>,
}

impl Edit for UpdateKey {
    const NAME: &'static str = "update_key";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[Operation::GetKey, Operation::SetKey];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let update = Update {
            description: self.description,
            scopes: self.scopes,
            tags: self.tags,
            issuer: self.issuer,
            subject: self.subject,
        };
        tailnet.keys().plan_update(&self.key, &update).await
    }
}

/// Rotate a key: create one like it, then revoke the old one, now or after a grace period.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RotateKey {
    /// ID of the key.
    key: String,
    /// How long the old key still works, such as `7d`; absent revokes it immediately.
    grace: Option<String>,
}

impl Edit for RotateKey {
    const NAME: &'static str = "rotate_key";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetKey, Operation::CreateKey, Operation::DeleteKey];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let grace = self.grace.as_ref().map(|it| duration("grace", it)).transpose()?;
        let grace = grace.unwrap_or(SignedDuration::ZERO);
        tailnet.keys().plan_rotate(&self.key, grace).await
    }
}

/// Revoke a key (irreversible).
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RevokeKey {
    /// ID of the key.
    key: String,
}

impl Edit for RevokeKey {
    const NAME: &'static str = "revoke_key";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[Operation::GetKey, Operation::DeleteKey];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.keys().plan_delete(&self.key).await
    }
}

/// Report keys that are too old, never expire, lost their owner, or are due after a rotation.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CheckKeyRotation {
    /// Maximum age of auth keys in days; default 90.
    auth: Option<u32>,
    /// Maximum age of OAuth clients in days; default 365.
    client: Option<u32>,
    /// Maximum age of access tokens in days; default 90.
    api: Option<u32>,
}

impl Query for CheckKeyRotation {
    const NAME: &'static str = "check_key_rotation";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetKeys, Operation::ListUsers];
    type Output = Report;

    async fn call(self, tailnet: &Tailnet) -> Result<Report> {
        let mut policy = Policy::default();
        for (kind, days) in
            [(Kind::Auth, self.auth), (Kind::Client, self.client), (Kind::Api, self.api)]
        {
            if let Some(days) = days {
                policy.0.insert(kind, days);
            }
        }
        tailnet.keys().check_rotation(&policy, Timestamp::now()).await
    }
}
