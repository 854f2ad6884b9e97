//! The two token endpoints: OAuth client credentials and workload identity federation.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::auth::{Principal, basic_pair};
use super::clock::later;
use super::http::{Failure, Outcome, Reply};
use super::keys::{Key, Keys, Kind};
use super::state::State;
use super::{ids, scopes};

/// All issued access tokens.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tokens {
    lifetime: Duration,
    issued: HashMap<String, Token>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Token {
    key_id: String,
    scopes: Vec<String>,
    expires: Timestamp,
}

impl Tokens {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { lifetime, issued: HashMap::new() }
    }

    /// The caller that an access token authenticates, if the token and its key are still valid. The scopes
    /// are those at the time of issue.
    pub(crate) fn principal(&self, token: &str, keys: &Keys, now: Timestamp) -> Option<Principal> {
        let token = self.issued.get(token).filter(|token| token.expires > now)?;
        let key = keys.get(&token.key_id).filter(|key| key.is_valid(now))?;
        Some(Principal {
            key_id: key.id.clone(),
            kind: key.kind,
            user_id: None,
            scopes: token.scopes.clone(),
            tags: key.tags.clone(),
        })
    }
}

/// `POST /oauth/token`: issues an access token to an OAuth client. As in the real API, the secret
/// identifies the client; the client ID is ignored.
pub(crate) fn token(
    state: &mut State,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Outcome {
    let form = form_urlencoded::parse(body).into_owned().collect::<Vec<_>>();
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let basic = header.and_then(basic_pair);
    let basic =
        basic.map(|(_, secret)| percent_decode_str(&secret).decode_utf8_lossy().into_owned());
    let secret = basic.or_else(|| field(&form, "client_secret").map(str::to_owned));
    let key = secret.and_then(|secret| state.keys.by_secret(&secret, Kind::Client, now));
    let key = key.ok_or_else(Failure::unauthorized)?.clone();
    if field(&form, "grant_type").is_some_and(|grant| grant != "client_credentials") {
        return Err(Failure::bad_request("unsupported grant type"));
    }
    issue(state, &key, field(&form, "scope").unwrap_or_default(), now)
}

/// `POST /oauth/token-exchange`: exchanges an identity provider's ID token for an access token.
pub(crate) fn token_exchange(state: &mut State, body: &[u8], now: Timestamp) -> Outcome {
    let form = form_urlencoded::parse(body).into_owned().collect::<Vec<_>>();
    let client_id = field(&form, "client_id").unwrap_or_default();
    let key = state.keys.get(client_id).filter(|key| key.kind == Kind::Federated);
    let key = key.filter(|key| key.is_valid(now)).ok_or_else(Failure::unauthorized)?.clone();
    let claims = field(&form, "jwt").and_then(claims_in);
    let claims = claims.ok_or_else(|| Failure::bad_request("jwt is malformed"))?;
    let expires = claims.get("exp").and_then(Value::as_f64).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double exactly")]
    if expires <= now.as_second() as f64 || !identity_matches(&key, &claims) {
        return Err(Failure::unauthorized());
    }
    issue(state, &key, field(&form, "scope").unwrap_or_default(), now)
}

fn issue(state: &mut State, key: &Key, wanted: &str, now: Timestamp) -> Outcome {
    let mut scopes: Vec<String> = wanted.split_whitespace().map(str::to_owned).collect();
    if scopes.is_empty() {
        scopes.clone_from(&key.scopes);
    }
    if !scopes.iter().all(|scope| scopes::grants(&key.scopes, scope)) {
        return Err(Failure::bad_request("requested scopes are not granted to this client"));
    }
    let text = ids::secret(&mut state.rng, "api", &key.id);
    let seconds = i64::try_from(state.tokens.lifetime.as_secs()).unwrap_or(i64::MAX);
    let scope = scopes.join(" ");
    // Drop expired tokens here, so that they do not accumulate.
    state.tokens.issued.retain(|_, token| token.expires > now);
    let token = Token { key_id: key.id.clone(), scopes, expires: later(now, seconds) };
    state.tokens.issued.insert(text.clone(), token);
    Reply::json(&json!({
        "access_token": text, "token_type": "Bearer", "expires_in": seconds, "scope": scope,
    }))
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The claims of a well-formed JWT. The signature is not checked: the sandbox has no identity provider to
/// get keys from.
fn claims_in(jwt: &str) -> Option<Map<String, Value>> {
    let parts: Vec<Vec<u8>> =
        jwt.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok()).collect::<Option<_>>()?;
    let [header, claims, _signature] = parts.as_slice() else { return None };
    serde_json::from_slice::<Map<String, Value>>(header).ok()?;
    serde_json::from_slice(claims).ok()
}

/// Whether the claims match a federated identity. The built-in one has no conditions and matches all.
fn identity_matches(key: &Key, claims: &Map<String, Value>) -> bool {
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let audiences = match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ => Vec::new(),
    };
    (key.issuer.is_empty() || key.issuer == claim("iss"))
        && (key.subject.is_empty() || wildcard(&key.subject, claim("sub")))
        && (key.audience.is_empty() || audiences.contains(&key.audience.as_str()))
        && key.custom_claim_rules.iter().all(|(name, rule)| wildcard(rule, claim(name)))
}

/// Whether a text matches a pattern in which `*` stands for any characters.
fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut tail) = text.strip_prefix(head) else { return false };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return tail.ends_with(piece);
        }
        let Some(at) = tail.find(piece) else { return false };
        tail = tail.get(at + piece.len()..).unwrap_or_default();
    }
    true
}
