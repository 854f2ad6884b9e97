//! Bearer tokens: taken once, renewed ahead of expiry, by one request however many wait.

use std::{path::Path, time::Duration};

use base64::Engine as _;
use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, Scope, TokenResponse as _,
    TokenUrl, basic::BasicClient,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use super::{Credential, Error, ErrorKind, IdentityToken, Result, http, redact::redact};

/// A token is renewed when less than this is left of it, or a fifth of its life if that is less.
const AHEAD: Duration = Duration::from_mins(2);

/// What is assumed of a token whose answer does not say how long it lasts.
const USUAL_LIFE: Duration = Duration::from_hours(1);

/// Gives out bearer tokens for one credential.
pub(super) struct Tokens {
    credential: Credential,
    origin: String,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    token: Option<(SecretString, Instant)>,
    /// Counts up with every token, so that one refusal renews only once.
    serial: u64,
}

/// A token as it was given out.
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

    /// A token that is good for a while. `refused` is the serial of one that the API did not take.
    pub(super) async fn bearer(
        &self,
        client: &reqwest::Client,
        refused: Option<u64>,
    ) -> Result<Bearer> {
        if let Credential::ApiKey(key) = &self.credential {
            return Ok(Bearer { text: key.clone(), serial: 0 });
        }
        // Whoever comes while the token is renewed waits here, and finds the new one.
        let mut held = self.held.lock().await;
        let serial = held.serial;
        if let Some((text, renew_at)) = &held.token
            && refused != Some(serial)
            && Instant::now() < *renew_at
        {
            return Ok(Bearer { text: text.clone(), serial });
        }
        let (text, life) = self.fetch(client).await?;
        held.serial += 1;
        held.token =
            Some((text.clone(), Instant::now() + life.saturating_sub(AHEAD.min(life / 5))));
        Ok(Bearer { text, serial: held.serial })
    }

    /// What must not show up in any text, besides the tokens themselves.
    pub(super) async fn secrets(&self) -> Vec<SecretString> {
        let own = match &self.credential {
            Credential::ApiKey(secret)
            | Credential::OAuth { client_secret: secret, .. }
            | Credential::Federated { identity: IdentityToken::Value(secret), .. } => {
                Some(secret.clone())
            }
            Credential::Federated { .. } => None,
        };
        let held = self.held.lock().await.token.as_ref().map(|(text, _)| text.clone());
        own.into_iter().chain(held).collect()
    }

    async fn fetch(&self, client: &reqwest::Client) -> Result<(SecretString, Duration)> {
        match &self.credential {
            Credential::ApiKey(key) => Ok((key.clone(), Duration::MAX)),
            Credential::OAuth { client_id, client_secret, scopes } => {
                self.client_credentials(client, client_id, client_secret, scopes).await
            }
            Credential::Federated { client_id, identity } => {
                self.exchange(client, client_id, identity).await
            }
        }
    }

    async fn client_credentials(
        &self,
        client: &reqwest::Client,
        client_id: &str,
        client_secret: &SecretString,
        scopes: &[String],
    ) -> Result<(SecretString, Duration)> {
        let url =
            TokenUrl::new(format!("{}/api/v2/oauth/token", self.origin)).map_err(|error| {
                Error::config(format!("the base URL {}: {error}", self.origin), "correct it")
            })?;
        // The command line appends settings to the secret; the API wants it without them.
        let secret = client_secret.expose_secret();
        let secret = secret.split_once('?').map_or(secret, |(secret, _)| secret);
        let oauth = BasicClient::new(ClientId::new(client_id.to_owned()))
            .set_client_secret(ClientSecret::new(secret.to_owned()))
            .set_token_uri(url)
            .set_auth_type(AuthType::BasicAuth);
        let send = |request: HttpRequest| {
            let client = client.clone();
            async move { http::token_request(&client, request).await }
        };
        let scopes = scopes.iter().cloned().map(Scope::new);
        let asked = oauth.exchange_client_credentials().add_scopes(scopes);
        let answer = asked.request_async(&send).await.map_err(|error| match error {
            oauth2::RequestTokenError::Request(error) => error,
            oauth2::RequestTokenError::ServerResponse(said) => rejected(&said.to_string()),
            oauth2::RequestTokenError::Parse(error, _) => {
                Error::new(ErrorKind::NotJson, format!("the token endpoint's answer: {error}"))
            }
            oauth2::RequestTokenError::Other(said) => rejected(&said),
        })?;
        let text = SecretString::from(answer.access_token().secret().clone());
        Ok((text, answer.expires_in().unwrap_or(USUAL_LIFE)))
    }

    async fn exchange(
        &self,
        client: &reqwest::Client,
        client_id: &str,
        identity: &IdentityToken,
    ) -> Result<(SecretString, Duration)> {
        let jwt = match identity {
            IdentityToken::Value(token) => token.clone(),
            IdentityToken::File(path) => read(path).await?,
        };
        if let Some(expiry) = expiry(&jwt).filter(|it| *it <= jiff::Timestamp::now()) {
            return Err(Error::config(
                format!("the identity token expired at {expiry}"),
                "let the issuer write a fresh one, and name its file as \
                 TAILSCALE_IDENTITY_TOKEN=file:/path so that it is read again",
            ));
        }
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", client_id)
            .append_pair("jwt", jwt.expose_secret())
            .finish();
        let request = ::http::Request::post(format!("{}/api/v2/oauth/token-exchange", self.origin))
            .header(::http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.into_bytes())
            .map_err(|error| Error::config(format!("the base URL: {error}"), "correct it"))?;
        let answer: HttpResponse = http::token_request(client, request).await?;
        if !answer.status().is_success() {
            return Err(rejected(&String::from_utf8_lossy(answer.body()))
                .answered(answer.status().as_u16(), None));
        }
        let answer: Answer = serde_json::from_slice(answer.body()).map_err(|error| {
            Error::new(ErrorKind::NotJson, format!("the token endpoint's answer: {error}"))
        })?;
        let life = answer.expires_in.map_or(USUAL_LIFE, Duration::from_secs);
        Ok((answer.access_token, life))
    }
}

async fn read(path: &Path) -> Result<SecretString> {
    let text = tokio::fs::read_to_string(path).await.map_err(|error| {
        Error::config(
            format!("the identity token in {}: {error}", path.display()),
            "make it readable",
        )
    })?;
    Ok(text.trim().into())
}

/// When a JSON Web Token expires, if it says so. Nobody checks its signature here.
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

fn rejected(said: &str) -> Error {
    let said: String = redact(said, &[]).chars().take(300).collect();
    Error::new(ErrorKind::Unauthorized, format!("the API gives no token for this client: {said}"))
        .remedied(
            "check the client's id and secret, and that it was not revoked; a new client may take \
             a minute until it works",
        )
}
