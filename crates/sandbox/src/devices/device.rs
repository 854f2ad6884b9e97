//! The stored fields of a device. To save memory, what can be computed is not stored.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::audit::Target;

/// Most of these strings are the same on many devices; only those loaded from a file are allocated.
type Word = Cow<'static, str>;

/// A stored device.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "these are the API's own independent switches")]
pub(crate) struct Device {
    /// The legacy device ID, a number.
    pub(crate) id: String,
    pub(crate) node_id: String,
    /// Login name of the owner, or [`super::TAGGED`].
    pub(crate) user: Arc<str>,
    /// The `MagicDNS` name without the tailnet's suffix.
    pub(crate) name: String,
    /// The host name reported by the operating system.
    pub(crate) hostname: String,
    pub(crate) hardware: Hardware,
    pub(crate) network: Network,
    pub(crate) created: Timestamp,
    /// When the node key expires. Kept while expiry is disabled.
    pub(crate) expires: Timestamp,
    pub(crate) key_expiry_disabled: bool,
    /// Whether the device is switched on and tries to connect.
    pub(crate) online: bool,
    /// Whether it goes offline and comes back by itself.
    #[serde(default)]
    pub(crate) has_schedule: bool,
    pub(crate) seen: Option<Timestamp>,
    pub(crate) authorized: bool,
    pub(crate) is_ephemeral: bool,
    pub(crate) blocks_incoming: bool,
    pub(crate) ssh_enabled: bool,
    pub(crate) multiple_connections: bool,
    /// Why Tailnet Lock keeps it out; empty if it does not.
    #[serde(default)]
    pub(crate) lock_error: String,
    /// Sorted and without duplicates.
    pub(crate) tags: Vec<String>,
    pub(crate) advertised_routes: Vec<String>,
    /// Sorted by address and prefix length, without duplicates.
    pub(crate) enabled_routes: Vec<String>,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    /// The seed of the machine, node and Tailnet Lock keys.
    pub(crate) key_seed: u64,
    /// The DNS suffix of the device's tailnet.
    pub(crate) suffix: Arc<str>,
    /// Whether the device is shared in from another tailnet.
    pub(crate) is_external: bool,
}

/// The machine, its operating system and its Tailscale client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hardware {
    pub(crate) os: Word,
    pub(crate) os_version: Word,
    /// Name, version and code name of a Linux distribution.
    pub(crate) distro: Option<(Word, Word, Word)>,
    pub(crate) client_version: Word,
    pub(crate) update_available: bool,
    /// Whether the device reports its serial number, which is derived from the key seed.
    pub(crate) reports_identity: bool,
}

/// The Tailscale IP addresses, and what the device last reported about its physical network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Network {
    pub(crate) ipv4: Ipv4Addr,
    pub(crate) ipv6: Ipv6Addr,
    pub(crate) endpoints: [SocketAddrV4; 2],
    pub(crate) relays: [Relay; 4],
    pub(crate) hard_nat: bool,
    pub(crate) ipv6_works: bool,
}

/// A DERP region and the latency to it in microseconds. A device's first one is its home region.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Relay {
    pub(crate) region: Word,
    pub(crate) microseconds: u32,
}

/// A custom posture attribute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attribute {
    pub(crate) value: AttributeValue,
    pub(crate) expires: Option<Timestamp>,
}

/// The value of a custom attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum AttributeValue {
    Text(String),
    Number(i64),
    Flag(bool),
}

impl Device {
    pub(crate) fn addresses(&self) -> [IpAddr; 2] {
        [IpAddr::V4(self.network.ipv4), IpAddr::V6(self.network.ipv6)]
    }

    /// The `MagicDNS` name.
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.name, self.suffix)
    }

    pub(crate) fn key_expired(&self, now: Timestamp) -> bool {
        !self.key_expiry_disabled && self.expires <= now
    }

    /// Whether the device is connected: it is switched on, approved, and its node key has not expired.
    pub(crate) fn is_connected(&self, now: Timestamp) -> bool {
        self.online && self.authorized && !self.key_expired(now)
    }

    /// When the device was last connected; `None` if it is connected now or never was.
    pub(crate) fn last_seen(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_connected(now) {
            None
        } else if self.online && self.authorized {
            // It was connected until its key expired.
            Some(self.expires)
        } else {
            self.seen
        }
    }

    /// Switches the device off.
    pub(crate) fn disconnect(&mut self, now: Timestamp) {
        if self.is_connected(now) {
            self.seen = Some(super::super::clock::whole_seconds(now));
        }
        self.online = false;
    }

    pub(crate) fn target(&self) -> Target {
        Target::node(&self.node_id, &self.full_name(), self.is_ephemeral)
    }
}
