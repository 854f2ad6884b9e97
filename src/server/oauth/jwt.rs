//! Access tokens that are JWTs (RFC 9068): signed by a key that the authorization server publishes.

use std::time::{Duration, Instant};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{Jwk, JwkSet, PublicKeyUse},
};
use tokio::sync::Mutex;

use super::{Claims, OAuthRules, Wrong, provider, source::Source};
use crate::client::{Error, ErrorKind, Result};

/// The accepted signatures. None with a shared secret, and not `none`.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// How often keys are read again for a token whose key is unknown. Anybody can name a key that is not there.
const REFRESH_INTERVAL: Duration = Duration::from_secs(30);
/// How long keys count: one that was withdrawn is refused after that.
const KEYS_FRESH: Duration = Duration::from_mins(15);
/// How much clocks may differ, in seconds.
const LEEWAY: u64 = 30;

/// The keys of an authorization server.
#[derive(Debug)]
pub(super) struct Keys {
    source: Source,
    known: Mutex<Option<(Instant, JwkSet)>>,
    /// When they were asked for last, also in vain.
    asked: Mutex<Option<Instant>>,
}

impl Keys {
    /// The authorization server.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn new(source: Source) -> Self {
        provider::install();
        Self { source, known: Mutex::default(), asked: Mutex::default() }
    }

    /// The claims of a token that is valid here.
    pub(super) async fn claims(&self, rules: &OAuthRules, token: &str) -> Result<Claims, Wrong> {
        let invalid = |error: jsonwebtoken::errors::Error| Wrong::Invalid(error.to_string());
        let header = decode_header(token).map_err(invalid)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Wrong::Invalid(format!("its algorithm {:?} is not accepted", header.alg)));
        }
        let is_token = |kind: &str| {
            let kind = kind.to_ascii_lowercase();
            matches!(kind.trim_start_matches("application/"), "at+jwt" | "jwt")
        };
        if !header.typ.as_deref().is_none_or(is_token) {
            return Err(Wrong::Invalid("it is a token of another type".to_owned()));
        }
        let key = self.key(header.kid.as_deref(), header.alg).await?;
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[self.source.own_name()]);
        validation.set_audience(&[rules.resource.as_str()]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        decode::<Claims>(token, &key, &validation).map(|it| it.claims).map_err(invalid)
    }

    /// The key of that ID, read again at most every so often if it is unknown.
    async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, Wrong> {
        let find_in = |set: &JwkSet| find(set, id, algorithm).cloned();
        let jwk = if let Some(jwk) = self.fresh(find_in).await.flatten() {
            jwk
        } else {
            // Tokens with a known key do not wait for this.
            let mut asked = self.asked.lock().await;
            let set = match self.fresh(find_in).await {
                // Another request has read them meanwhile.
                Some(Some(jwk)) => Ok(Some(jwk)),
                known => self
                    .read(&mut asked, known.is_none())
                    .await
                    .map(|set| set.as_ref().and_then(find_in)),
            };
            let found = set.map_err(Wrong::Unknown)?;
            found.ok_or_else(|| Wrong::Invalid("its signing key is unknown".to_owned()))?
        };
        DecodingKey::from_jwk(&jwk).map_err(|error| Wrong::Invalid(error.to_string()))
    }

    /// What `find` finds in the keys; `None` if they are not known, or no longer count.
    async fn fresh<T>(&self, find: impl Fn(&JwkSet) -> T) -> Option<T> {
        let known = self.known.lock().await;
        known.as_ref().filter(|it| it.0.elapsed() < KEYS_FRESH).map(|it| find(&it.1))
    }

    /// The published keys; `None` if they were asked for a moment ago.
    async fn read(&self, asked: &mut Option<Instant>, is_stale: bool) -> Result<Option<JwkSet>> {
        let is_early = asked.is_some_and(|it| it.elapsed() < REFRESH_INTERVAL);
        if is_early && !is_stale {
            return Ok(None);
        }
        // Without any keys every token would cause a request, so they are asked for once a second.
        if is_stale && asked.is_some_and(|it| it.elapsed() < Duration::from_secs(1)) {
            return Err(Error::new(
                ErrorKind::Upstream,
                "the keys of the authorization server could not be read a moment ago",
            ));
        }
        *asked = Some(Instant::now());
        let metadata = self.source.metadata().await?;
        let Some(url) = metadata.jwks_uri else {
            let why = "the authorization server publishes no keys (`jwks_uri`)";
            return Err(Error::config(why, "use token introspection instead: --oauth-client-id"));
        };
        let set: JwkSet = self.source.get(url).await?;
        *self.known.lock().await = Some((Instant::now(), set.clone()));
        Ok(Some(set))
    }
}

/// The key for signatures with that ID. A token without an ID is by the only key.
fn find<'a>(set: &'a JwkSet, id: Option<&str>, algorithm: Algorithm) -> Option<&'a Jwk> {
    let fits = |key: &&Jwk| {
        let named = key.common.key_algorithm.map(|it| format!("{it:?}"));
        let is_for = named.is_none_or(|it| it == format!("{algorithm:?}"));
        let signs =
            key.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
        is_for && signs
    };
    let mut found = set.keys.iter().filter(fits).filter(|key| match id {
        Some(id) => key.common.key_id.as_deref() == Some(id),
        None => true,
    });
    match (found.next(), found.next()) {
        (Some(key), None) => Some(key),
        _ => None,
    }
}
