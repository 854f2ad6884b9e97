//! Authentication over HTTP: by token, by the node of the tailnet, by an access token of an authorization server,
//! or none on a loopback address if the administrator allows it. A listener has one of these.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;

use super::{
    guard::Shared,
    holder::Holder,
    identity::{Connection, Forwarded, Nodes, NotAllowed, strip},
    oauth::AccessTokens,
    refusal::Refusal,
    tokens::Tokens,
};

/// Who may use the server over HTTP.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Access {
    /// Anyone who can connect to the address, which must be a loopback address.
    Anyone,
    /// Callers with a token.
    Tokens(Arc<Tokens>),
    /// Nodes of the tailnet, identified by the Tailscale daemon for each connection.
    Tailnet(Arc<Nodes>),
    /// Nodes of the tailnet, through `tailscale serve` and a Unix socket that only `tailscaled` may use.
    TailnetServe(Arc<Nodes>),
    /// Callers with an access token that an authorization server issued for this server.
    OAuth(Arc<AccessTokens>),
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

impl Access {
    /// Whether every caller is the same principal.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Anyone)
    }

    /// Whether callers are found out anew while a stream is open.
    fn is_checked_again(&self) -> bool {
        matches!(self, Self::Tailnet(_) | Self::TailnetServe(_) | Self::OAuth(_))
    }
}

impl Shared {
    /// Finds out who sends a request, and whether they may use it for this purpose. Removes from the headers
    /// the token, and whatever proxies say of callers.
    pub(super) async fn admit(
        &self,
        purpose: Purpose,
        connection: &Connection,
        headers: &mut HeaderMap,
    ) -> Result<Admitted, Refusal> {
        let presented = headers.remove(header::AUTHORIZATION);
        let forwarded = Forwarded::read(headers);
        strip(headers);
        let proof = Proof { presented, forwarded, connection: connection.clone() };
        let holder = match &self.access {
            Access::Anyone => return Ok(Admitted { holder: Holder::local(), again: None }),
            Access::Tokens(tokens) => {
                proof.token().and_then(|it| tokens.holder(it).ok_or(Refusal::WrongToken))?
            }
            Access::Tailnet(nodes) => nodes.of_connection(connection).await?,
            Access::TailnetServe(nodes) => nodes.of_request(&proof.forwarded).await?,
            Access::OAuth(tokens) => tokens.holder(proof.token().ok()).await?,
        };
        let is_allowed = match purpose {
            Purpose::Mcp => holder.mcp,
            Purpose::Metrics => holder.metrics,
            Purpose::TailnetMetrics => holder.tailnet_metrics,
        };
        if !is_allowed {
            return Err(match &self.access {
                Access::Tokens(_) => Refusal::Forbidden,
                _ if matches!(purpose, Purpose::Mcp) => Refusal::NotAllowed(NotAllowed::NoTool),
                _ => Refusal::NotAllowed(NotAllowed::Metrics),
            });
        }
        let hours = &holder.hours;
        if !hours.is_empty() && !hours.iter().any(|it| it.is_open(Timestamp::now())) {
            return Err(Refusal::Hours(holder.hours));
        }
        let again = self.access.is_checked_again().then_some(proof);
        Ok(Admitted { holder, again })
    }

    /// Returns when the caller is not who they were any more, or is not allowed the same.
    pub(super) async fn until_changed(self: Arc<Self>, holder: Holder, proof: Proof) {
        loop {
            tokio::time::sleep(self.limits.recheck).await;
            let now = match (&self.access, proof.connection.peer()) {
                (Access::Tailnet(nodes), Some(peer)) => nodes.behind(peer).await,
                (Access::TailnetServe(nodes), _) => nodes.of_request(&proof.forwarded).await,
                (Access::OAuth(tokens), _) => tokens.holder(proof.token().ok()).await,
                _ => return,
            };
            if now.ok().is_none_or(|it| it.principal != holder.principal) {
                return;
            }
        }
    }
}

/// A caller who may come in.
pub(super) struct Admitted {
    pub(super) holder: Holder,
    /// By what they are found out again, as long as they listen.
    pub(super) again: Option<Proof>,
}

/// By what a caller is found out.
#[derive(Clone)]
pub(super) struct Proof {
    presented: Option<HeaderValue>,
    forwarded: Forwarded,
    connection: Connection,
}

impl Proof {
    /// The token in the `Authorization` header.
    fn token(&self) -> Result<&str, Refusal> {
        let presented = self.presented.as_ref().ok_or(Refusal::NoToken)?;
        presented.to_str().ok().and_then(bearer).ok_or(Refusal::WrongToken)
    }
}

/// The token in the value of an `Authorization` header.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
