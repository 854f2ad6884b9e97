//! One connection, as the nodes at both ends report it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use fastrand::Rng;
use serde::Serialize;

use super::BLOCK_WINDOWS;
use crate::devices::Device;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
/// Tailscale's own protocol, with which a node says that it refused a connection.
const TSMP: u8 = 99;

/// The destination ports of connections, with their protocols.
const SERVICES: &[(u8, u16)] =
    &[(TCP, 443), (TCP, 22), (TCP, 5432), (TCP, 80), (TCP, 8080), (UDP, 53), (ICMP, 0)];

/// The counters of one connection, from the point of view of the node that reports them. The protocol is an
/// IANA number, unlike in the API documentation; 0 is none.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    proto: u8,
    #[serde(skip_serializing_if = "String::is_empty")]
    src: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    dst: String,
    tx_pkts: u32,
    tx_bytes: u32,
    rx_pkts: u32,
    rx_bytes: u32,
}

/// Packets and bytes in one direction.
type Sum = (u32, u32);

impl Counts {
    fn new(proto: u8, src: SocketAddr, dst: SocketAddr, sent: Sum, received: Sum) -> Self {
        let (src, dst) = (src.to_string(), dst.to_string());
        Self { proto, src, dst, ..Self::bare(sent, received) }
    }

    /// Without protocol and ends.
    fn bare((tx_pkts, tx_bytes): Sum, (rx_pkts, rx_bytes): Sum) -> Self {
        Self { tx_pkts, tx_bytes, rx_pkts, rx_bytes, ..Self::default() }
    }
}

/// What the other end of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The peer itself.
    Peer,
    /// The peer, which refuses it.
    Refused,
    /// A host in a subnet that the peer routes.
    Subnet(Ipv4Addr),
    /// The internet, through the peer.
    Exit,
}

/// The list of a record that counters are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Virtual,
    Subnet,
    Exit,
    Physical,
}

/// What one node reports of a connection; nodes are given by their places in the list of nodes.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) node: usize,
    pub(super) peer: usize,
    pub(super) kind: Kind,
    pub(super) counts: Counts,
}

/// A connection between two nodes, given by their places in the list of nodes.
#[derive(Debug)]
pub(super) struct Talk {
    from: usize,
    to: usize,
    way: Way,
    proto: u8,
    port: u16,
    client_port: u16,
    /// The DERP region that relays it; `None` if the path is direct.
    region: Option<u16>,
    /// The windows of the block in which there is traffic.
    first: i64,
    last: i64,
}

impl Talk {
    /// A connection between two random nodes.
    pub(super) fn new(rng: &mut Rng, nodes: &[&Device]) -> Option<Self> {
        let (from, to) = (rng.usize(..nodes.len().max(1)), rng.usize(..nodes.len().max(1)));
        let (proto, port) = rng.choice(SERVICES.iter().copied())?;
        let client_port = if proto == ICMP { 0 } else { rng.u16(32_768..61_000) };
        let region = (rng.u8(..5) == 0).then(|| rng.u16(1..26));
        let first = rng.i64(0..BLOCK_WINDOWS);
        let last = first + rng.i64(0..12);
        let way = way(rng, nodes.get(to)?);
        let talk = Self { from, to, way, proto, port, client_port, region, first, last };
        (from != to && nodes.len() > 1).then_some(talk)
    }

    /// Whether there is traffic in this window of the block. A refusal is over at once.
    pub(super) fn is_on(&self, window: i64) -> bool {
        let last = if self.way == Way::Refused { self.first } else { self.last };
        (self.first..=last).contains(&window)
    }

    /// What each node reports of one window.
    pub(super) fn reports(&self, rng: &mut Rng, nodes: &[&Device]) -> Vec<Report> {
        let (Some(from), Some(to)) = (nodes.get(self.from), nodes.get(self.to)) else {
            return Vec::new();
        };
        let (there, back) = (sum(rng), sum(rng));
        let arrives = arrived(rng, there);
        let at = |device: &Device, port| SocketAddr::new(device.network.ipv4.into(), port);
        let (own, peer) = (at(from, self.client_port), at(to, self.port));
        let (near, far) = (by(self.from, self.to), by(self.to, self.from));
        if self.way == Way::Refused {
            let (asked, notice, none) = ((1, 60), (1, 40), (0, 0));
            let (here, there) = (at(from, 0), at(to, 0));
            return vec![
                near(Kind::Virtual, Counts::new(self.proto, own, peer, asked, none)),
                near(Kind::Virtual, Counts::new(TSMP, here, there, none, notice)),
                far(Kind::Virtual, Counts::new(TSMP, there, here, notice, none)),
            ];
        }
        let (kind, [counts, mirror]) = match self.way {
            // Exit traffic is anonymous: it names neither ends nor protocol.
            Way::Exit => (Kind::Exit, [Counts::bare(there, back), Counts::bare(back, arrives)]),
            way => {
                let (kind, end) = match way {
                    Way::Subnet(host) => {
                        (Kind::Subnet, SocketAddr::new(IpAddr::V4(host), self.port))
                    }
                    _ => (Kind::Virtual, peer),
                };
                let counts = Counts::new(self.proto, own, end, there, back);
                (kind, [counts, Counts::new(self.proto, end, own, back, arrives)])
            }
        };
        // The source is the peer, and the destination where it was reached.
        let path = Counts::new(0, at(to, 0), self.path(to), there, back);
        let path_back = Counts::new(0, at(from, 0), self.path(from), back, arrives);
        vec![
            near(kind, counts),
            near(Kind::Physical, path),
            far(kind, mirror),
            far(Kind::Physical, path_back),
        ]
    }

    /// Where a node is reached: directly, or through a DERP relay, which appears as 127.3.3.40 with the region
    /// as its port.
    fn path(&self, node: &Device) -> SocketAddr {
        match self.region {
            Some(region) => SocketAddr::from(([127, 3, 3, 40], region)),
            None => SocketAddr::V4(node.network.endpoints[0]),
        }
    }
}

/// Makes reports of `node` about `peer`.
fn by(node: usize, peer: usize) -> impl Fn(Kind, Counts) -> Report {
    move |kind, counts| Report { node, peer, kind, counts }
}

/// What a connection to this node is for: what it routes, or itself.
fn way(rng: &mut Rng, node: &Device) -> Way {
    let routes = node.enabled_routes.iter().filter(|route| node.advertised_routes.contains(*route));
    let routes: Vec<&String> = routes.filter(|route| !route.contains(':')).collect();
    let Some(route) = rng.choice(routes).filter(|_| rng.u8(..4) > 0) else {
        return if rng.u8(..20) == 0 { Way::Refused } else { Way::Peer };
    };
    if route == "0.0.0.0/0" {
        return Way::Exit;
    }
    let address = route.split('/').next().and_then(|it| it.parse::<Ipv4Addr>().ok());
    match address {
        Some(address) => Way::Subnet((u32::from(address) | rng.u32(2..250)).into()),
        None => Way::Peer,
    }
}

fn sum(rng: &mut Rng) -> Sum {
    let packets = rng.u32(1..4000);
    (packets, packets.saturating_mul(rng.u32(64..1280)))
}

/// What of it arrived: nearly all.
fn arrived(rng: &mut Rng, (packets, bytes): Sum) -> Sum {
    let lost = if packets > 500 { rng.u32(..packets / 500) } else { 0 };
    let each = bytes / packets.max(1);
    (packets - lost, bytes - lost.saturating_mul(each))
}
