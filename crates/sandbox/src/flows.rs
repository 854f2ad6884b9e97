//! Network flow logs. They are not stored but computed from the seed and the time, so that a time window
//! always has the same entries as long as the same devices are connected.

use std::net::{IpAddr, SocketAddr};

use fastrand::Rng;
use jiff::Timestamp;
use serde::Serialize;

use super::clock::later;
use super::devices::Device;
use super::http::{Call, Failure, Outcome, Reply};

/// Flow logs are available for 30 days.
const RETENTION_SECONDS: i64 = 30 * 86_400;

/// The seconds that an entry covers.
const SLOT_SECONDS: i64 = 300;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;

/// The destination ports of connections, with their protocols.
const SERVICES: &[(u8, u16)] =
    &[(TCP, 443), (TCP, 22), (TCP, 5432), (TCP, 80), (TCP, 8080), (UDP, 53), (ICMP, 0)];

/// The traffic of one node during a time slot.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Flow<'a> {
    logged: Timestamp,
    node_id: &'a str,
    start: Timestamp,
    end: Timestamp,
    virtual_traffic: Vec<Connection>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subnet_traffic: Vec<Connection>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exit_traffic: Vec<Connection>,
    physical_traffic: Vec<Connection>,
}

#[derive(Debug, Serialize)]
struct Flows<'a> {
    logs: Vec<Flow<'a>>,
}

/// The counters of one connection. The protocol is an IANA number, unlike in the API documentation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    proto: u8,
    src: String,
    dst: String,
    tx_pkts: u32,
    tx_bytes: u32,
    rx_pkts: u32,
    rx_bytes: u32,
}

impl Connection {
    fn new(rng: &mut Rng, proto: u8, src: SocketAddr, dst: SocketAddr) -> Self {
        let (tx_pkts, rx_pkts) = (rng.u32(1..4000), rng.u32(1..6000));
        Self {
            proto,
            src: src.to_string(),
            dst: dst.to_string(),
            tx_pkts,
            tx_bytes: tx_pkts.saturating_mul(rng.u32(64..1280)),
            rx_pkts,
            rx_bytes: rx_pkts.saturating_mul(rng.u32(64..1280)),
        }
    }
}

/// `GET /tailnet/{tailnet}/logging/network`: the entries logged between `start` and `end`.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let (start, end) = call.window()?;
    call.refuse_on_free_plan()?;
    if !call.state.settings.is_on("networkFlowLoggingOn") {
        return Err(Failure::new(403, "feature not available on current billing plan"));
    }
    let (start, end) = (start.max(later(call.now, -RETENTION_SECONDS)), end.min(call.now));
    let own = call.state.devices.iter().filter(|device| !device.is_external);
    let nodes: Vec<&Device> = own.filter(|device| device.is_connected(call.now)).collect();
    let per_slot = (nodes.len() / 15).clamp(2, 25);
    let mut logs = Vec::new();
    let slots =
        start.as_second().div_euclid(SLOT_SECONDS)..=end.as_second().div_euclid(SLOT_SECONDS);
    for slot in slots {
        let mut rng = Rng::with_seed(call.state.seed ^ slot.unsigned_abs().rotate_left(17));
        for _ in 0..per_slot {
            let flow = flow(&mut rng, &nodes, slot * SLOT_SECONDS);
            logs.extend(flow.filter(|flow| (start..=end).contains(&flow.logged)));
        }
    }
    Reply::json(&Flows { logs })
}

/// An entry of a random node, for the time slot before it was logged.
fn flow<'a>(rng: &mut Rng, nodes: &[&'a Device], second: i64) -> Option<Flow<'a>> {
    let node = rng.choice(nodes.iter().copied())?;
    let peer = rng.choice(nodes.iter().copied()).filter(|it| !std::ptr::eq(*it, node))?;
    let logged = later(Timestamp::from_second(second).ok()?, rng.i64(0..SLOT_SECONDS));
    let own = IpAddr::V4(node.network.ipv4);
    let (proto, port) = rng.choice(SERVICES.iter().copied())?;
    let client = if proto == ICMP { 0 } else { rng.u16(32_768..61_000) };
    let to_peer = SocketAddr::new(IpAddr::V4(peer.network.ipv4), port);
    let connection = Connection::new(rng, proto, SocketAddr::new(own, client), to_peer);
    Some(Flow {
        logged,
        node_id: &node.node_id,
        start: later(logged, -SLOT_SECONDS),
        end: logged,
        virtual_traffic: vec![connection],
        subnet_traffic: routed(rng, node, false),
        exit_traffic: routed(rng, node, true),
        physical_traffic: vec![physical(rng, node, peer)],
    })
}

/// The traffic that a router forwarded: to its subnets, or to the internet if `as_exit`.
fn routed(rng: &mut Rng, node: &Device, as_exit: bool) -> Vec<Connection> {
    let wanted = |route: &&String| {
        node.advertised_routes.contains(*route) && (route.as_str() == "0.0.0.0/0") == as_exit
    };
    let route = node.enabled_routes.iter().filter(|route| !route.contains(':')).find(wanted);
    let Some(address) = route.and_then(|route| route.split('/').next()) else { return Vec::new() };
    let inside = address.parse::<std::net::Ipv4Addr>().map(u32::from).unwrap_or_default();
    let host = if as_exit { 0xCB00_7100 | rng.u32(1..255) } else { inside | rng.u32(2..250) };
    let src = SocketAddr::new(IpAddr::V4(node.network.ipv4), rng.u16(32_768..61_000));
    vec![Connection::new(rng, TCP, src, SocketAddr::new(IpAddr::V4(host.into()), 443))]
}

/// The encrypted traffic: directly to the peer's endpoint, or through a DERP relay, which appears as
/// 127.3.3.40 with the region as its port. The protocol is 0 for both.
fn physical(rng: &mut Rng, node: &Device, peer: &Device) -> Connection {
    let relayed = SocketAddr::from(([127, 3, 3, 40], rng.u16(1..26)));
    let [direct, _] = peer.network.endpoints;
    let dst = if rng.u8(..5) == 0 { relayed } else { SocketAddr::V4(direct) };
    Connection::new(rng, 0, SocketAddr::new(IpAddr::V4(node.network.ipv4), 0), dst)
}
