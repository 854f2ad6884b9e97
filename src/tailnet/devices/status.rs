//! The status of a device.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Device, KeyState,
    device::{relative, rough},
};
use crate::{api::types::DeviceClientConnectivity, wire};

/// The status of a device: connectivity, client version, key, problems.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Short name of the device.
    pub device: String,
    /// ID of the device.
    pub id: String,
    /// Whether the device is connected to Tailscale's coordination server.
    pub online: bool,
    /// Whether the device is approved.
    pub authorized: bool,
    /// When the device was last connected, RFC 3339; absent if it is online or if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// When the device was last connected, in words: `online`, `3 h ago`, `unknown`.
    pub seen: String,
    /// Version of the Tailscale client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_version: Option<String>,
    /// Whether a newer client is available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_available: Option<bool>,
    /// State of the node key.
    pub key: Key,
    /// Round-trip time to each DERP region in milliseconds, by name of the region.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub latency_ms: BTreeMap<String, f64>,
    /// The preferred DERP region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_region: Option<String>,
    /// Properties of the device's network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Problems that need attention.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// The state of a node key.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Key {
    /// `valid`, `expired`, `does not expire` or `unknown`.
    pub state: &'static str,
    /// When the key expires or expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When the key expires, in words: `in 12 d`, `3 h ago`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_words: Option<String>,
}

/// Properties of the network that a device is in. Absent means unknown.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Network {
    /// Number of endpoints at which peers can try to reach the device.
    pub endpoints: usize,
    /// Whether UDP works; without it all traffic goes through DERP relays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp: Option<bool>,
    /// Whether IPv6 works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<bool>,
    /// Whether the NAT maps each destination to another port, which makes direct connections hard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_nat: Option<bool>,
    /// Whether the router supports port mapping (`UPnP`, NAT-PMP or PCP).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_mapping: Option<bool>,
}

impl Status {
    /// Summarizes the status of `device` at `now`.
    pub fn of(device: &Device, now: Timestamp) -> Self {
        let last_seen = device.last_seen.as_ref().and_then(wire::Timestamp::instant);
        let seen = if device.is_online() {
            "online".to_owned()
        } else {
            last_seen.map_or_else(|| "unknown".to_owned(), |it| relative(it, now))
        };
        let reported = device.connectivity();
        let regions = reported.as_ref().and_then(|it| it.latency.as_ref());
        let latency = regions.into_iter().flatten();
        Self {
            device: device.short_name().to_owned(),
            id: device.key().to_owned(),
            online: device.is_online(),
            authorized: device.is_authorized(),
            last_seen: last_seen.filter(|_| !device.is_online()),
            seen,
            client_version: device.client_version.clone(),
            update_available: device.update_available,
            key: Key::of(device, now),
            latency_ms: latency
                .clone()
                .filter_map(|(region, it)| Some((region.clone(), it.latency_ms?)))
                .collect(),
            preferred_region: latency
                .clone()
                .find(|(_, it)| it.preferred == Some(true))
                .map(|(region, _)| region.clone()),
            network: reported.as_ref().map(Network::of),
            problems: problems(device, reported.as_ref(), now),
        }
    }
}

impl Key {
    fn of(device: &Device, now: Timestamp) -> Self {
        let (state, expires) = match device.key_state(now) {
            KeyState::Unlimited => ("does not expire", None),
            KeyState::Until(then) => ("valid", Some(then)),
            KeyState::Expired(then) => ("expired", Some(then)),
            KeyState::Unknown => ("unknown", None),
        };
        Self { state, expires, in_words: expires.map(|it| relative(it, now)) }
    }
}

impl Network {
    fn of(it: &DeviceClientConnectivity) -> Self {
        let can = it.client_supports.as_ref();
        let ways = can.map(|it| [it.upnp, it.pmp, it.pcp]).unwrap_or_default();
        let mapped = ways.iter().flatten().any(|it| *it);
        Self {
            endpoints: it.endpoints.as_ref().map_or(0, Vec::len),
            udp: can.and_then(|it| it.udp),
            ipv6: can.and_then(|it| it.ipv6),
            hard_nat: it.mapping_varies_by_dest_ip,
            port_mapping: ways.iter().any(Option::is_some).then_some(mapped),
        }
    }
}

fn problems(
    device: &Device,
    reported: Option<&DeviceClientConnectivity>,
    now: Timestamp,
) -> Vec<String> {
    let mut found = Vec::new();
    if !device.is_authorized() {
        found.push("needs approval (device approval)".to_owned());
    }
    if let KeyState::Expired(then) = device.key_state(now) {
        found.push(format!(
            "its key expired {}: someone must log in on it again",
            relative(then, now)
        ));
    }
    if let Some(error) = device.tailnet_lock_error.as_ref().filter(|it| !it.is_empty()) {
        found.push(format!("tailnet lock: {error}"));
    }
    if let Some(silence) = device.silence(now).filter(|it| it.as_hours() >= 24) {
        found.push(format!("not connected for {}", rough(silence)));
    }
    if reported.and_then(|it| it.client_supports.as_ref()?.udp) == Some(false) {
        found.push("UDP is blocked: all its traffic goes through relays".to_owned());
    }
    found
}
