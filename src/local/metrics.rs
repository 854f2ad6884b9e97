//! The daemon's own metrics.

use std::collections::BTreeMap;

use super::{Daemon, MAX_SMALL};
use crate::client::Result;

/// What the daemon has counted since it started (`GET usermetrics`), by path.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct UserMetrics {
    /// Bytes received, by path such as `derp` or `direct_ipv4`.
    pub inbound_bytes: BTreeMap<String, f64>,
    /// Bytes sent, by path.
    pub outbound_bytes: BTreeMap<String, f64>,
    /// Packets dropped in either direction, by reason.
    pub dropped_packets: BTreeMap<String, f64>,
}

impl UserMetrics {
    /// Reads the text form of Prometheus. Lines that cannot be read are left out.
    pub fn read(text: &str) -> Self {
        let mut metrics = Self::default();
        for line in text.lines().filter(|it| !it.starts_with('#')) {
            let Some((name, rest)) = line.split_once('{') else { continue };
            let Some((labels, value)) = rest.rsplit_once('}') else { continue };
            let Ok(value) = value.trim().parse::<f64>() else { continue };
            let Some(label) = labels.split('"').nth(1) else { continue };
            let counts = match name {
                "tailscaled_inbound_bytes_total" => &mut metrics.inbound_bytes,
                "tailscaled_outbound_bytes_total" => &mut metrics.outbound_bytes,
                "tailscaled_inbound_dropped_packets_total"
                | "tailscaled_outbound_dropped_packets_total" => &mut metrics.dropped_packets,
                _ => continue,
            };
            *counts.entry(label.to_owned()).or_default() += value;
        }
        metrics
    }
}

impl Daemon {
    /// The daemon's metrics (`GET usermetrics`).
    ///
    /// # Errors
    ///
    /// The same as [`status`](Self::status).
    pub async fn user_metrics(&self) -> Result<UserMetrics> {
        let answer = self.get("usermetrics", MAX_SMALL).await?;
        Ok(UserMetrics::read(&String::from_utf8_lossy(&answer.body)))
    }
}
