//! Devices as the API returns them.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::super::ids;
use super::device::{Device, Network};

/// The device as JSON, with the default fields or all of them.
pub(crate) fn wire(device: &Device, now: Timestamp, all_fields: bool) -> impl Serialize {
    let own = !device.is_external;
    let last_seen = device.last_seen(now);
    WireDevice {
        addresses: device.addresses(),
        id: &device.id,
        node_id: &device.node_id,
        user: &device.user,
        name: device.full_name(),
        hostname: &device.hostname,
        client_version: if own { &device.hardware.client_version } else { "" },
        update_available: own && device.hardware.update_available,
        os: &device.hardware.os,
        created: Moment(own.then_some(device.created)),
        connected_to_control: device.is_connected(now),
        last_seen: if own { last_seen.map(Moment::at) } else { external_seen(device, now) },
        key_expiry_disabled: device.key_expiry_disabled,
        expires: if own { device.expires } else { zero_time() },
        authorized: device.authorized,
        is_external: !own,
        machine_key: if own { key("mkey", device, 1) } else { String::new() },
        node_key: key("nodekey", device, 2),
        blocks_incoming_connections: device.blocks_incoming,
        tags: &device.tags,
        tailnet_lock_error: &device.lock_error,
        tailnet_lock_key: if own { key("nlpub", device, 3) } else { String::new() },
        is_ephemeral: device.is_ephemeral,
        extra: if all_fields { Some(extra(device, own)) } else { None },
    }
}

fn extra(device: &Device, own: bool) -> Extra<'_> {
    let distro = device.hardware.distro.as_ref();
    Extra {
        enabled_routes: &device.enabled_routes,
        advertised_routes: &device.advertised_routes,
        client_connectivity: own.then(|| Connectivity::of(&device.network)),
        ssh_enabled: device.ssh_enabled,
        posture_identity: own.then(|| identity(device)),
        distro: distro.map(|(name, version, code_name)| Distro { name, version, code_name }),
        multiple_connections: device.multiple_connections,
    }
}

/// When a shared-in device was last connected: the API returns an empty string, which strict date parsers
/// reject.
fn external_seen(device: &Device, now: Timestamp) -> Option<Moment> {
    if device.is_connected(now) { None } else { Some(Moment(None)) }
}

/// Go's zero time, `0001-01-01T00:00:00Z`: when the key of a shared-in device expires is unknown.
fn zero_time() -> Timestamp {
    jiff::civil::date(1, 1, 1)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
}

fn key(prefix: &str, device: &Device, salt: u64) -> String {
    format!("{prefix}:{}", ids::hex_digest(device.key_seed, salt))
}

fn identity(device: &Device) -> Identity {
    let digits = ids::hex_digest(device.key_seed, 4).to_uppercase();
    let serial: String = digits.chars().take(10).collect();
    if device.hardware.reports_identity {
        Identity { serial_numbers: vec![serial], disabled: false }
    } else {
        Identity { serial_numbers: Vec::new(), disabled: true }
    }
}

/// A time; `None` is written as an empty string.
struct Moment(Option<Timestamp>);

impl Moment {
    fn at(at: Timestamp) -> Self {
        Self(Some(at))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(at) => serializer.collect_str(&at),
            None => serializer.serialize_str(""),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "these are the API's own fields")]
struct WireDevice<'a> {
    addresses: [IpAddr; 2],
    id: &'a str,
    node_id: &'a str,
    user: &'a str,
    name: String,
    hostname: &'a str,
    client_version: &'a str,
    update_available: bool,
    os: &'a str,
    created: Moment,
    connected_to_control: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<Moment>,
    key_expiry_disabled: bool,
    expires: Timestamp,
    authorized: bool,
    is_external: bool,
    machine_key: String,
    node_key: String,
    blocks_incoming_connections: bool,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    tailnet_lock_error: &'a str,
    tailnet_lock_key: String,
    is_ephemeral: bool,
    #[serde(flatten)]
    extra: Option<Extra<'a>>,
}

/// The fields that only `fields=all` returns.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extra<'a> {
    enabled_routes: &'a [String],
    advertised_routes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    client_connectivity: Option<Connectivity<'a>>,
    ssh_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    posture_identity: Option<Identity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distro: Option<Distro<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    multiple_connections: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    serial_numbers: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Distro<'a> {
    name: &'a str,
    version: &'a str,
    code_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connectivity<'a> {
    endpoints: [std::net::SocketAddrV4; 2],
    #[serde(rename = "mappingVariesByDestIP")]
    mapping_varies_by_dest_ip: bool,
    latency: Latencies<'a>,
    client_supports: Supports,
}

impl<'a> Connectivity<'a> {
    fn of(network: &'a Network) -> Self {
        Self {
            endpoints: network.endpoints,
            mapping_varies_by_dest_ip: network.hard_nat,
            latency: Latencies(network),
            client_supports: Supports {
                hair_pinning: None,
                ipv6: network.ipv6_works,
                pcp: false,
                pmp: false,
                udp: true,
                upnp: !network.hard_nat && !network.ipv6_works,
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "these are the API's own fields")]
struct Supports {
    hair_pinning: Option<bool>,
    ipv6: bool,
    pcp: bool,
    pmp: bool,
    udp: bool,
    upnp: bool,
}

/// Latencies by DERP region.
struct Latencies<'a>(&'a Network);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Latency {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    preferred: bool,
    latency_ms: f64,
}

impl Serialize for Latencies<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (at, relay) in self.0.relays.iter().enumerate() {
            let latency_ms = f64::from(relay.microseconds) / 1000.0;
            map.serialize_entry(&relay.region, &Latency { preferred: at == 0, latency_ms })?;
        }
        map.end()
    }
}
