//! The network around this machine, measured by the daemon's own command.

use std::{collections::BTreeMap, process::Stdio, time::Duration};

use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

use super::{Daemon, null};
use crate::{Error, ErrorKind, client::Result, visible::visible_up_to};

/// How long the measurement may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of its report.
const MAX_REPORT: u64 = 1 << 20;

/// What this machine's network allows (`tailscale netcheck --format=json`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct NetCheck {
    /// Whether UDP gets through. Without it, everything is relayed.
    #[serde(rename = "UDP", deserialize_with = "null")]
    pub udp: bool,
    /// Whether IPv4 gets through.
    #[serde(rename = "IPv4", deserialize_with = "null")]
    pub ipv4: bool,
    /// Whether IPv6 gets through.
    #[serde(rename = "IPv6", deserialize_with = "null")]
    pub ipv6: bool,
    /// Whether the NAT uses a different port for each destination (hard NAT). None if that was not measured.
    #[serde(rename = "MappingVariesByDestIP")]
    pub hard_nat: Option<bool>,
    /// Whether the router maps ports by UPnP. None if that was not measured.
    #[serde(rename = "UPnP")]
    pub upnp: Option<bool>,
    /// Whether the router maps ports by NAT-PMP. None if that was not measured.
    #[serde(rename = "PMP")]
    pub nat_pmp: Option<bool>,
    /// Whether the router maps ports by PCP. None if that was not measured.
    #[serde(rename = "PCP")]
    pub pcp: Option<bool>,
    /// ID of the nearest DERP region; 0 if none was reached.
    #[serde(rename = "PreferredDERP", deserialize_with = "null")]
    pub preferred_derp: i64,
    /// Round trip to each DERP region in nanoseconds, by ID of the region.
    #[serde(deserialize_with = "null")]
    pub region_latency: BTreeMap<String, i64>,
    /// This machine's public IPv4 address and port.
    #[serde(rename = "GlobalV4", deserialize_with = "null")]
    pub public_ipv4: String,
    /// This machine's public IPv6 address and port.
    #[serde(rename = "GlobalV6", deserialize_with = "null")]
    pub public_ipv6: String,
    /// Whether a captive portal blocks the internet. None if that was not measured.
    pub captive_portal: Option<bool>,
}

impl Daemon {
    /// Measures the network around this machine with `program`, the command `tailscale`.
    ///
    /// # Errors
    ///
    /// [`DaemonAbsent`](ErrorKind::DaemonAbsent) if there is no such command;
    /// [`Upstream`](ErrorKind::Upstream) if it fails.
    pub async fn netcheck(&self, program: &str) -> Result<NetCheck> {
        let mut command = tokio::process::Command::new(program);
        if let Some(socket) = self.socket() {
            command.arg("--socket").arg(socket);
        }
        command.args(["netcheck", "--format=json"]).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let failed = |why: String| {
            Error::new(ErrorKind::Upstream, format!("`{program} netcheck` {why}"))
                .with_remedy("run it by hand to see why")
        };
        let mut child = command.spawn().map_err(|error| {
            let why = format!("the command `{program}` cannot be started: {error}");
            Error::new(ErrorKind::DaemonAbsent, why)
                .with_remedy("install the Tailscale CLI, or add it to the PATH")
        })?;
        let mut report = Vec::new();
        let read = async {
            if let Some(out) = child.stdout.take() {
                out.take(MAX_REPORT).read_to_end(&mut report).await?;
            }
            child.wait().await
        };
        let status = tokio::time::timeout(TIMEOUT, read)
            .await
            .map_err(|_| failed(format!("took longer than {} seconds", TIMEOUT.as_secs())))?
            .map_err(|error| failed(format!("failed: {error}")))?;
        if !status.success() {
            return Err(failed(format!("exited with {status}")));
        }
        serde_json::from_slice(&report).map_err(|error| {
            let start = String::from_utf8_lossy(&report);
            failed(format!(
                "returned no readable report ({error}): {}",
                visible_up_to(start.trim(), 200)
            ))
        })
    }
}
