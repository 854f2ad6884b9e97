//! Checks the definition of a key before it is sent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Kind, Update};
use crate::{
    Error,
    client::{Result, call},
    tailnet::devices::name::full_tags,
};

/// The maximum length of a description.
const MAX_DESCRIPTION_LENGTH: usize = 50;
/// The maximum lifetime of an auth key, in days.
const MAX_LIFETIME_DAYS: u32 = 90;
/// Scopes that require tags, because a client with them assigns tags.
const TAGGING: [&str; 2] = ["devices:core", "auth_keys"];

/// The definition of a key to create.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct NewKey {
    /// The kind of key.
    pub kind: Kind,
    /// Description: up to 50 letters, digits, spaces and hyphens.
    pub description: String,
    /// Lifetime of an auth key in days; 90 if absent.
    pub days: Option<u32>,
    /// Whether the auth key can add several devices.
    pub reusable: bool,
    /// Whether devices that use the auth key are ephemeral: removed after they go offline.
    pub ephemeral: bool,
    /// Whether devices that use the auth key are pre-approved.
    pub preauthorized: bool,
    /// Tags of devices that use the auth key, or tags that an OAuth client can assign.
    pub tags: Vec<String>,
    /// Scopes of an OAuth client or a federated identity.
    pub scopes: Vec<String>,
    /// Federated identity: URL of the OIDC issuer.
    pub issuer: Option<String>,
    /// Federated identity: pattern for the `sub` claim.
    pub subject: Option<String>,
    /// Federated identity: required value of the `aud` claim; Tailscale generates one if absent.
    pub audience: Option<String>,
    /// Federated identity: patterns for other claims, by name.
    pub claims: BTreeMap<String, String>,
}

impl NewKey {
    /// The description and the kind, as the name of the key in the plan.
    pub(super) fn about(&self) -> String {
        let kind = match self.kind {
            Kind::Auth => "auth key",
            Kind::Client => "OAuth client",
            Kind::Federated => "federated identity",
            Kind::Api => "API access token",
        };
        if self.description.is_empty() {
            return format!("({kind})");
        }
        format!("{} ({kind})", self.description)
    }

    /// Checks the definition and builds the request body. With `of_user`, the key belongs to the
    /// user of the API access token; otherwise it belongs to the tailnet, and an auth key needs
    /// tags.
    pub(super) fn checked(&self, of_user: bool) -> Result<Value> {
        let tags = full_tags(&self.tags)?;
        Self { tags, ..self.clone() }.body(of_user)
    }

    fn body(&self, of_user: bool) -> Result<Value> {
        description(&self.description)?;
        let mut body = match self.kind {
            Kind::Auth => self.auth(of_user)?,
            Kind::Client => {
                self.not_for_trust()?;
                self.nothing_federated()?;
                scopes(&self.scopes, &self.tags)?;
                json!({ "keyType": "client", "scopes": self.scopes, "tags": self.tags })
            }
            Kind::Federated => self.federated()?,
            Kind::Api => {
                return Err(Error::invalid_input(
                    "kind",
                    "is `api`: access tokens can be created only in the admin console; create an \
                     OAuth client instead",
                ));
            }
        };
        if let (Some(body), false) = (body.as_object_mut(), self.description.is_empty()) {
            body.insert("description".into(), json!(self.description));
        }
        Ok(body)
    }

    fn auth(&self, of_user: bool) -> Result<Value> {
        self.nothing_federated()?;
        if !self.scopes.is_empty() {
            return Err(Error::invalid_input(
                "scopes",
                "are only for OAuth clients and federated identities, not for auth keys",
            ));
        }
        if self.days.is_some_and(|it| !(1..=MAX_LIFETIME_DAYS).contains(&it)) {
            let should = format!("must be between 1 and {MAX_LIFETIME_DAYS}");
            return Err(Error::invalid_input("days", should));
        }
        if self.tags.is_empty() && !of_user {
            return Err(Error::invalid_input(
                "tags",
                "are required: an auth key created by an OAuth client belongs to the tailnet, and \
                 its devices are tagged",
            ));
        }
        let create = json!({
            "reusable": self.reusable, "ephemeral": self.ephemeral,
            "preauthorized": self.preauthorized, "tags": self.tags,
        });
        let mut body =
            json!({ "keyType": "auth", "capabilities": { "devices": { "create": create } } });
        if let (Some(body), Some(days)) = (body.as_object_mut(), self.days) {
            body.insert("expirySeconds".into(), json!(u64::from(days) * 86_400));
        }
        Ok(body)
    }

    fn federated(&self) -> Result<Value> {
        self.not_for_trust()?;
        scopes(&self.scopes, &self.tags)?;
        let issuer = self.issuer.as_deref().unwrap_or_default();
        issuer_is_https(issuer)?;
        let subject = self.subject.as_deref().unwrap_or_default();
        subject_is_there(subject)?;
        if let Some(claim) =
            self.claims.keys().find(|it| ["sub", "iss", "aud"].contains(&it.as_str()))
        {
            let should =
                format!("has `{claim}`; use `subject`, `issuer` and `audience` for these claims");
            return Err(Error::invalid_input("claims", should));
        }
        let mut body = json!({
            "keyType": "federated", "scopes": self.scopes, "tags": self.tags, "issuer": issuer,
            "subject": subject, "customClaimRules": self.claims,
        });
        // The API would take an empty audience literally, so leave it out.
        let audience = self.audience.as_ref().filter(|it| !it.is_empty());
        if let (Some(body), Some(audience)) = (body.as_object_mut(), audience) {
            body.insert("audience".into(), json!(audience));
        }
        Ok(body)
    }

    /// Refuses fields that only auth keys have.
    fn not_for_trust(&self) -> Result<()> {
        let given = [
            ("days", self.days.is_some()),
            ("reusable", self.reusable),
            ("ephemeral", self.ephemeral),
            ("preauthorized", self.preauthorized),
        ];
        match given.iter().find(|it| it.1) {
            Some((field, _)) => Err(Error::invalid_input(field, "is only for auth keys")),
            None => Ok(()),
        }
    }

    fn nothing_federated(&self) -> Result<()> {
        let given = [
            ("issuer", self.issuer.is_some()),
            ("subject", self.subject.is_some()),
            ("audience", self.audience.is_some()),
            ("claims", !self.claims.is_empty()),
        ];
        match given.iter().find(|it| it.1) {
            Some((field, _)) => {
                Err(Error::invalid_input(field, "is only for federated identities"))
            }
            None => Ok(()),
        }
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.kind == Kind::Auth && self.reusable && self.preauthorized {
            warnings.push(
                "anyone with the key can add any number of devices, without approval".to_owned(),
            );
        }
        if self.kind == Kind::Auth && !self.preauthorized {
            warnings.push(
                "it is not preauthorized: where device approval is on, devices that use it need \
                 approval"
                    .to_owned(),
            );
        }
        if self.scopes.iter().any(|it| it == "all") {
            warnings.push(
                "it has access to everything, including what is added to the API later".to_owned(),
            );
        }
        if self.kind == Kind::Federated && self.subject.as_deref() == Some("*") {
            warnings.push("every workload of the issuer can authenticate".to_owned());
        }
        warnings
    }
}

/// Checks an update of the OAuth client or federated identity `key`.
pub(super) fn update(key: &Value, update: &Update) -> Result<()> {
    description(update.description.as_deref().unwrap_or_default())?;
    if update.scopes.is_some() || update.tags.is_some() {
        let now = |field| {
            let list = call::member(key, field).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let of = |given: &Option<Vec<String>>, field| given.clone().unwrap_or_else(|| now(field));
        scopes(&of(&update.scopes, "scopes"), &of(&update.tags, "tags"))?;
    }
    if Kind::of(key) != Kind::Federated {
        let given = [("issuer", update.issuer.is_some()), ("subject", update.subject.is_some())];
        return given.iter().find(|it| it.1).map_or(Ok(()), |(field, _)| {
            Err(Error::invalid_input(field, "is only for federated identities"))
        });
    }
    update.issuer.as_deref().map_or(Ok(()), issuer_is_https)?;
    update.subject.as_deref().map_or(Ok(()), subject_is_there)
}

fn description(text: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == ' ' || c == '-';
    if text.chars().count() > MAX_DESCRIPTION_LENGTH || !text.chars().all(good) {
        let should =
            format!("must be up to {MAX_DESCRIPTION_LENGTH} letters, digits, spaces and hyphens");
        return Err(Error::invalid_input("description", should));
    }
    Ok(())
}

fn scopes(scopes: &[String], tags: &[String]) -> Result<()> {
    if scopes.is_empty() {
        let should = "are required, such as `devices:core:read`";
        return Err(Error::invalid_input("scopes", should));
    }
    let odd = |it: &&String| {
        it.is_empty() || !it.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == ':')
    };
    if let Some(odd) = scopes.iter().find(odd) {
        let should = format!("has `{odd}`; a scope looks like `devices:core:read`");
        return Err(Error::invalid_input("scopes", should));
    }
    let tagging = scopes.iter().find(|it| TAGGING.contains(&it.as_str()));
    if let (Some(scope), true) = (tagging, tags.is_empty()) {
        let should =
            format!("are required with the scope `{scope}`, which allows it to assign tags");
        return Err(Error::invalid_input("tags", should));
    }
    Ok(())
}

fn issuer_is_https(issuer: &str) -> Result<()> {
    if url::Url::parse(issuer).is_ok_and(|it| it.scheme() == "https") {
        return Ok(());
    }
    let should = "must be the https URL of an OIDC provider that Tailscale can reach";
    Err(Error::invalid_input("issuer", should))
}

fn subject_is_there(subject: &str) -> Result<()> {
    if !subject.is_empty() {
        return Ok(());
    }
    let should = "is required: the pattern of the `sub` claim, with `*` for anything";
    Err(Error::invalid_input("subject", should))
}
