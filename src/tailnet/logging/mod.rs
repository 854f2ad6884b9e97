//! Logs: the configuration audit log, network flow logs, and log streaming.

use jiff::Timestamp;

pub mod audit;
pub(crate) mod aws;
mod difference;
pub(crate) mod flows;
mod links;
pub mod stream;
#[cfg(feature = "server")]
pub(crate) mod tools;

pub(crate) use self::difference::harmless;
pub use self::stream::{Compression, Destination, Log, LogDestination, S3Authentication, Stream};
pub use crate::api::types::{ConfigurationAuditLog, ConnectionCounts, NetworkFlowLog};
use crate::{Error, client::Result, tailnet::Tailnet};

/// The logs of a tailnet.
#[derive(Debug)]
pub struct Logging<'a> {
    tailnet: &'a Tailnet,
}

/// A time window; both ends are inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    /// The window from `start` to `end`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `end` is before `start`.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self> {
        if end < start {
            return Err(Error::invalid_input("until", format!("{end} is before {start}")));
        }
        Ok(Self { start, end })
    }

    /// The start of the window.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The end of the window.
    pub fn end(&self) -> Timestamp {
        self.end
    }
}

impl<'a> Logging<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists entries of the configuration audit log
    /// (`GET /tailnet/{tailnet}/logging/configuration`). `target` keeps entries whose target
    /// contains the text; empty keeps all.
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

    /// Lists network flow logs (`GET /tailnet/{tailnet}/logging/network`). The answer can be very
    /// large, so use a short window. Tailscale keeps 30 days.
    ///
    /// # Errors
    ///
    /// [`PlanLimit`](crate::ErrorKind::PlanLimit) if the tailnet has no network flow logs.
    pub async fn network(&self, window: Window) -> Result<Vec<NetworkFlowLog>> {
        let request = self.tailnet.api()?.list_network_flow_logs();
        let request = request.start(window.start.to_string()).end(window.end.to_string());
        Ok(request.send().await?.into_inner().logs.unwrap_or_default())
    }
}
