//! Authentication over HTTP: by token, or none on a loopback address if the administrator allows it.

use std::sync::Arc;

use http::{HeaderMap, header};
use jiff::Timestamp;

use super::{
    guard::Shared,
    refusal::Refusal,
    tokens::{Holder, Tokens},
};

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
    /// The inventory of the tailnet, as metrics.
    TailnetMetrics,
}

impl Shared {
    /// Authenticates a request. Returns the holder of its token, if the token allows this purpose, or the
    /// local holder if no token is required. Removes the token from the headers.
    pub(super) fn admit(
        &self,
        purpose: Purpose,
        headers: &mut HeaderMap,
    ) -> Result<Holder, Refusal> {
        let presented = headers.remove(header::AUTHORIZATION);
        let Access::Tokens(tokens) = &self.access else { return Ok(Holder::local()) };
        let presented = presented.ok_or(Refusal::NoToken)?;
        let holder = presented.to_str().ok().and_then(bearer).and_then(|it| tokens.holder(it));
        let holder = holder.ok_or(Refusal::WrongToken)?;
        let is_allowed = match purpose {
            Purpose::Mcp => !holder.metrics && !holder.tailnet_metrics,
            Purpose::Metrics => holder.metrics,
            Purpose::TailnetMetrics => holder.tailnet_metrics,
        };
        let now = Timestamp::now();
        if !is_allowed {
            Err(Refusal::Forbidden)
        } else if holder.hours.is_empty() || holder.hours.iter().any(|hours| hours.is_open(now)) {
            Ok(holder)
        } else {
            Err(Refusal::Hours(holder.hours))
        }
    }
}

/// The token in the value of an `Authorization` header.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
