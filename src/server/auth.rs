//! Authentication over HTTP: by token, or none on a loopback address if the administrator allows it.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::{HeaderMap, Uri, header};
use serde_json::{Value, json};

use super::{
    guard::Shared,
    refusal::Refusal,
    tokens::{Holder, Tokens},
};

/// The path of the OAuth protected resource metadata (RFC 9728), which tells clients how to authenticate.
pub(super) const METADATA: &str = "/.well-known/oauth-protected-resource";

/// Who may use the server over HTTP.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Access {
    /// Anyone who can connect to the address, which must be a loopback address.
    Anyone,
    /// Callers with a token.
    Tokens(Arc<Tokens>),
}

/// What a request wants to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// MCP.
    Mcp,
    /// The metrics and the details of readiness.
    Metrics,
}

impl Purpose {
    /// The name as an OAuth scope.
    fn scope(self) -> &'static str {
        match self {
            Self::Mcp => "mcp",
            Self::Metrics => "metrics",
        }
    }
}

impl Shared {
    /// Authenticates a request. Returns the holder of its token, if the token allows this purpose, or the
    /// local holder if no token is required. Removes the token from the headers.
    pub(super) fn admit(
        &self,
        purpose: Purpose,
        uri: &Uri,
        headers: &mut HeaderMap,
    ) -> Result<Holder, Refusal> {
        let presented = headers.remove(header::AUTHORIZATION);
        let Access::Tokens(tokens) = &self.access else { return Ok(Holder::local()) };
        let challenge = |error: &str| {
            let base = self.base_url(uri, headers);
            let scope = purpose.scope();
            format!(r#"Bearer {error}resource_metadata="{base}{METADATA}/mcp", scope="{scope}""#)
        };
        let Some(presented) = presented else {
            return Err(Refusal::Unauthorized(challenge("")));
        };
        let holder = presented.to_str().ok().and_then(bearer).and_then(|it| tokens.holder(it));
        let Some(holder) = holder else {
            return Err(Refusal::Unauthorized(challenge(r#"error="invalid_token", "#)));
        };
        if holder.metrics != (purpose == Purpose::Metrics) {
            return Err(Refusal::Forbidden(challenge(r#"error="insufficient_scope", "#)));
        }
        Ok(holder)
    }

    /// The server's URL for clients: the configured one, or that of the request.
    fn base_url(&self, uri: &Uri, headers: &HeaderMap) -> String {
        if let Some(url) = &self.public_url {
            return url.as_str().trim_end_matches('/').to_owned();
        }
        let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
        let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str));
        format!("http://{}", host.unwrap_or("localhost"))
    }
}

/// The token in the value of an `Authorization` header.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Responds with the RFC 9728 metadata. There is no authorization server: the administrator hands out
/// tokens.
pub(super) async fn metadata(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    shared.gate.check(&uri, &headers)?;
    let base = shared.base_url(&uri, &headers);
    Ok(Json(json!({
        "resource": format!("{base}/mcp"),
        "resource_name": "tailsteward",
        "bearer_methods_supported": ["header"],
        "scopes_supported": [Purpose::Mcp.scope(), Purpose::Metrics.scope()],
    })))
}
