//! What clients read to find the authorization server (RFC 9728).

use axum::{Json, extract::State, response::IntoResponse as _};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use std::sync::Arc;
use url::Url;

use super::{METRICS, SCOPES};
use crate::server::{auth::Access, guard::Shared};

/// Why a request is refused, with where clients find the authorization server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) struct Challenge {
    resource: Url,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    NoToken,
    Invalid,
    /// The token has none of the scopes.
    Scope,
}

impl Challenge {
    pub(super) fn new(resource: &Url, why: Why) -> Self {
        Self { resource: resource.clone(), why }
    }

    pub(in crate::server) fn status(&self) -> StatusCode {
        if self.why == Why::Scope { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED }
    }

    pub(in crate::server) fn message(&self) -> &'static str {
        match self.why {
            Why::NoToken => "an access token of the authorization server is required",
            Why::Invalid => {
                "the access token is not valid for this server: check its issuer, audience and expiry"
            }
            Why::Scope => {
                "the access token has none of the scopes mcp:read, mcp:change, mcp:danger"
            }
        }
    }

    /// The value of `WWW-Authenticate`.
    pub(in crate::server) fn header(&self) -> Option<HeaderValue> {
        let mut at = self.resource.clone();
        at.set_path(&format!("{PLACE}{}", self.resource.path()));
        let why = match self.why {
            Why::NoToken => "",
            Why::Invalid => r#"error="invalid_token", "#,
            Why::Scope => r#"error="insufficient_scope", "#,
        };
        HeaderValue::from_str(&format!(
            r#"Bearer {why}scope="{}", resource_metadata="{at}""#,
            SCOPES[0].0
        ))
        .ok()
    }
}

/// Where the document is; the path of the endpoint may follow.
pub(in crate::server) const PLACE: &str = "/.well-known/oauth-protected-resource";

/// The document. There is none without an authorization server.
pub(in crate::server) async fn document(
    State(shared): State<Arc<Shared>>,
) -> axum::response::Response {
    let Access::OAuth(tokens) = &shared.access else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let rules = tokens.rules();
    let scopes = SCOPES.iter().map(|it| it.0).chain([METRICS]);
    Json(json!({
        "resource": rules.resource,
        "resource_name": "tailsteward",
        "authorization_servers": [tokens.issuer()],
        "scopes_supported": scopes.collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
    }))
    .into_response()
}
