//! A caller who was let in, and what for.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{
    catalogue::Allowance,
    guard::{Identity, Principal},
    guardrails::Window,
};

/// A caller who was let in.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) principal: Principal,
    /// Whether MCP is allowed.
    pub(super) mcp: bool,
    /// Whether the metrics are allowed.
    pub(super) metrics: bool,
    /// Whether the metrics of the tailnet are allowed.
    pub(super) tailnet_metrics: bool,
    /// Cancelled when a token becomes invalid; its sessions and streams end then.
    pub(super) ended: CancellationToken,
    /// When a token may be used; at any time if there are none.
    pub(super) hours: Arc<[Window]>,
}

impl Holder {
    /// The holder for callers on this machine without authentication.
    pub(super) fn local() -> Self {
        let (principal, ended) = (Principal::local(), CancellationToken::new());
        Self {
            principal,
            mcp: true,
            metrics: true,
            tailnet_metrics: true,
            ended,
            hours: Arc::default(),
        }
    }

    /// A holder of what grants or scopes allow the principal.
    pub(super) fn limited(principal: Principal) -> Self {
        let all = principal.allowances.as_deref().unwrap_or_default();
        let (mcp, metrics) =
            (all.iter().any(Allowance::has_tools), all.iter().any(|it| it.metrics));
        let (ended, hours) = (CancellationToken::new(), Arc::default());
        Self { principal, mcp, metrics, tailnet_metrics: metrics, ended, hours }
    }

    /// The login of the user whose node it is, if it is one.
    pub(super) fn login(&self) -> Option<&String> {
        match &self.principal.identity {
            Identity::Node(node) => node.login.as_ref(),
            _ => None,
        }
    }
}
