//! Authentication: an access key or an OAuth access token, sent as a Bearer token or as the user name of
//! HTTP Basic.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::http::Failure;
use super::keys::Kind;
use super::scopes;
use super::state::State;

/// The authenticated credential of a call.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    /// The ID of the access key, or of the key that the access token was issued for.
    pub(crate) key_id: String,
    pub(crate) kind: Kind,
    /// The owner of an access key; `None` for trust credentials, which belong to the tailnet.
    pub(crate) user_id: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// The tags that a trust credential may assign; empty if it may assign any tag.
    pub(crate) tags: Vec<String>,
}

impl Principal {
    pub(crate) fn may(&self, scope: &str) -> bool {
        scopes::grants(&self.scopes, scope)
    }

    /// Fails with 403 unless the credential has the scope.
    pub(crate) fn require(&self, scope: &str) -> Result<(), Failure> {
        if self.may(scope) { Ok(()) } else { Err(Failure::forbidden()) }
    }

    /// Whether the credential belongs to this user. Users cannot change themselves.
    pub(crate) fn is_user(&self, user_id: &str) -> bool {
        self.user_id.as_deref() == Some(user_id)
    }
}

/// What an operation requires of the caller.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Access {
    /// At least one of these scopes.
    AnyOf(&'static [&'static str]),
    /// A token that belongs to a user; no trust credential can do this.
    UserOwned,
    /// Any valid credential: the API documentation states no scope, or the handler checks it.
    Authenticated,
}

impl Access {
    pub(crate) fn check(self, principal: &Principal) -> Result<(), Failure> {
        let allowed = match self {
            Self::AnyOf(needed) => needed.iter().any(|scope| principal.may(scope)),
            Self::UserOwned => principal.user_id.is_some(),
            Self::Authenticated => true,
        };
        if allowed { Ok(()) } else { Err(Failure::forbidden()) }
    }
}

/// Identifies the caller. Missing, malformed, unknown and expired credentials get the same response.
pub(crate) fn authenticate(
    state: &State,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Principal, Failure> {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = header.and_then(token_in).ok_or_else(Failure::unauthorized)?;
    state
        .keys
        .access_key(&token, now)
        .or_else(|| state.tokens.principal(&token, &state.keys, now))
        .ok_or_else(Failure::unauthorized)
}

fn token_in(header: &str) -> Option<String> {
    let (scheme, value) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().to_owned());
    }
    basic_pair(header).map(|(user, _)| user)
}

/// The user and password of an HTTP Basic header.
pub(crate) fn basic_pair(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
