//! Access tokens: fetched once, and renewed before they expire, with one request for all waiting
//! callers.

use std::{path::Path, time::Duration};

use base64::Engine as _;
use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, Scope, TokenResponse as _,
    TokenUrl, basic::BasicClient,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use super::{
    Credential, Error, ErrorKind, IdentityToken, Result, http,
    redact::{expected, redact},
};

/// How long before its expiry a token is renewed; a fifth of its lifetime if that is less.
const AHEAD: Duration = Duration::from_mins(2);

/// The assumed lifetime of a token if the answer gives none.
const USUAL_LIFE: Duration = Duration::from_hours(1);

/// The maximum lifetime of a token; a longer one could overflow the clock.
const MAX_LIFETIME: Duration = Duration::from_hours(24 * 365);

/// Provides access tokens for one credential.
pub(super) struct Tokens {
    credential: Credential,
    origin: String,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    token: Option<(SecretString, Instant)>,
    /// Incremented with every token, so that a refused token is renewed only once.
    serial: u64,
}

/// A token, with its serial number.
pub(super) struct Bearer {
    pub(super) text: SecretString,
    pub(super) serial: u64,
}

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    expires_in: Option<u64>,
}

impl Tokens {
    pub(super) fn new(credential: Credential, origin: &str) -> Self {
        Self { credential, origin: origin.to_owned(), held: Mutex::default() }
    }

    /// Whether a refused token can be replaced by a new one.
    pub(super) fn renewable(&self) -> bool {
        !matches!(self.credential, Credential::ApiKey(_))
    }

    /// Returns a token that is valid for a while. `refused` is the serial of a token that the API
    /// refused.
    pub(super) async fn bearer(
        &self,
        client: &reqwest::Client,
        refused: Option<u64>,
        deadline: Instant,
    ) -> Result<Bearer> {
        if let Credential::ApiKey(key) = &self.credential {
            return Ok(Bearer { text: key.clone(), serial: 0 });
        }
        // Other callers wait here while the token is renewed, and then use the new one.
        let mut held = self.held.lock().await;
        let serial = held.serial;
        if let Some((text, renew_at)) = &held.token
            && refused != Some(serial)
            && Instant::now() < *renew_at
        {
            return Ok(Bearer { text: text.clone(), serial });
        }
        let asked = Instant::now();
        let (text, life) = self.fetch(client, deadline).await?;
        let life = life.min(MAX_LIFETIME);
        held.serial += 1;
        held.token = Some((text.clone(), asked + life.saturating_sub(AHEAD.min(life / 5))));
        Ok(Bearer { text, serial: held.serial })
    }

    /// The secrets to remove from the answer to a request sent with `bearer`.
    pub(super) fn secrets(&self, bearer: &Bearer) -> Vec<SecretString> {
        let own = match &self.credential {
            Credential::ApiKey(secret)
            | Credential::OAuth { client_secret: secret, .. }
            | Credential::Federated { identity: IdentityToken::Value(secret), .. } => {
                Some(secret.clone())
            }
            Credential::Federated { .. } => None,
        };
        own.into_iter().chain([bearer.text.clone()]).collect()
    }

    async fn fetch(
        &self,
        client: &reqwest::Client,
        deadline: Instant,
    ) -> Result<(SecretString, Duration)> {
        match &self.credential {
            Credential::ApiKey(key) => Ok((key.clone(), Duration::MAX)),
            Credential::OAuth { client_id, client_secret, scopes } => {
                self.client_credentials(client, client_id, client_secret, scopes, deadline).await
            }
            Credential::Federated { client_id, identity } => {
                self.exchange(client, client_id, identity, deadline).await
            }
        }
    }

    async fn client_credentials(
        &self,
        client: &reqwest::Client,
        client_id: &str,
        client_secret: &SecretString,
        scopes: &[String],
        deadline: Instant,
    ) -> Result<(SecretString, Duration)> {
        let url =
            TokenUrl::new(format!("{}/api/v2/oauth/token", self.origin)).map_err(|error| {
                Error::config(
                    format!("the base URL {} is invalid: {error}", self.origin),
                    "correct the base URL",
                )
            })?;
        // The `tailscale` CLI appends settings to the secret; the API wants it without them.
        let secret = client_secret.expose_secret();
        let secret = secret.split_once('?').map_or(secret, |(secret, _)| secret);
        let oauth = BasicClient::new(ClientId::new(client_id.to_owned()))
            .set_client_secret(ClientSecret::new(secret.to_owned()))
            .set_token_uri(url)
            .set_auth_type(AuthType::BasicAuth);
        let secrets = secrets_of(client_secret);
        let send = |request: HttpRequest| {
            let client = client.clone();
            let sent = request.headers().get(::http::header::AUTHORIZATION);
            let sent = sent.and_then(|it| it.to_str().ok()?.strip_prefix("Basic "));
            // The Basic header contains the secret, too, in base64.
            let secrets: Vec<_> = secrets.iter().cloned().chain(sent.map(Into::into)).collect();
            async move { http::token_request(&client, request, deadline, &secrets).await }
        };
        let scopes = scopes.iter().cloned().map(Scope::new);
        let asked = oauth.exchange_client_credentials().add_scopes(scopes);
        let answer = asked.request_async(&send).await.map_err(|error| match error {
            oauth2::RequestTokenError::Request(error) => error,
            oauth2::RequestTokenError::ServerResponse(_) => {
                unreadable("it is not a token", &secrets)
            }
            oauth2::RequestTokenError::Parse(error, _) => unreadable(&error.to_string(), &secrets),
            oauth2::RequestTokenError::Other(message) => unreadable(&message, &secrets),
        })?;
        let text = SecretString::from(answer.access_token().secret().clone());
        Ok((text, answer.expires_in().unwrap_or(USUAL_LIFE)))
    }

    async fn exchange(
        &self,
        client: &reqwest::Client,
        client_id: &str,
        identity: &IdentityToken,
        deadline: Instant,
    ) -> Result<(SecretString, Duration)> {
        let jwt = match identity {
            IdentityToken::Value(token) => token.clone(),
            IdentityToken::File(path) => read(path).await?,
        };
        if let Some(expiry) = expiry(&jwt).filter(|it| *it <= jiff::Timestamp::now()) {
            return Err(Error::config(
                format!("the identity token expired at {expiry}"),
                "have the issuer write a new one; with TAILSCALE_IDENTITY_TOKEN=file:/path the \
                 file is read again each time",
            ));
        }
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", client_id)
            .append_pair("jwt", jwt.expose_secret())
            .finish();
        let request = ::http::Request::post(format!("{}/api/v2/oauth/token-exchange", self.origin))
            .header(::http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.into_bytes())
            .map_err(|error| {
                Error::config(format!("the base URL is invalid: {error}"), "correct the base URL")
            })?;
        let secrets = [jwt];
        let answer: HttpResponse = http::token_request(client, request, deadline, &secrets).await?;
        let answer: Answer = serde_json::from_slice(answer.body())
            .map_err(|error| unreadable(&error.to_string(), &secrets))?;
        let life = answer.expires_in.map_or(USUAL_LIFE, Duration::from_secs);
        Ok((answer.access_token, life))
    }
}

async fn read(path: &Path) -> Result<SecretString> {
    let text = tokio::fs::read_to_string(path).await.map_err(|error| {
        Error::config(
            format!("cannot read the identity token in {}: {error}", path.display()),
            "make the file readable",
        )
    })?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::config(
            format!("the identity token in {}: the file is empty", path.display()),
            "have the issuer write a token to it",
        ));
    }
    Ok(text.into())
}

/// The expiry time in a JSON Web Token, if it has one. The signature is not checked.
fn expiry(jwt: &SecretString) -> Option<jiff::Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let payload = jwt.expose_secret().split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Claims = serde_json::from_slice(&bytes).ok()?;
    jiff::Timestamp::from_second(claims.exp).ok()
}

/// The secret with and without the settings that the `tailscale` CLI appends to it.
fn secrets_of(client_secret: &SecretString) -> Vec<SecretString> {
    let secret = client_secret.expose_secret();
    let alone = secret.split_once('?').map(|(alone, _)| alone.into());
    [client_secret.clone()].into_iter().chain(alone).collect()
}

/// The error for an unreadable answer of the token endpoint. `why` may repeat parts of it.
fn unreadable(why: &str, secrets: &[SecretString]) -> Error {
    let why = redact(expected(why).unwrap_or(why), secrets);
    Error::new(ErrorKind::NotJson, format!("invalid response of the token endpoint: {why}"))
}
