//! What can be derived from a device's fields: online, approved, key state, version.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::version::Version;
use crate::api::types::DeviceClientConnectivity;
pub use crate::api::types::{Device, DeviceRoutes};
use crate::wire;

/// Whether the node key of a device expires, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// The key does not expire.
    Unlimited,
    /// The key expires at this time.
    Until(Timestamp),
    /// The key expired at this time: the device is disconnected until somebody logs in on it.
    Expired(Timestamp),
    /// The API gives no expiry, as for devices shared in from another tailnet.
    Unknown,
}

impl Device {
    /// The ID to use with the API: the node ID, or the legacy numeric ID if there is none.
    pub fn key(&self) -> &str {
        let node = self.node_id.as_deref().filter(|it| !it.is_empty());
        node.or(self.id.as_deref()).unwrap_or_default()
    }

    /// The device name without the tailnet's domain, such as `web-1`.
    pub fn short_name(&self) -> &str {
        let name = self.name.as_deref().filter(|it| !it.is_empty());
        let name = name.or(self.hostname.as_deref()).unwrap_or_default();
        name.split('.').next().unwrap_or(name)
    }

    /// Whether the device is connected to Tailscale's coordination server.
    pub fn is_online(&self) -> bool {
        self.connected_to_control.unwrap_or_default()
    }

    /// Whether the device is approved.
    pub fn is_authorized(&self) -> bool {
        // The field may be missing if the tailnet does not use device approval.
        self.authorized.unwrap_or(true)
    }

    /// Whether the device belongs to another tailnet and is shared into this one.
    pub fn is_shared_in(&self) -> bool {
        self.is_external.unwrap_or_default()
    }

    /// The tags of the device; empty for a user's device.
    pub fn tags(&self) -> &[String] {
        self.tags.as_deref().unwrap_or_default()
    }

    /// The Tailscale addresses of the device, usually the IPv4 address first.
    pub fn addresses(&self) -> &[String] {
        self.addresses.as_deref().unwrap_or_default()
    }

    /// The Tailscale IPv4 address of the device.
    pub fn ipv4(&self) -> Option<&str> {
        self.addresses().iter().map(String::as_str).find(|it| !it.contains(':'))
    }

    /// Whether `address` is a Tailscale address of the device.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses().iter().any(|it| it.parse() == Ok(address))
    }

    /// When the device was last connected; `now` if it is connected.
    pub fn seen(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_online() { Some(now) } else { self.last_seen.as_ref()?.instant() }
    }

    /// How long the device has been offline; zero if it is connected, `None` if unknown.
    pub fn silence(&self, now: Timestamp) -> Option<SignedDuration> {
        Some(now.duration_since(self.seen(now)?))
    }

    /// Whether the node key expires, and when.
    pub fn key_state(&self, now: Timestamp) -> KeyState {
        if self.key_expiry_disabled.unwrap_or_default() {
            return KeyState::Unlimited;
        }
        match self.expires.as_ref().and_then(wire::Timestamp::instant) {
            Some(then) if then <= now => KeyState::Expired(then),
            Some(then) => KeyState::Until(then),
            None => KeyState::Unknown,
        }
    }

    /// The client version; `None` if it cannot be parsed.
    pub fn version(&self) -> Option<Version> {
        self.client_version.as_deref()?.parse().ok()
    }

    /// What the client last reported of its network; `None` if it is absent or cannot be read.
    pub fn connectivity(&self) -> Option<DeviceClientConnectivity> {
        self.client_connectivity.as_ref()?.read()
    }

    /// Whether the device advertises a subnet route or has one enabled.
    pub fn is_subnet_router(&self) -> bool {
        self.routes().any(|it| !is_exit_route(it))
    }

    /// Whether the device advertises an exit route or has one enabled.
    pub fn is_exit_node(&self) -> bool {
        self.routes().any(is_exit_route)
    }

    fn routes(&self) -> impl Iterator<Item = &str> {
        let lists = [&self.advertised_routes, &self.enabled_routes];
        lists.into_iter().flatten().flatten().map(String::as_str)
    }
}

pub(crate) fn is_exit_route(route: &str) -> bool {
    matches!(route, "0.0.0.0/0" | "::/0")
}

/// A duration in its largest unit, as in `3 h` or `12 d`.
pub fn rough(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().unsigned_abs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A time relative to `now`, as in `3 h ago` or `in 12 d`.
pub fn relative(then: Timestamp, now: Timestamp) -> String {
    let apart = then.duration_since(now);
    if apart.is_positive() {
        format!("in {}", rough(apart))
    } else {
        format!("{} ago", rough(apart))
    }
}
