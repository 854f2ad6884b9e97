//! Network flow logs. They are not stored but computed from the seed and the time, so that a time window
//! always has the same records as long as the same devices are connected.
//!
//! A record is what one node saw during a window of five seconds. Both ends of a connection report it, and
//! a record is there only some time after its window.

mod talk;

use std::collections::BTreeMap;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::talk::{Counts, Kind, Report, Talk};
use super::clock::later;
use super::devices::Device;
use super::http::{Call, Failure, Outcome, Reply};

/// Flow logs are available for 30 days.
const RETENTION_SECONDS: i64 = 30 * 86_400;

/// The seconds that a record covers.
const WINDOW_SECONDS: i64 = 5;

/// Connections begin at a random time within blocks of so many windows, and end with them.
const BLOCK_WINDOWS: i64 = 60;

/// How many connections there are for each busy node in a block.
const BUSY: usize = 16;

/// How long after its window a record is there, at the latest.
const LATEST_SECONDS: i64 = 852;

/// The traffic that one node saw during a window.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    logged: Timestamp,
    node_id: &'a str,
    start: Timestamp,
    end: Timestamp,
    src_node: Node<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dst_nodes: Vec<Node<'a>>,
    #[serde(flatten)]
    traffic: Traffic,
}

#[derive(Debug, Default, Serialize)]
struct Traffic {
    #[serde(rename = "virtualTraffic", skip_serializing_if = "Vec::is_empty")]
    inside: Vec<Counts>,
    #[serde(rename = "subnetTraffic", skip_serializing_if = "Vec::is_empty")]
    subnet: Vec<Counts>,
    #[serde(rename = "exitTraffic", skip_serializing_if = "Vec::is_empty")]
    exit: Vec<Counts>,
    #[serde(rename = "physicalTraffic", skip_serializing_if = "Vec::is_empty")]
    physical: Vec<Counts>,
}

impl Traffic {
    fn of(&mut self, kind: Kind) -> &mut Vec<Counts> {
        match kind {
            Kind::Virtual => &mut self.inside,
            Kind::Subnet => &mut self.subnet,
            Kind::Exit => &mut self.exit,
            Kind::Physical => &mut self.physical,
        }
    }
}

#[derive(Debug, Serialize)]
struct Flows<'a> {
    logs: Vec<Record<'a>>,
}

/// What a record says of a node. The API's document lacks it.
#[derive(Debug, Serialize)]
struct Node<'a> {
    #[serde(rename = "nodeId")]
    id: &'a str,
    name: String,
    addresses: [std::net::IpAddr; 2],
    os: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [String],
}

impl<'a> From<&'a Device> for Node<'a> {
    fn from(device: &'a Device) -> Self {
        Self {
            id: &device.node_id,
            name: device.full_name(),
            addresses: device.addresses(),
            os: &device.hardware.os,
            user: device.tags.is_empty().then_some(&*device.user),
            tags: &device.tags,
        }
    }
}

/// One node's part in the connections of a window.
#[derive(Default)]
struct Seen {
    peers: Vec<usize>,
    traffic: Traffic,
}

/// `GET /tailnet/{tailnet}/logging/network`: the records whose windows begin between `start` and `end`, as
/// far as they have arrived.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let (start, end) = call.window()?;
    call.refuse_on_free_plan()?;
    if !call.state.settings.is_on("networkFlowLoggingOn") {
        return Err(Failure::new(403, "feature not available on current billing plan"));
    }
    let (start, end) = (start.max(later(call.now, -RETENTION_SECONDS)), end.min(call.now));
    let own = call.state.devices.iter().filter(|device| !device.is_external);
    let nodes: Vec<&Device> = own.filter(|device| device.is_connected(call.now)).collect();
    let mut logs = Vec::new();
    let block = BLOCK_WINDOWS * WINDOW_SECONDS;
    for number in start.as_second().div_euclid(block)..=end.as_second().div_euclid(block) {
        let mut rng = Rng::with_seed(call.state.seed ^ number.unsigned_abs().rotate_left(17));
        let talks = talks(&mut rng, &nodes, call.options.busy);
        for window in 0..BLOCK_WINDOWS {
            let Ok(begins) = Timestamp::from_second(number * block + window * WINDOW_SECONDS)
            else {
                continue;
            };
            // The records are drawn whatever was asked for, so that they are the same in every answer.
            let records = records(&mut rng, &nodes, &talks, window, begins);
            if (start..=end).contains(&begins) {
                logs.extend(records.into_iter().filter(|it| it.logged <= call.now));
            }
        }
    }
    Reply::json(&Flows { logs })
}

/// The connections of a block of windows.
fn talks(rng: &mut Rng, nodes: &[&Device], busy: bool) -> Vec<Talk> {
    let usual = (nodes.len() / 15).clamp(2, 25);
    let count = if busy { nodes.len() * BUSY } else { usual };
    (0..count).filter_map(|_| Talk::new(rng, nodes)).collect()
}

/// The records of one window, one for each node that saw traffic.
fn records<'a>(
    rng: &mut Rng,
    nodes: &[&'a Device],
    talks: &[Talk],
    window: i64,
    begins: Timestamp,
) -> Vec<Record<'a>> {
    let mut seen: BTreeMap<usize, Seen> = BTreeMap::new();
    for talk in talks.iter().filter(|talk| talk.is_on(window)) {
        for Report { node, peer, kind, counts } in talk.reports(rng, nodes) {
            let entry = seen.entry(node).or_default();
            if !entry.peers.contains(&peer) {
                entry.peers.push(peer);
            }
            entry.traffic.of(kind).push(counts);
        }
    }
    let mut all = Vec::with_capacity(seen.len());
    for (index, Seen { peers, traffic }) in seen {
        let late = lateness(rng);
        let Some(node) = nodes.get(index).copied() else { continue };
        let end = later(begins, WINDOW_SECONDS);
        all.push(Record {
            logged: end.checked_add(late).unwrap_or(end),
            node_id: &node.node_id,
            start: begins,
            end,
            src_node: node.into(),
            dst_nodes: peers
                .iter()
                .filter_map(|it| nodes.get(*it))
                .map(|it| (*it).into())
                .collect(),
            traffic,
        });
    }
    all
}

/// How long a record is under way: mostly some seconds, for a few of them minutes.
fn lateness(rng: &mut Rng) -> SignedDuration {
    let seconds = if rng.u8(..40) == 0 { rng.i64(60..LATEST_SECONDS) } else { rng.i64(1..30) };
    SignedDuration::from_millis(seconds * 1000 + rng.i64(0..1000))
}
