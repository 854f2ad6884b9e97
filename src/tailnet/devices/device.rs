//! What a device's fields mean together.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::version::Version;
pub use crate::api::types::{Device, DeviceRoutes};
use crate::wire;

/// Where the key of a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It does not expire.
    Unlimited,
    /// It expires then.
    Until(Timestamp),
    /// It expired then: the device is off the tailnet until somebody logs in on it.
    Expired(Timestamp),
    /// The API does not say; devices that are shared in have their key elsewhere.
    Unknown,
}

impl Device {
    /// The id to use with the API: the node id, or the older numeric one.
    pub fn key(&self) -> &str {
        let node = self.node_id.as_deref().filter(|it| !it.is_empty());
        node.or(self.id.as_deref()).unwrap_or_default()
    }

    /// The name in the tailnet, without the tailnet's own: `web-1`.
    pub fn short_name(&self) -> &str {
        let name = self.name.as_deref().filter(|it| !it.is_empty());
        let name = name.or(self.hostname.as_deref()).unwrap_or_default();
        name.split('.').next().unwrap_or(name)
    }

    /// Whether it is connected to Tailscale's coordination server right now.
    pub fn is_online(&self) -> bool {
        self.connected_to_control.unwrap_or_default()
    }

    /// Whether it may take part in the tailnet.
    pub fn is_authorized(&self) -> bool {
        // Where devices need no approval the field may be missing.
        self.authorized.unwrap_or(true)
    }

    /// Whether it belongs to another tailnet and is shared into this one.
    pub fn is_shared_in(&self) -> bool {
        self.is_external.unwrap_or_default()
    }

    /// Its tags; empty for a device of a user.
    pub fn tags(&self) -> &[String] {
        self.tags.as_deref().unwrap_or_default()
    }

    /// Its addresses in the tailnet, the IPv4 one first as a rule.
    pub fn addresses(&self) -> &[String] {
        self.addresses.as_deref().unwrap_or_default()
    }

    /// Its IPv4 address in the tailnet.
    pub fn ipv4(&self) -> Option<&str> {
        self.addresses().iter().map(String::as_str).find(|it| !it.contains(':'))
    }

    /// Whether `address` is one of its own.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses().iter().any(|it| it.parse() == Ok(address))
    }

    /// When it was last connected; `now` while it is.
    pub fn seen(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_online() { Some(now) } else { self.last_seen.as_ref()?.instant() }
    }

    /// For how long it has not been connected; none if that is not known.
    pub fn silence(&self, now: Timestamp) -> Option<SignedDuration> {
        Some(now.duration_since(self.seen(now)?))
    }

    /// Where its key stands.
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

    /// The version of its client; none if it is not written like one.
    pub fn version(&self) -> Option<Version> {
        self.client_version.as_deref()?.parse().ok()
    }

    /// Whether it offers or serves networks behind it, exit routes aside.
    pub fn is_subnet_router(&self) -> bool {
        self.routes().any(|it| !is_exit_route(it))
    }

    /// Whether it offers to be, or is, a way out to the internet.
    pub fn is_exit_node(&self) -> bool {
        self.routes().any(is_exit_route)
    }

    fn routes(&self) -> impl Iterator<Item = &str> {
        let lists = [&self.advertised_routes, &self.enabled_routes];
        lists.into_iter().flatten().flatten().map(String::as_str)
    }
}

fn is_exit_route(route: &str) -> bool {
    matches!(route, "0.0.0.0/0" | "::/0")
}

/// How long ago or from now something is, in one unit: `3 h`.
pub fn rough(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().unsigned_abs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// When `then` is or was, seen from `now`: `3 h ago`, `in 12 d`.
pub fn relative(then: Timestamp, now: Timestamp) -> String {
    let apart = then.duration_since(now);
    if apart.is_positive() {
        format!("in {}", rough(apart))
    } else {
        format!("{} ago", rough(apart))
    }
}
