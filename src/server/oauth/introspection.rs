//! Access tokens of any form, about which the authorization server is asked (RFC 7662).

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::{Claims, OAuthRules, Wrong, source::Source};
use crate::client::{Error, Result};

/// How long an answer counts: a token that was withdrawn is refused after that.
const FRESH: Duration = Duration::from_secs(5);
/// The most answers that are remembered.
const MAX_REMEMBERED: usize = 1024;

/// Asks about tokens.
pub(super) struct Introspection {
    source: Source,
    id: String,
    secret: SecretString,
    /// By the token's hash.
    known: Mutex<HashMap<[u8; 32], (Instant, Claims)>>,
}

impl std::fmt::Debug for Introspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Introspection").field("source", &self.source).finish_non_exhaustive()
    }
}

/// What the authorization server says of a token.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    active: bool,
    exp: Option<i64>,
    nbf: Option<i64>,
    iss: Option<String>,
    #[serde(default)]
    aud: Value,
    #[serde(flatten)]
    claims: Claims,
}

impl Introspection {
    /// The authorization server.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn new(source: Source, id: String, secret: SecretString) -> Self {
        Self { source, id, secret, known: Mutex::default() }
    }

    /// The claims of a token that is valid here.
    pub(super) async fn claims(&self, rules: &OAuthRules, token: &str) -> Result<Claims, Wrong> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        {
            let mut known = self.known.lock().await;
            known.retain(|_, it| it.0.elapsed() < FRESH);
            if let Some((_, claims)) = known.get(&hash) {
                return Ok(claims.clone());
            }
        }
        let answer = self.ask(token).await.map_err(Wrong::Unknown)?;
        let unknown = || Wrong::Invalid("the authorization server does not know it".to_owned());
        let answer = answer.ok_or_else(unknown)?;
        let claims = judge(rules, self.source.own_name(), answer).map_err(Wrong::Invalid)?;
        let mut known = self.known.lock().await;
        if known.len() < MAX_REMEMBERED {
            known.insert(hash, (Instant::now(), claims.clone()));
        }
        Ok(claims)
    }

    async fn ask(&self, token: &str) -> Result<Option<Answer>> {
        let Some(url) = self.source.metadata().await?.introspection_endpoint else {
            let why = "the authorization server does not support token introspection \
                       (`introspection_endpoint`)";
            return Err(Error::config(why, "leave out --oauth-client-id if its tokens are JWTs"));
        };
        let encode =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(&self.id), encode(self.secret.expose_secret()));
        let mut basic = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
            .map_err(Error::unsendable)?;
        basic.set_sensitive(true);
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([
            (header::AUTHORIZATION, basic),
            (header::CONTENT_TYPE, form),
            (header::ACCEPT, json),
        ]);
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .append_pair("token_type_hint", "access_token")
            .finish();
        self.source.post(url, headers, form).await
    }
}

/// The claims, if the token is active, of the issuer, for this server, and of now.
fn judge(rules: &OAuthRules, issuer: &str, answer: Answer) -> Result<Claims, String> {
    if !answer.active {
        return Err("it is not active".to_owned());
    }
    if answer.iss.is_some_and(|it| it != issuer) {
        return Err("it was issued by another authorization server".to_owned());
    }
    let resource = rules.resource.as_str();
    let is_named = match &answer.aud {
        Value::String(one) => one == resource,
        Value::Array(all) => all.iter().any(|it| it.as_str() == Some(resource)),
        _ => false,
    };
    if !is_named {
        return Err("it is for another audience".to_owned());
    }
    let now = jiff::Timestamp::now().as_second();
    if answer.exp.is_some_and(|it| it <= now) || answer.nbf.is_some_and(|it| it > now) {
        return Err("it has expired, or is not valid yet".to_owned());
    }
    Ok(answer.claims)
}
