//! The node that this program runs on, through its Tailscale daemon.
//!
//! It may be in a different tailnet than the one that the credential belongs to, or in none. Every answer
//! names the machine that it is about.

use std::{net::IpAddr, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

pub(crate) mod change;
mod explain;
mod peers;
mod plan;
mod state;
#[cfg(feature = "server")]
pub(crate) mod tools;

pub use self::{
    explain::{Broken, Explained, Step, StepState},
    peers::{PathOf, PeerPing, PeerTraffic},
    state::{NodeState, Suggestion},
};
use crate::{
    Error, ErrorKind, Tailnet,
    client::Result,
    local::{Daemon, Peer, Status},
};

/// The node that this program runs on.
#[derive(Debug, Clone, Copy)]
pub struct ThisNode<'a> {
    tailnet: &'a Tailnet,
}

/// What this machine's network allows, as its daemon's command measured it.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Network {
    /// Short name of the machine.
    pub machine: String,
    /// Whether UDP gets through. Without it, everything is relayed.
    pub udp: bool,
    /// Whether IPv4 gets through.
    pub ipv4: bool,
    /// Whether IPv6 gets through.
    pub ipv6: bool,
    /// Whether the NAT uses a different port for each destination. None if that was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_nat: Option<bool>,
    /// The ways in which the router maps ports. None if that was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_mapping: Option<Vec<&'static str>>,
    /// Whether a captive portal blocks the internet. None if that was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captive_portal: Option<bool>,
    /// Code of the nearest DERP region. None if none was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest_derp: Option<String>,
    /// Round trip to each DERP region in milliseconds, the nearest first.
    pub derp_ms: Vec<(String, f64)>,
}

impl<'a> ThisNode<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    pub(crate) fn tailnet(self) -> &'a Tailnet {
        self.tailnet
    }

    pub(crate) fn daemon(self) -> &'a Daemon {
        self.tailnet.daemon()
    }

    /// Measures what this machine's network allows, with the command `tailscale netcheck`.
    ///
    /// # Errors
    ///
    /// The same as [`Daemon::netcheck`].
    pub async fn network(&self) -> Result<Network> {
        let machine = self.daemon().own_status().await?.machine().to_owned();
        let found = self.daemon().netcheck("tailscale").await?;
        let regions = self.daemon().regions().await?;
        let code = |id: &str| regions.get(id).map_or_else(|| id.to_owned(), |it| it.code.clone());
        let nanos = |it: i64| Duration::from_nanos(it.unsigned_abs());
        let round = |it: i64| round_ms(nanos(it).as_secs_f64());
        let mut derp_ms: Vec<(String, f64)> =
            found.region_latency.iter().map(|(id, it)| (code(id), round(*it))).collect();
        derp_ms.sort_by(|a, b| a.1.total_cmp(&b.1));
        let ways = [("UPnP", found.upnp), ("NAT-PMP", found.nat_pmp), ("PCP", found.pcp)];
        let measured = ways.iter().any(|(_, it)| it.is_some());
        let mapped = ways.iter().filter(|(_, it)| *it == Some(true)).map(|(name, _)| *name);
        Ok(Network {
            machine,
            udp: found.udp,
            ipv4: found.ipv4,
            ipv6: found.ipv6,
            hard_nat: found.hard_nat,
            port_mapping: measured.then(|| mapped.collect()),
            captive_portal: found.captive_portal,
            nearest_derp: Some(found.preferred_derp)
                .filter(|it| *it != 0)
                .map(|it| code(&it.to_string())),
            derp_ms,
        })
    }
}

/// Seconds as milliseconds with two decimals.
fn round_ms(seconds: f64) -> f64 {
    (seconds * 100_000.0).round() / 100.0
}

/// The peer that `text` names: short or full name, start of a name, stable ID or address.
fn peer<'s>(status: &'s Status, field: &str, text: &str) -> Result<&'s Peer> {
    let text = text.trim().trim_end_matches('.');
    if text.is_empty() {
        return Err(Error::invalid_input(field, "is empty; give a name, an ID or an IP address"));
    }
    let address: Option<IpAddr> = text.parse().ok();
    let is = |it: &&Peer| {
        it.id == text
            || address.is_some_and(|address| it.addresses.contains(&address))
            || it.full_name().eq_ignore_ascii_case(text)
            || it.short_name().eq_ignore_ascii_case(text)
    };
    if let Some(found) = status.peers.values().find(is) {
        return Ok(found);
    }
    let start = text.to_ascii_lowercase();
    let begins = |it: &&Peer| it.short_name().to_ascii_lowercase().starts_with(&start);
    let found: Vec<&Peer> = status.peers.values().filter(begins).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(nobody(status, field, text)),
        several => {
            let names = several.iter().take(10).map(|it| it.short_name().to_owned()).collect();
            Err(Error::ambiguous(text, names))
        }
    }
}

fn nobody(status: &Status, field: &str, text: &str) -> Error {
    let own = status.node.as_ref().is_some_and(|it| {
        it.id == text
            || it.short_name().eq_ignore_ascii_case(text)
            || it.full_name().eq_ignore_ascii_case(text)
            || it.addresses.iter().any(|it| it.to_string() == text)
    });
    if own {
        return Error::invalid_input(
            field,
            format!("is this machine itself, `{}`", status.machine()),
        );
    }
    let machine = status.machine();
    let why = format!("`{text}` ({field}) is not a peer that this machine, `{machine}`, knows");
    Error::new(ErrorKind::NotFound, why).with_remedy(
        "a node only knows peers that the policy file lets it connect to or accept connections from; compare \
         with the devices of the tailnet",
    )
}

/// How long ago `at` was, in seconds. None if it never was.
fn seconds_ago(at: Option<&crate::wire::Timestamp>, now: Timestamp) -> Option<i64> {
    let at = at?.instant()?;
    Some(now.as_second().saturating_sub(at.as_second()).max(0))
}
