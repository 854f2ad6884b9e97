//! Logs: who changed what, and who talked to whom.

use jiff::Timestamp;

pub(crate) mod aws;
pub mod stream;
#[cfg(feature = "server")]
pub(crate) mod tools;

pub use self::stream::{Compression, Destination, Log, LogDestination, S3Authentication, Stream};
pub use crate::api::types::{ConfigurationAuditLog, ConnectionCounts, NetworkFlowLog};
use crate::{Error, client::Result, tailnet::Tailnet};

/// The logs of a tailnet.
#[derive(Debug)]
pub struct Logging<'a> {
    tailnet: &'a Tailnet,
}

/// A span of time; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    /// From `start` to `end`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it ends before it starts.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self> {
        if end < start {
            return Err(Error::invalid_input("until", format!("{end} is before {start}")));
        }
        Ok(Self { start, end })
    }

    /// Where it starts.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Where it ends.
    pub fn end(&self) -> Timestamp {
        self.end
    }
}

impl<'a> Logging<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists who changed what in `window` (`GET /tailnet/{tailnet}/logging/configuration`).
    /// `target` keeps the entries whose target contains the text; empty keeps all.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `logs:configuration:read`.
    pub async fn configuration(
        &self,
        window: Window,
        target: &str,
    ) -> Result<Vec<ConfigurationAuditLog>> {
        let api = self.tailnet.api()?;
        let mut request = api
            .list_configuration_audit_logs()
            .start(window.start.to_string())
            .end(window.end.to_string());
        if !target.is_empty() {
            request = request.target(vec![target.to_owned()]);
        }
        Ok(request.send().await?.into_inner().logs.unwrap_or_default())
    }

    /// Lists who talked to whom in `window` (`GET /tailnet/{tailnet}/logging/network`). Can be
    /// long: ask for little time. Tailscale keeps 30 days.
    ///
    /// # Errors
    ///
    /// [`PlanLimit`](crate::ErrorKind::PlanLimit) where the tailnet has no network flow logs.
    pub async fn network(&self, window: Window) -> Result<Vec<NetworkFlowLog>> {
        let request = self.tailnet.api()?.list_network_flow_logs();
        let request = request.start(window.start.to_string()).end(window.end.to_string());
        Ok(request.send().await?.into_inner().logs.unwrap_or_default())
    }
}
