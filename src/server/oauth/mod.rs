//! This server as an OAuth resource server: it accepts access tokens that an authorization server issued for it,
//! and for nothing else. Tokens are never passed on.

mod introspection;
mod jwt;
mod metadata;
mod provider;
mod source;

use std::sync::Arc;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

pub(super) use self::metadata::{Challenge, PLACE, document};
use self::{introspection::Introspection, jwt::Keys, source::Source};
use super::{holder::Holder, refusal::Refusal};
use crate::{
    catalogue::Allowance,
    client::{Error, Result},
    guard::{Identity, Principal},
    risk::Risk,
    visible::visible_up_to,
};

/// The scopes, and what each allows. A higher one includes the lower ones.
const SCOPES: [(&str, Risk); 3] =
    [("mcp:read", Risk::Read), ("mcp:change", Risk::Change), ("mcp:danger", Risk::Danger)];
/// The scope of the metrics.
const METRICS: &str = "mcp:metrics";
/// The longest token.
const MAX_TOKEN: usize = 16 << 10;
/// The most characters of a subject or a client's ID.
const MAX_NAME: usize = 255;

/// The issuer as it is written in tokens: a URL without a path has no slash at its end.
fn issuer_name(issuer: &Url) -> &str {
    let text = issuer.as_str();
    if issuer.path() == "/" { text.trim_end_matches('/') } else { text }
}

/// Which authorization server is trusted, and what this server is called there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OAuthRules {
    /// The authorization server, exactly as it names itself.
    pub issuer: Url,
    /// The URL of this server's endpoint for clients, which must be the audience of tokens.
    pub resource: Url,
    /// The ID and the secret with which this server asks about tokens (RFC 7662). Without them, tokens are JWTs
    /// with a signature by a key of the authorization server.
    pub introspection: Option<(String, SecretString)>,
}

impl OAuthRules {
    /// Rules for JWTs.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a URL that is neither `https` nor of this machine.
    pub fn new(issuer: Url, resource: Url) -> Result<Self> {
        source::check("--oauth-issuer", &issuer)?;
        source::check("--public-url", &resource)?;
        Ok(Self { issuer, resource, introspection: None })
    }
}

/// The access tokens of an authorization server.
#[derive(Debug)]
pub struct AccessTokens {
    rules: OAuthRules,
    how: How,
}

#[derive(Debug)]
enum How {
    Jwt(Keys),
    Introspection(Introspection),
}

/// What a token says, in either form.
#[derive(Debug, Clone, Deserialize)]
struct Claims {
    sub: Option<String>,
    client_id: Option<String>,
    azp: Option<String>,
    /// Separated by spaces.
    scope: Option<String>,
    /// The same under the name that some servers use, as a text or as a list.
    #[serde(default)]
    scp: serde_json::Value,
}

/// Why a token is not accepted.
#[derive(Debug, Clone)]
enum Wrong {
    /// It is not valid here; why, for the log.
    Invalid(String),
    /// It cannot be found out.
    Unknown(Error),
}

impl AccessTokens {
    /// The tokens that are accepted under these rules.
    pub fn new(rules: OAuthRules) -> Self {
        let source = Source::new(rules.issuer.clone());
        let how = match rules.introspection.clone() {
            None => How::Jwt(Keys::new(source)),
            Some((id, secret)) => How::Introspection(Introspection::new(source, id, secret)),
        };
        Self { rules, how }
    }

    /// Asks the authorization server for its metadata, and logs why if there is no answer: until there is one,
    /// all requests are refused.
    pub(crate) async fn try_out(&self) {
        let source = match &self.how {
            How::Jwt(keys) => keys.source(),
            How::Introspection(introspection) => introspection.source(),
        };
        if let Err(error) = source.metadata().await {
            let issuer = self.issuer();
            tracing::warn!(issuer, %error, "the authorization server does not answer; no token is accepted yet");
        }
    }

    /// The authorization server, as it names itself.
    pub(super) fn issuer(&self) -> &str {
        issuer_name(&self.rules.issuer)
    }

    pub(super) fn rules(&self) -> &OAuthRules {
        &self.rules
    }

    /// Who presents the token.
    pub(super) async fn holder(&self, token: Option<&str>) -> Result<Holder, Refusal> {
        let refused = |why| Refusal::OAuth(Challenge::new(&self.rules.resource, why));
        let token = token.ok_or_else(|| refused(metadata::Why::NoToken))?;
        let found = if token.len() > MAX_TOKEN {
            Err(Wrong::Invalid("it is too long".to_owned()))
        } else {
            match &self.how {
                How::Jwt(keys) => keys.claims(&self.rules, token).await,
                How::Introspection(it) => it.claims(&self.rules, token).await,
            }
        };
        let claims = found.map_err(|wrong| match wrong {
            Wrong::Invalid(why) => {
                tracing::debug!(why, "an access token is refused");
                refused(metadata::Why::Invalid)
            }
            Wrong::Unknown(error) => {
                tracing::warn!(%error, "the authorization server does not answer");
                Refusal::Unknown(error.to_string())
            }
        })?;
        let allowances = claims.allowances();
        if allowances.is_empty() {
            return Err(refused(metadata::Why::Scope));
        }
        let principal = self.principal(&claims, allowances);
        principal.map(Holder::limited).ok_or_else(|| refused(metadata::Why::Invalid))
    }

    /// The subject through its client: the same person through another client is another caller.
    fn principal(&self, claims: &Claims, allowances: Vec<Allowance>) -> Option<Principal> {
        let client = claims.client_id.clone().or_else(|| claims.azp.clone());
        let subject = claims.sub.clone().or_else(|| client.clone()).filter(|it| !it.is_empty())?;
        let (issuer, host) = (self.issuer(), self.rules.issuer.host_str()?);
        let shown = |text: &str| visible_up_to(text, MAX_NAME).into_owned();
        let name = format!("{}@{host}", shown(&subject));
        let key = serde_json::json!([issuer, subject, client]).to_string();
        let mut principal = Principal::new(name);
        principal.key = format!("oauth:{key}").into();
        principal.allowances = Some(Arc::from(allowances));
        principal.identity = Identity::Oauth {
            issuer: issuer.to_owned(),
            subject: shown(&subject),
            client: client.as_deref().map(shown),
        };
        Some(principal)
    }
}

impl Claims {
    fn scopes(&self) -> Vec<&str> {
        let listed = self.scp.as_array().into_iter().flatten().filter_map(|it| it.as_str());
        let texts = [self.scope.as_deref(), self.scp.as_str()].into_iter().flatten();
        texts.flat_map(str::split_whitespace).chain(listed).collect()
    }

    /// What the scopes allow: the highest access level, and the metrics.
    fn allowances(&self) -> Vec<Allowance> {
        let scopes = self.scopes();
        let highest = SCOPES.iter().rev().find(|it| scopes.contains(&it.0));
        let mut allowed: Vec<Allowance> =
            highest.map(|(scope, risk)| Allowance::of_scope(scope, *risk)).into_iter().collect();
        if scopes.contains(&METRICS) {
            allowed.push(Allowance::of_metrics(METRICS));
        }
        allowed
    }
}
