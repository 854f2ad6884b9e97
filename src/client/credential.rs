//! Credentials for the API.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::{Action, Error, ErrorKind, Result, Setting};

/// A credential for the API. `Debug` output leaves out its secrets.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credential {
    /// An API access token, `tskey-api-…`. It has the role of the user it belongs to.
    ApiKey(SecretString),
    /// An OAuth client. Its access tokens last an hour and are renewed before they expire.
    OAuth {
        /// The client's ID.
        client_id: String,
        /// The client's secret, `tskey-client-…`.
        client_secret: SecretString,
        /// The scopes to request; if empty, all scopes of the client.
        scopes: Vec<String>,
    },
    /// Workload identity federation: exchanges another issuer's token for a Tailscale access token.
    Federated {
        /// The ID of the federated identity.
        client_id: String,
        /// The other issuer's token.
        identity: IdentityToken,
    },
}

/// A JSON Web Token issued by a cloud or CI system.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum IdentityToken {
    /// The token itself.
    Value(SecretString),
    /// A file that the issuer keeps up to date; it is read again for each new access token.
    File(PathBuf),
}

impl Credential {
    /// The public part of the credential: the ID in an API access token, or the client ID.
    pub(crate) fn public_id(&self) -> &str {
        match self {
            Self::ApiKey(key) => {
                let rest = key.expose_secret().strip_prefix("tskey-api-");
                rest.and_then(|it| it.split_once('-')).map_or("", |(id, _)| id)
            }
            Self::OAuth { client_id, .. } | Self::Federated { client_id, .. } => client_id,
        }
    }

    /// The kind of credential, for messages: "API key", "OAuth client" or "federated identity".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ApiKey(_) => "API key",
            Self::OAuth { .. } => "OAuth client",
            Self::Federated { .. } => "federated identity",
        }
    }

    /// Reads the credential from variables, in the order and under the names of Tailscale's
    /// Terraform provider. A value `file:/path` names a file that contains it.
    ///
    /// # Errors
    ///
    /// [`NoCredential`](ErrorKind::NoCredential) if no variable is set;
    /// [`Config`](ErrorKind::Config) if the credential is incomplete or a file cannot be read.
    pub fn from_variables(get: &impl Fn(&str) -> Option<String>) -> Result<Self> {
        let get = |name: &str| get(name).filter(|it| !it.trim().is_empty());
        if let Some(key) = get("TAILSCALE_API_KEY") {
            return Ok(Self::ApiKey(resolve("TAILSCALE_API_KEY", &key)?));
        }
        let Some(id) = get("TAILSCALE_OAUTH_CLIENT_ID") else { return Err(nothing()) };
        let client_id = resolve("TAILSCALE_OAUTH_CLIENT_ID", &id)?.expose_secret().to_owned();
        if let Some(secret) = get("TAILSCALE_OAUTH_CLIENT_SECRET") {
            let client_secret = resolve("TAILSCALE_OAUTH_CLIENT_SECRET", &secret)?;
            return Ok(Self::OAuth { client_id, client_secret, scopes: Vec::new() });
        }
        let Some(token) = get("TAILSCALE_IDENTITY_TOKEN") else {
            return Err(Error::config(
                "TAILSCALE_OAUTH_CLIENT_ID is set, but no secret or identity token",
                "set TAILSCALE_OAUTH_CLIENT_SECRET, or TAILSCALE_IDENTITY_TOKEN for workload identity",
            ));
        };
        let identity = match token.strip_prefix("file:") {
            Some(path) => IdentityToken::File(path.into()),
            None => IdentityToken::Value(token.trim().into()),
        };
        Ok(Self::Federated { client_id, identity })
    }
}

/// The value of the setting `name`; for `file:/path`, the content of that file.
///
/// # Errors
///
/// [`Config`](ErrorKind::Config) if the file cannot be read or is empty.
pub fn resolve(name: &str, value: &str) -> Result<SecretString> {
    let Some(path) = value.strip_prefix("file:") else { return Ok(value.trim().into()) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::config(format!("{name} names the file {path}: {error}"), "make it readable")
    })?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::config(
            format!("{name} names the file {path}: it is empty"),
            "put the secret into the file",
        ));
    }
    Ok(text.into())
}

fn nothing() -> Error {
    Error::new(ErrorKind::NoCredential, "no credential for the Tailscale API")
        .with_remedy(
            "set TAILSCALE_API_KEY, or TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET",
        )
        .with_action(Action::Configure(Setting::Credential))
}
