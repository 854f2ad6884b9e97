//! A profile: the settings for one tailnet, and where its secret is stored.

use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::super::{RESERVED, checks};
use crate::client::{Credential, Error, Result, Settings};

/// The settings for one tailnet, and where its secret is stored. It never contains the secret.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// The type of the credential.
    pub credential: CredentialKind,
    /// Where the secret is stored.
    pub secret: Place,
    /// The tailnet ID; `None` for the credential's own tailnet.
    pub tailnet: Option<String>,
    /// The base URL of the API; `None` for the public one.
    pub base_url: Option<String>,
    /// Sustained requests per second and endpoint.
    pub rate: Option<f64>,
    /// The most requests that an endpoint may get in a burst.
    pub burst: Option<NonZeroU32>,
    /// The longest duration of a call.
    pub deadline: Option<Duration>,
    /// A PEM file with certificates to trust; a relative path starts in the config file's folder.
    pub ca_file: Option<PathBuf>,
}

/// The type of a profile's credential.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialKind {
    /// An API access token.
    ApiKey,
    /// The secret of an OAuth client.
    OAuth {
        /// The client ID.
        client_id: String,
        /// The scopes to request; all scopes of the client if empty.
        scopes: Vec<String>,
    },
    /// A token of an identity provider, for workload identity federation.
    Federated {
        /// The client ID of the federated identity.
        client_id: String,
    },
}

/// Where a profile's secret is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In this environment variable.
    Env(String),
    /// In this file; a relative path starts in the config file's folder.
    File(PathBuf),
    /// In the platform's keychain.
    Keychain,
    /// In the age-encrypted file.
    Age,
}

impl Profile {
    /// A profile with the default settings.
    pub fn new(credential: CredentialKind, secret: Place) -> Self {
        Self {
            credential,
            secret,
            tailnet: None,
            base_url: None,
            rate: None,
            burst: None,
            deadline: None,
            ca_file: None,
        }
    }

    /// The settings with this credential; relative paths start in `folder`.
    pub(super) fn settings(&self, credential: Credential, folder: &Path) -> Settings {
        let mut settings = Settings::new(credential);
        if let Some(it) = &self.tailnet {
            settings.tailnet.clone_from(it);
        }
        if let Some(it) = &self.base_url {
            settings.base_url.clone_from(it);
        }
        settings.rate = self.rate.unwrap_or(settings.rate);
        settings.burst = self.burst.unwrap_or(settings.burst);
        settings.deadline = self.deadline.unwrap_or(settings.deadline);
        settings.ca_file = self.ca_file.as_ref().map(|it| folder.join(it));
        settings
    }
}

impl CredentialKind {
    /// The type as written in the config file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::OAuth { .. } => "oauth",
            Self::Federated { .. } => "federated",
        }
    }

    /// What the secret is called in messages.
    pub fn secret_name(&self) -> &'static str {
        match self {
            Self::ApiKey => "API access token",
            Self::OAuth { .. } => "OAuth client secret",
            Self::Federated { .. } => "identity token",
        }
    }

    /// A warning about a secret that does not look like the API's; an emulated API may take it.
    #[cfg(feature = "server")]
    pub(crate) fn doubt(&self, secret: &SecretString) -> Option<&'static str> {
        let is_key = matches!(self, Self::ApiKey | Self::OAuth { .. });
        let is_odd = is_key && !secret.expose_secret().trim().starts_with("tskey-");
        is_odd.then_some(
            "warning: Tailscale's keys start with `tskey-`, and this one does not; try it with `auth test`\n",
        )
    }

    /// Checks that a secret has the right type; the API would reject a wrong one without saying why.
    pub(super) fn check_secret(&self, secret: &SecretString) -> Result<()> {
        let secret = secret.expose_secret().trim();
        if secret.is_empty() {
            return Err(Error::config("the secret is empty", "pipe it into standard input"));
        }
        let (wrong, remedy): (&[&str], _) = match self {
            Self::ApiKey => (
                &["tskey-auth-", "tskey-client-"],
                "enter an API access token, `tskey-api-…`, or give the OAuth client's ID with \
                 --oauth",
            ),
            Self::OAuth { .. } => (
                &["tskey-auth-", "tskey-api-"],
                "enter the OAuth client's secret, `tskey-client-…`, or use --api-key",
            ),
            Self::Federated { .. } => {
                (&["tskey-"], "enter the token of the OIDC issuer, or use --api-key or --oauth")
            }
        };
        wrong.iter().find(|it| secret.starts_with(**it)).map_or(Ok(()), |prefix| {
            let name = self.secret_name();
            Err(Error::config(
                format!("a key that starts with `{prefix}` is not a valid {name}"),
                remedy,
            ))
        })
    }
}

impl Place {
    /// Whether this program itself stores the secret.
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Keychain | Self::Age)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Keychain => f.write_str("keychain"),
            Self::Age => f.write_str("age"),
        }
    }
}

/// The format of the config file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) profiles: BTreeMap<String, Entry>,
    #[serde(default)]
    pub(super) age: AgeEntry,
    #[serde(default)]
    pub(super) alert: Vec<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    pub(super) receiver: Vec<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    pub(super) guardrails: super::guardrails::Entry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgeEntry {
    pub(super) identity: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    tailnet: Option<String>,
    base_url: Option<String>,
    rate: Option<f64>,
    burst: Option<i64>,
    deadline_seconds: Option<i64>,
    ca_file: Option<PathBuf>,
    credential: CredentialEntry,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialEntry {
    kind: Kind,
    client_id: Option<String>,
    scopes: Option<Vec<String>>,
    env: Option<String>,
    file: Option<PathBuf>,
    #[serde(default)]
    keychain: bool,
    #[serde(default)]
    age: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    ApiKey,
    // `rename_all` would turn it into `o_auth`.
    #[serde(rename = "oauth")]
    OAuth,
    Federated,
}

impl Entry {
    /// Converts the entry into a profile, if its values are valid.
    pub(super) fn check(self, name: &str) -> Result<Profile> {
        check_name(name)?;
        let wrong = |field: &'static str| move |should: &'static str| unfit(name, field, should);
        let (credential, secret) = self.credential.check(name)?;
        Ok(Profile {
            credential,
            secret,
            tailnet: self
                .tailnet
                .map(|it| checks::tailnet(&it).map_err(wrong("tailnet")))
                .transpose()?,
            base_url: self
                .base_url
                .map(|it| checks::base_url(&it).map_err(wrong("base_url")))
                .transpose()?,
            rate: self.rate.map(|it| checks::rate(Some(it)).map_err(wrong("rate"))).transpose()?,
            burst: self
                .burst
                .map(|it| checks::burst(Some(it)).map_err(wrong("burst")))
                .transpose()?,
            deadline: self
                .deadline_seconds
                .map(|it| checks::deadline(Some(it)).map_err(wrong("deadline_seconds")))
                .transpose()?,
            ca_file: self.ca_file,
        })
    }
}

impl CredentialEntry {
    fn check(self, name: &str) -> Result<(CredentialKind, Place)> {
        let wrong = |field, should| unfit(name, field, should);
        let client_id = self.client_id.filter(|it| !it.trim().is_empty());
        let needs_id = || wrong("credential.client_id", "must be the client's ID");
        let kind = match (self.kind, client_id) {
            (Kind::ApiKey, None) => CredentialKind::ApiKey,
            (Kind::ApiKey, Some(_)) => {
                return Err(wrong("credential.client_id", "cannot be combined with an API key"));
            }
            (Kind::OAuth, id) => CredentialKind::OAuth {
                client_id: id.ok_or_else(needs_id)?,
                scopes: self.scopes.clone().unwrap_or_default(),
            },
            (Kind::Federated, id) => {
                CredentialKind::Federated { client_id: id.ok_or_else(needs_id)? }
            }
        };
        if self.scopes.is_some() && !matches!(self.kind, Kind::OAuth) {
            return Err(wrong("credential.scopes", "is only for `oauth`"));
        }
        if self.env.as_deref().is_some_and(|it| !is_variable(it)) {
            return Err(wrong("credential.env", "must be the name of an environment variable"));
        }
        let place = match (self.env, self.file, self.keychain, self.age) {
            (Some(variable), None, false, false) => Place::Env(variable),
            (None, Some(path), false, false) => Place::File(path),
            (None, None, true, false) => Place::Keychain,
            (None, None, false, true) => Place::Age,
            _ => {
                return Err(wrong(
                    "credential",
                    "must have exactly one of `env`, `file`, `keychain = true`, `age = true`",
                ));
            }
        };
        Ok((kind, place))
    }
}

/// Validates a profile name: it appears in commands and in the keychain.
pub(super) fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(fits) {
        return Ok(());
    }
    Err(Error::config(
        "a profile's name may have only letters, digits, `-`, `_` and `.`",
        "give the profile another name",
    ))
}

/// Refuses a name that means something else where a tailnet is named.
pub(super) fn check_reserved(name: &str) -> Result<()> {
    if !RESERVED.contains(&name) {
        return Ok(());
    }
    let why =
        format!("the name `{name}` is reserved: it means something else where a tailnet is named");
    Err(Error::config(why, "give the profile another name"))
}

pub(super) fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn unfit(name: &str, field: &str, should: &str) -> Error {
    Error::config(format!("profile `{name}`: `{field}` {should}"), "correct the profile")
}
