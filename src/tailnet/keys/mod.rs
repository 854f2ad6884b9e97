//! Keys: auth keys, OAuth clients, federated identities and API access tokens.
//!
//! The secret of a key is shown once, when the key is created, and never recorded.

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
    tailnet::{Tailnet, devices::name::full_tags},
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
    /// The name of the kind, such as `auth`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Client => "client",
            Self::Federated => "federated",
            Self::Api => "api",
        }
    }

    /// The kind of `key`; an auth key if the API does not say.
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

/// What [`Keys::plan_update`] is to change. `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Update {
    /// Description of the key.
    pub description: Option<String>,
    /// Scopes that replace all others.
    pub scopes: Option<Vec<String>>,
    /// Tags that replace all others.
    pub tags: Option<Vec<String>>,
    /// Federated identity: URL of the OIDC issuer.
    pub issuer: Option<String>,
    /// Federated identity: pattern for the `sub` claim.
    pub subject: Option<String>,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists keys of all kinds that the credential's scopes allow
    /// (`GET /tailnet/{tailnet}/keys?all=true`). The list may contain revoked keys.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without one of the scopes `auth_keys:read`,
    /// `oauth_keys:read`, `federated_keys:read` and `api_access_tokens:read`.
    pub async fn list(&self) -> Result<Vec<Key>> {
        call::typed_list(Operation::ListTailnetKeys, self.records().await?)
    }

    /// Lists keys as JSON, with all fields of the API.
    pub(crate) async fn records(&self) -> Result<Vec<Value>> {
        let query = [("all".to_owned(), "true".to_owned())];
        let call = Call { query: &query, ..Call::default() };
        let answer = self.tailnet.client().call(Operation::ListTailnetKeys, call).await?;
        Ok(call::records(answer, "keys"))
    }

    /// Reads a key without its secret (`GET /tailnet/{tailnet}/keys/{keyId}`).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such key.
    pub async fn get(&self, id: &str) -> Result<Key> {
        call::typed(Operation::GetKey, &self.record(id).await?)
    }

    /// Reads a key as JSON, with all fields except its secret.
    pub(crate) async fn record(&self, id: &str) -> Result<Value> {
        let path = [("keyId", id)];
        let mut key = self.tailnet.client().call(Operation::GetKey, Call::on(&path)).await?;
        // The API does not return the secret here; if it ever did, it must not be shown.
        key.as_object_mut().and_then(|it| it.remove("key"));
        Ok(key)
    }

    /// Plans to create a key (`POST /tailnet/{tailnet}/keys`). The report shows its secret once.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) names the invalid field.
    pub fn plan_create(&self, new: &NewKey) -> Result<Plan> {
        let body = new.checked(self.tailnet.settings().credential.kind() == "API key")?;
        let name = new.about();
        let mut plan = make(&name, &body);
        plan.warnings.extend(new.warnings());
        Ok(plan)
    }

    /// Plans to change an OAuth client or a federated identity
    /// (`PUT /tailnet/{tailnet}/keys/{keyId}`). Other kinds cannot be changed.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) for an auth key or an API access token, with what to
    /// do instead.
    pub async fn plan_update(&self, id: &str, update: &Update) -> Result<Plan> {
        let key = KEY.get(self.tailnet, id).await?;
        let kind = Kind::of(&key);
        if !matches!(kind, Kind::Client | Kind::Federated) {
            return Err(Error::refused(
                format!("`{id}` is of the kind {kind}, which cannot be changed"),
                "create another key, and revoke this one",
            ));
        }
        let tags = update.tags.as_deref().map(full_tags).transpose()?;
        let update = &Update { tags, ..update.clone() };
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
    /// [`Refused`](crate::ErrorKind::Refused) for the credential that this program uses.
    pub async fn plan_delete(&self, id: &str) -> Result<Plan> {
        if self.is_ours(id) {
            return Err(Error::refused(
                format!("`{id}` is the credential in use"),
                "configure another credential first, and use it to revoke this one",
            ));
        }
        let key = KEY.get(self.tailnet, id).await?;
        let plan = change::of_keys(KEY.plan_delete(id, id, &key));
        Ok(plan.warned(revocation_warnings(&key)))
    }

    /// Whether `id` is the credential that this program uses.
    pub(crate) fn is_ours(self, id: &str) -> bool {
        let ours = self.tailnet.settings().credential.public_id();
        // The API writes a longer ID for an OAuth client, so compare prefixes.
        !ours.is_empty()
            && !id.is_empty()
            && (ours == id || ours.starts_with(id) || id.starts_with(ours))
    }

    pub(crate) fn tailnet(self) -> &'a Tailnet {
        self.tailnet
    }
}

/// Plans to create a key from the settable fields of `body`.
fn make(name: &str, body: &Value) -> Plan {
    let change = Change::new("configuration", Value::Null, KEY.settable(body));
    let mut plan = Plan::one(&change::Keys, "", name, vec![change]);
    plan.least = Risk::Danger;
    plan
}

fn revocation_warnings(key: &Value) -> Vec<String> {
    let warning = match Kind::of(key) {
        Kind::Auth => "devices added with it stay; it cannot add more devices",
        Kind::Client => {
            "access tokens created with it stop working immediately, and so does \
                         whatever uses it"
        }
        Kind::Federated => "workloads that authenticate with it lose access immediately",
        Kind::Api => "whatever uses it loses access immediately",
    };
    vec![warning.to_owned()]
}
