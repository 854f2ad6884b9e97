//! Reasons for rejecting a request, and the response for each.

use std::{sync::Arc, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::json;

use super::{identity::NotAllowed, oauth::Challenge};
use crate::guardrails::Window;

/// Why a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The `Host` header is not allowed: it may belong to a web page whose name resolves to this server
    /// (DNS rebinding).
    Host,
    /// The request is from a page of another origin.
    Origin,
    /// A token is required, and there is none.
    NoToken,
    /// The token is not valid.
    WrongToken,
    /// The token is for another purpose.
    Forbidden,
    /// The token may not be used at this time.
    Hours(Arc<[Window]>),
    /// The caller is known, or is nobody of the tailnet, and may not come in.
    NotAllowed(NotAllowed),
    /// The access token is missing, not valid, or has no scope of ours.
    OAuth(Challenge),
    /// It cannot be found out who calls; why.
    Unknown(String),
    /// The signature of a webhook is missing, wrong or old.
    Signature,
    TooFast(Duration),
    TooLarge(usize),
    TooSlow,
    Busy,
    SessionsFull,
    ConnectionsFull,
    /// The session does not exist, or belongs to another principal.
    NoSession,
    /// The body is not JSON.
    NotJson,
    /// The body is JSON, but not an MCP message.
    NoMessage,
    /// The server is shutting down.
    Stopping,
}

/// Marks a response as a rejection, for the metrics.
#[derive(Debug, Clone)]
pub(super) struct Reason(pub(super) &'static str);

impl Refusal {
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Origin => "origin",
            Self::NoToken | Self::WrongToken | Self::OAuth(_) => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Hours(_) => "hours",
            Self::NotAllowed(why) => why.reason(),
            Self::Unknown(_) => "identity_unknown",
            Self::Signature => "signature",
            Self::TooFast(_) => "rate",
            Self::TooLarge(_) => "body_size",
            Self::TooSlow => "body_time",
            Self::Busy => "busy",
            Self::SessionsFull => "sessions",
            Self::ConnectionsFull => "connections",
            Self::NoSession => "no_session",
            Self::NotJson => "not_json",
            Self::NoMessage => "no_message",
            Self::Stopping => "stopping",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::Origin | Self::Forbidden | Self::Hours(_) | Self::NotAllowed(_) => {
                StatusCode::FORBIDDEN
            }
            Self::NoToken | Self::WrongToken | Self::Signature => StatusCode::UNAUTHORIZED,
            Self::OAuth(challenge) => challenge.status(),
            Self::TooFast(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy
            | Self::SessionsFull
            | Self::ConnectionsFull
            | Self::Stopping
            | Self::Unknown(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoSession => StatusCode::NOT_FOUND,
            Self::NotJson | Self::NoMessage => StatusCode::BAD_REQUEST,
        }
    }

    /// The JSON-RPC error code.
    fn code(&self) -> i32 {
        match self {
            Self::NotJson => -32700,
            Self::NoMessage | Self::TooLarge(_) => -32600,
            // The code that the TypeScript SDK expects.
            Self::NoSession => -32001,
            _ => -32000,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Host => {
                "the Host header is not a name of this server; the administrator can add it with \
                 --allowed-host"
            }
            Self::Origin => {
                "web pages of this origin may not use this server; the administrator can allow it \
                 with --allowed-origin"
            }
            Self::NoToken | Self::WrongToken => {
                "a valid token is required: send it as `Authorization: Bearer TOKEN`"
            }
            Self::Forbidden => "this token is not allowed to use this endpoint",
            Self::Hours(hours) => {
                let (all, next) = (Window::all(hours), Window::next(hours, Timestamp::now()));
                return format!("this token may only be used during {all}; call again {next}");
            }
            Self::NotAllowed(why) => return why.message(),
            Self::OAuth(challenge) => challenge.message(),
            Self::Unknown(why) => {
                return format!("the caller cannot be identified: {why}; try again");
            }
            Self::Signature => "the signature is not valid",
            Self::TooFast(wait) => {
                return format!("too many requests; try again in {} s", seconds(*wait));
            }
            Self::TooLarge(limit) => return format!("the body is larger than {limit} bytes"),
            Self::TooSlow => "the body was not received in time",
            Self::Busy => "too many concurrent requests; try again in a moment",
            Self::SessionsFull => "too many sessions; end one or try again later",
            Self::ConnectionsFull => "too many connections; try again later",
            Self::NoSession => "unknown session; initialize a new one",
            Self::NotJson => "the body is not JSON",
            Self::NoMessage => "the body is not an MCP message; batches are not supported",
            Self::Stopping => "the server is shutting down; try again",
        }
        .to_owned()
    }

    /// The `Retry-After` or `WWW-Authenticate` header, if the response has one.
    fn header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        let challenge =
            |text: &'static str| Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(text)));
        let after = |wait: u64| Some((header::RETRY_AFTER, HeaderValue::from(wait)));
        match self {
            // It names no metadata (RFC 9728), since a client would look for an authorization server.
            Self::NoToken => challenge("Bearer"),
            Self::WrongToken => challenge(r#"Bearer error="invalid_token""#),
            Self::Forbidden => challenge(r#"Bearer error="insufficient_scope""#),
            Self::OAuth(challenge) => challenge.header().map(|it| (header::WWW_AUTHENTICATE, it)),
            Self::TooFast(wait) => after(seconds(*wait)),
            Self::Busy | Self::Stopping | Self::Unknown(_) => after(1),
            Self::SessionsFull => after(30),
            _ => None,
        }
    }
}

/// The duration in seconds, rounded up, at least 1.
fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
}

impl Refusal {
    /// The response for a sender that is not a client: the status in words, and nothing of this server.
    pub(super) fn plain(&self) -> Response {
        let status = self.status();
        let body = format!("{}\n", status.canonical_reason().unwrap_or_default());
        self.marked((status, body).into_response())
    }

    fn marked(&self, mut response: Response) -> Response {
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(Reason(self.reason()));
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({
            "jsonrpc": "2.0",
            "id": null,
            "error": { "code": self.code(), "message": self.message() },
        });
        self.marked((self.status(), axum::Json(body)).into_response())
    }
}
