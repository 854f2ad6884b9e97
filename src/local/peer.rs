//! A node as the daemon on this machine sees it.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::null;
use crate::wire::Timestamp;

/// A node as the daemon sees it: this one, or a peer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the daemon has as many")]
#[non_exhaustive]
pub struct Peer {
    /// Stable ID, which is the node ID of the admin API.
    #[serde(rename = "ID", deserialize_with = "null")]
    pub id: String,
    /// Name of the host, as it says itself.
    #[serde(deserialize_with = "null")]
    pub host_name: String,
    /// Name in MagicDNS, with a dot at its end.
    #[serde(rename = "DNSName", deserialize_with = "null")]
    pub dns_name: String,
    /// Operating system.
    #[serde(rename = "OS", deserialize_with = "null")]
    pub os: String,
    /// The number of the user whom it belongs to.
    #[serde(rename = "UserID", deserialize_with = "null")]
    pub user_id: i64,
    /// Addresses in the tailnet.
    #[serde(rename = "TailscaleIPs", deserialize_with = "null")]
    pub addresses: Vec<IpAddr>,
    /// Addresses and routes that go to it.
    #[serde(rename = "AllowedIPs", deserialize_with = "null")]
    pub allowed: Vec<String>,
    /// Tags.
    #[serde(deserialize_with = "null")]
    pub tags: Vec<String>,
    /// Subnet routes for which it is the router in use.
    #[serde(deserialize_with = "null")]
    pub primary_routes: Vec<String>,
    /// Its address in use; empty if packets are relayed, or none flow.
    #[serde(deserialize_with = "null")]
    pub cur_addr: String,
    /// Code of its home DERP region.
    #[serde(deserialize_with = "null")]
    pub relay: String,
    /// The peer relay in use; empty if there is none.
    #[serde(deserialize_with = "null")]
    pub peer_relay: String,
    /// Bytes received from it since the daemon started.
    #[serde(deserialize_with = "null")]
    pub rx_bytes: u64,
    /// Bytes sent to it since the daemon started.
    #[serde(deserialize_with = "null")]
    pub tx_bytes: u64,
    /// When it was last connected to the coordination server, for one that is not.
    pub last_seen: Option<Timestamp>,
    /// The last handshake of WireGuard with it.
    pub last_handshake: Option<Timestamp>,
    /// Whether it is connected to the coordination server.
    #[serde(deserialize_with = "null")]
    pub online: bool,
    /// Whether it is the exit node in use.
    #[serde(deserialize_with = "null")]
    pub exit_node: bool,
    /// Whether it can be used as an exit node.
    #[serde(deserialize_with = "null")]
    pub exit_node_option: bool,
    /// Whether packets have been flowing lately.
    #[serde(deserialize_with = "null")]
    pub active: bool,
    /// Attributes and capabilities, by name.
    #[serde(deserialize_with = "null")]
    pub cap_map: BTreeMap<String, Value>,
    /// When its key expires; absent if it does not.
    pub key_expiry: Option<Timestamp>,
    /// Whether its key has expired.
    #[serde(deserialize_with = "null")]
    pub expired: bool,
    /// Where it is, if it says so.
    pub location: Option<Value>,
}

/// How packets go to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Path {
    /// Directly to one of its addresses.
    Direct,
    /// Through another node of the tailnet that relays.
    PeerRelay,
    /// Through a DERP relay.
    Derp,
    /// No packets are flowing, so no path is known.
    Idle,
}

impl Peer {
    /// The first label of its name in MagicDNS; the host's name if it has none.
    pub fn short_name(&self) -> &str {
        match self.dns_name.split('.').next() {
            Some(name) if !name.is_empty() => name,
            _ => &self.host_name,
        }
    }

    /// Its name in MagicDNS without the dot at its end.
    pub fn full_name(&self) -> &str {
        self.dns_name.trim_end_matches('.')
    }

    /// Its IPv4 address in the tailnet, else its first.
    pub fn address(&self) -> Option<IpAddr> {
        let v4 = self.addresses.iter().find(|it| it.is_ipv4());
        v4.or_else(|| self.addresses.first()).copied()
    }

    /// How packets go to it now.
    pub fn path(&self) -> Path {
        if !self.cur_addr.is_empty() {
            Path::Direct
        } else if !self.peer_relay.is_empty() {
            Path::PeerRelay
        } else if self.active {
            Path::Derp
        } else {
            Path::Idle
        }
    }

    /// Whether it has an attribute or a capability.
    pub fn has(&self, capability: &str) -> bool {
        self.cap_map.contains_key(capability)
    }
}
