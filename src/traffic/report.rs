//! What is shown of a window: complete, the largest first.

use serde::Serialize;

use super::{Kind, totals::End};

/// The traffic in a window, by who, with whom, what for and how. Of each list, the largest come first.
///
/// What both ends report counts once. Exit traffic names no other end: it is in `exit_nodes` and in the figures
/// `exit_…` only, never in `pairs`, `services` and `tags`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Traffic {
    /// Start of the window, RFC 3339.
    pub from: String,
    /// End of the window, RFC 3339.
    pub to: String,
    /// How much of the window was read.
    pub coverage: Coverage,
    /// All of it.
    pub totals: TrafficTotals,
    /// What went through DERP relays. None if no paths are reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relayed: Option<Relayed>,
    /// The devices that sent and received the most.
    pub devices: Vec<DeviceTraffic>,
    /// The pairs with the most traffic.
    pub pairs: Vec<PairTraffic>,
    /// How pairs of devices reached each other, the most relayed bytes first.
    pub paths: Vec<PathTraffic>,
    /// The services with the most traffic, by who offers them, protocol and port.
    pub services: Vec<ServiceTraffic>,
    /// Who sent the most to the internet, through an exit node or as one.
    pub exit_nodes: Vec<ExitTraffic>,
    /// From tag to tag.
    pub tags: TagMatrix,
    /// Who refused whom, the most often first. Pings of the sort `tailscale ping --tsmp` count, too.
    pub refusals: Vec<Refusal>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Unreadable::is_nothing")]
    pub unreadable: Unreadable,
    /// What is not known, or not shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How much of a window was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Coverage {
    /// Percent of the window.
    pub percent: f64,
    /// Percent of the window that was kept; the rest was read for this answer.
    pub kept_percent: f64,
    /// Number of records.
    pub records: u64,
    /// Devices that reported something.
    pub reporters: usize,
    /// What was not read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
}

/// A part of the window that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Gap {
    /// Its start, RFC 3339.
    pub from: String,
    /// Its end, RFC 3339.
    pub to: String,
    /// Why it was not read.
    pub why: String,
}

impl Gap {
    /// A gap, and why it is there.
    pub fn new(from: String, to: String, why: String) -> Self {
        Self { from, to, why }
    }
}

/// Bytes in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TrafficTotals {
    /// All bytes.
    pub bytes: u64,
    /// Bytes within the tailnet.
    #[serde(rename = "virtual")]
    pub inside: u64,
    /// Bytes to and from subnets.
    pub subnet: u64,
    /// Bytes through exit nodes: the larger of what exit nodes and the others report.
    pub exit: u64,
    /// How many devices had traffic.
    pub devices: usize,
    /// How many pairs there are, without those that are added up.
    pub pairs: usize,
    /// Bytes of the pairs that are added up, because there are so many.
    #[serde(skip_serializing_if = "is_zero")]
    pub other_pairs: u64,
}

/// What went through DERP relays. What goes through peer relays looks direct.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Relayed {
    /// Bytes.
    pub bytes: u64,
    /// Percent of the bytes.
    pub bytes_percent: f64,
    /// Connections: a path to a peer in one record.
    pub connections: u64,
    /// Percent of the connections.
    pub connections_percent: f64,
}

/// Bytes in both directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Amount {
    /// Bytes sent.
    pub sent: u64,
    /// Bytes received.
    pub received: u64,
}

impl Amount {
    /// Both together.
    pub fn bytes(self) -> u64 {
        self.sent.saturating_add(self.received)
    }

    pub(super) fn add(&mut self, sent: u64, received: u64) {
        self.sent = self.sent.saturating_add(sent);
        self.received = self.received.saturating_add(received);
    }
}

/// The traffic of one device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeviceTraffic {
    /// Its short name; its address if no record and no device has it.
    pub device: String,
    /// Its node ID; its address if it is not known.
    pub id: String,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Bytes with other devices, and as a client with subnets.
    #[serde(flatten)]
    pub amount: Amount,
    /// With how many others.
    pub peers: usize,
    /// Bytes that it carried as a subnet router.
    #[serde(skip_serializing_if = "is_zero")]
    pub carried: u64,
    /// Bytes of exit traffic that it reports.
    #[serde(skip_serializing_if = "is_zero")]
    pub exit: u64,
    /// What went through relays. None if it has no known path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relayed: Option<Relayed>,
}

impl DeviceTraffic {
    /// All of it: what it exchanged with others, what it carried, and its exit traffic.
    pub fn moved(&self) -> u64 {
        self.amount.bytes().saturating_add(self.carried).saturating_add(self.exit)
    }
}

/// The traffic between two ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PairTraffic {
    /// Who sent more: the short name, or the address of a host in a subnet.
    pub from: String,
    /// Who received more.
    pub to: String,
    /// The IDs of both, or their addresses.
    #[serde(skip)]
    pub ids: [String; 2],
    /// `virtual` or `subnet`.
    pub kind: Kind,
    /// Bytes from the first to the second.
    pub sent: u64,
    /// Bytes back.
    pub received: u64,
    /// The total as the first reports it, and as the second does; 0 if it reports nothing.
    pub reported: [u64; 2],
    /// Percent of the bytes that went through relays. None if no path is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relayed_percent: Option<f64>,
}

/// How two devices reached each other: everything that went between them, also for subnets and exit nodes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PathTraffic {
    /// The short names of both; the address of who is no known device.
    pub between: [String; 2],
    /// The IDs of both, or their addresses.
    #[serde(skip)]
    pub ids: [String; 2],
    /// Bytes in both directions.
    pub bytes: u64,
    /// Connections: a path to a peer in one record.
    pub connections: u64,
    /// What of it went through DERP relays.
    pub relayed: Relayed,
}

/// The traffic of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServiceTraffic {
    /// Who offers it; absent if that is not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// Its ID, or its address.
    #[serde(skip)]
    pub id: String,
    /// `tcp`, `udp`, `icmp` or `ipv6-icmp`; the IANA number for other protocols, and `other` for all that are
    /// not kept apart.
    pub protocol: String,
    /// The lower of the two ports; none for protocols without ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `virtual` or `subnet`.
    pub kind: Kind,
    /// Bytes to the service.
    pub received: u64,
    /// Bytes from it.
    pub sent: u64,
}

/// The exit traffic that one device reports. Its destination is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExitTraffic {
    /// Its short name.
    pub device: String,
    /// Its node ID.
    #[serde(skip)]
    pub id: String,
    /// Whether it is an exit node now; otherwise it uses one.
    pub is_exit_node: bool,
    /// Bytes.
    #[serde(flatten)]
    pub amount: Amount,
}

/// Bytes from tag to tag. A device with several tags counts for each of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TagMatrix {
    /// Percent of the bytes within the tailnet that went between two tagged devices.
    pub covers_percent: f64,
    /// The tags, the most traffic first.
    pub tags: Vec<TagTraffic>,
    /// Pairs of tags, the most traffic first.
    pub pairs: Vec<TagPair>,
}

/// The traffic of the devices with one tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TagTraffic {
    /// The tag.
    pub tag: String,
    /// Bytes.
    #[serde(flatten)]
    pub amount: Amount,
}

/// Bytes from devices with one tag to those with another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TagPair {
    /// The tag of who sent.
    pub from: String,
    /// The tag of who received.
    pub to: String,
    /// Bytes.
    pub bytes: u64,
}

/// How often one refused connections of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// Who refused.
    pub by: String,
    /// Who was refused.
    pub to: String,
    /// The IDs of both.
    #[serde(skip)]
    pub ids: [String; 2],
    /// How often.
    pub times: u64,
}

/// What could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unreadable {
    /// Records.
    pub records: u64,
    /// Entries of records that were counted.
    pub entries: u64,
}

impl Unreadable {
    /// Whether everything was read.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What a protocol is called.
pub(crate) fn protocol_name(number: u8) -> String {
    match number {
        0 => "unknown".to_owned(),
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "ipv6-icmp".to_owned(),
        _ => number.to_string(),
    }
}

/// What an end is called: its ID if it has no name.
pub(super) fn called(end: &End) -> String {
    if end.name.is_empty() { end.id.clone() } else { end.name.clone() }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
