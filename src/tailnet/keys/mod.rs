//! Keys: auth keys, OAuth clients, federated identities and API access tokens.
//!
//! A secret is shown once, when its key is made, and recorded nowhere.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) mod change;
mod check;
pub mod grace;
pub mod rotation;
#[cfg(feature = "server")]
pub(crate) mod tools;

use self::change::KEY;
pub use self::check::NewKey;
pub use crate::api::types::Key;
use crate::{
    Error, Operation,
    change::{Change, Plan, Risk, Secrets},
    client::{
        Result,
        call::{self, Call},
    },
    tailnet::Tailnet,
};

/// What a key is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// Lets devices join.
    #[default]
    Auth,
    /// An OAuth client.
    Client,
    /// An identity of an OIDC provider.
    Federated,
    /// An API access token. Only the admin console makes one.
    Api,
}

impl Kind {
    /// Its word: `auth`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Client => "client",
            Self::Federated => "federated",
            Self::Api => "api",
        }
    }

    /// The kind of `key`; an auth key where the API does not say.
    pub(crate) fn of(key: &Value) -> Self {
        match key.get("keyType").and_then(Value::as_str) {
            Some("client") => Self::Client,
            Some("federated") => Self::Federated,
            Some("api") => Self::Api,
            _ => Self::Auth,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The keys of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    tailnet: &'a Tailnet,
}

/// What [`Keys::plan_update`] shall change. What is absent stays as it is.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Update {
    /// What it is for.
    pub description: Option<String>,
    /// What it may do.
    pub scopes: Option<Vec<String>>,
    /// What it hands out.
    pub tags: Option<Vec<String>>,
    /// Who vouches for a federated identity.
    pub issuer: Option<String>,
    /// The pattern of its `sub` claim.
    pub subject: Option<String>,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists the keys of all kinds that the credential's scopes show
    /// (`GET /tailnet/{tailnet}/keys?all=true`). Revoked ones may be among them.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without one of the scopes `auth_keys:read`,
    /// `oauth_keys:read`, `federated_keys:read` and `api_access_tokens:read`.
    pub async fn list(&self) -> Result<Vec<Key>> {
        let records = self.records().await?;
        records.iter().map(|key| call::typed(Operation::ListTailnetKeys, key)).collect()
    }

    /// The keys as the API gives them.
    pub(crate) async fn records(&self) -> Result<Vec<Value>> {
        let query = [("all".to_owned(), "true".to_owned())];
        let call = Call { query: &query, ..Call::default() };
        let answer = self.tailnet.client().call(Operation::ListTailnetKeys, call).await?;
        Ok(call::records(answer, "keys"))
    }

    /// Reads one key without its secret (`GET /tailnet/{tailnet}/keys/{keyId}`).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound).
    pub async fn get(&self, id: &str) -> Result<Key> {
        call::typed(Operation::GetKey, &self.record(id).await?)
    }

    /// A key as the API gives it, without its secret.
    pub(crate) async fn record(&self, id: &str) -> Result<Value> {
        let path = [("keyId", id)];
        let mut key = self.tailnet.client().call(Operation::GetKey, Call::on(&path)).await?;
        // It is never here; if it were, it would not be for others.
        key.as_object_mut().and_then(|it| it.remove("key"));
        Ok(key)
    }

    /// Plans to make a key (`POST /tailnet/{tailnet}/keys`). Its secret is in the report, once.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with the field that is wrong.
    pub fn plan_create(&self, new: &NewKey) -> Result<Plan> {
        let body = new.checked(self.tailnet.settings().credential.kind() == "API key")?;
        let name = format!("for {}", new.about());
        let mut plan = make(&name, &body);
        plan.warnings.extend(new.warnings());
        Ok(plan)
    }

    /// Plans to change an OAuth client or a federated identity
    /// (`PUT /tailnet/{tailnet}/keys/{keyId}`); other kinds are what they are.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) for an auth key and an access token, with what to do
    /// instead.
    pub async fn plan_update(&self, id: &str, update: &Update) -> Result<Plan> {
        let key = KEY.get(self.tailnet, id).await?;
        let kind = Kind::of(&key);
        if !matches!(kind, Kind::Client | Kind::Federated) {
            return Err(Error::refused(
                format!("`{id}` is of the kind {kind}, which nothing changes"),
                "create another key, and revoke this one",
            ));
        }
        let mut wanted = Map::new();
        let mut set = |field: &str, value: Option<Value>| {
            value.map(|value| wanted.insert(field.to_owned(), value));
        };
        set("description", update.description.as_ref().map(|it| json!(it)));
        set("scopes", update.scopes.as_ref().map(|it| json!(it)));
        set("tags", update.tags.as_ref().map(|it| json!(it)));
        set("issuer", update.issuer.as_ref().map(|it| json!(it)));
        set("subject", update.subject.as_ref().map(|it| json!(it)));
        if wanted.is_empty() {
            return Err(Error::nothing_to_change("description, scopes, tags, issuer and subject"));
        }
        check::update(&key, update)?;
        let mut plan = change::of_keys(KEY.plan_change(id, id, &key, &wanted, Secrets::new()));
        plan.least = Risk::Danger;
        Ok(plan)
    }

    /// Plans to revoke a key (`DELETE /tailnet/{tailnet}/keys/{keyId}`).
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) for the key that is in use here.
    pub async fn plan_delete(&self, id: &str) -> Result<Plan> {
        if self.is_ours(id) {
            return Err(Error::refused(
                format!("`{id}` is the credential that is in use here"),
                "configure another one first, and revoke this one with that",
            ));
        }
        let key = KEY.get(self.tailnet, id).await?;
        let mut plan = change::of_keys(KEY.plan_delete(id, id, &key));
        plan.warnings.extend(revocation_warnings(&key));
        Ok(plan)
    }

    /// Whether it is the key that this program itself uses.
    pub(crate) fn is_ours(self, id: &str) -> bool {
        let ours = self.tailnet.settings().credential.public_id();
        // The id of a client is longer where the API writes it.
        !ours.is_empty()
            && !id.is_empty()
            && (ours == id || ours.starts_with(id) || id.starts_with(ours))
    }

    pub(crate) fn tailnet(self) -> &'a Tailnet {
        self.tailnet
    }
}

/// A plan to make a key of what can be set.
fn make(name: &str, body: &Value) -> Plan {
    let change = Change::new("configuration", Value::Null, KEY.settable(body));
    let mut plan = Plan::one(&change::Keys, "", name, vec![change]);
    plan.least = Risk::Danger;
    plan
}

fn revocation_warnings(key: &Value) -> Vec<String> {
    let warning = match Kind::of(key) {
        Kind::Auth => "devices that joined with it stay; nothing joins with it any more",
        Kind::Client => "tokens made from it stop working at once, and so does what uses it",
        Kind::Federated => "workloads that sign in with it are locked out at once",
        Kind::Api => "whatever uses it is locked out at once",
    };
    vec![warning.to_owned()]
}
