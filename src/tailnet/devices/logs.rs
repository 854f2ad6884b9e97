//! Configuration changes and network flows of one device.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use serde::Serialize;
use serde_json::Value;

use super::{Device, Devices};
use crate::{
    ErrorKind,
    client::Result,
    tailnet::logging::{ConfigurationAuditLog, ConnectionCounts, NetworkFlowLog, Window, harmless},
    words::to_the_second,
};

/// The log entries of one device in a time window, newest first.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct DeviceLogs {
    /// Short name of the device.
    pub device: String,
    /// Start of the window, RFC 3339.
    pub since: String,
    /// End of the window, RFC 3339.
    pub until: String,
    /// Total number of configuration changes in the window.
    pub events_total: usize,
    /// The latest configuration changes.
    pub events: Vec<Event>,
    /// Total number of flows; absent if flows were not requested or are not available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flows_total: Option<usize>,
    /// The flows with the most traffic.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<Flow>,
    /// What is missing, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A configuration change of the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// Time of the change, RFC 3339.
    pub time: String,
    /// The action, such as `UPDATE`.
    pub action: String,
    /// The property that changed, such as `ACL_TAGS`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub property: String,
    /// Who made the change: login name, display name or ID.
    pub actor: String,
    /// The old value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// The new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// Details of the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// Why the action failed; absent if it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How network flows are added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flows {
    /// No flows are read.
    #[default]
    None,
    /// One row for each peer, protocol and port of the service.
    ByPeer,
    /// One row for each connection, with both ports of it.
    ByConnection,
}

/// Total traffic with one peer, by protocol and port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Flow {
    /// `virtual` (within the tailnet), `subnet` (through a subnet router) or `exit` (to the internet).
    pub kind: &'static str,
    /// `tcp`, `udp`, `icmp` or `ipv6-icmp`; the IANA number for other protocols.
    pub proto: String,
    /// Short name of the peer, or its address if no device has it. Empty for `exit`, whose records do not
    /// name the two ends.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer: String,
    /// Server port, taken to be the lower of the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Client port; only with [`ByConnection`](Flows::ByConnection).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_port: Option<u16>,
    /// Whether the device is the server.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inbound: bool,
    /// Bytes sent by the device.
    pub sent: u64,
    /// Bytes received by the device.
    pub received: u64,
}

impl Devices<'_> {
    /// Reads the configuration changes of a device in `window` and, as `flows` says, its network flows; at
    /// most `limit` of each.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get). Missing flow logs are reported in the notes, not as an error.
    pub async fn logs(
        &self,
        device: &str,
        window: Window,
        flows: Flows,
        limit: usize,
    ) -> Result<DeviceLogs> {
        let list = self.list().await?;
        let device = super::find::find(&list, device)?;
        let logging = self.tailnet().logging();
        let mut events = self.events(device, window).await?;
        let events_total = events.len();
        events.truncate(limit);
        let mut notes = Vec::new();
        let mut found = None;
        if flows != Flows::None {
            match logging.network(window).await {
                Ok(all) => found = Some(sum(device, &list, &all, flows)),
                Err(error)
                    if matches!(error.kind(), ErrorKind::PlanLimit | ErrorKind::Forbidden) =>
                {
                    let remedy = error.remedy().unwrap_or_default();
                    notes.push(format!("no network flows: {error}; {remedy}"));
                }
                Err(error) => return Err(error),
            }
        }
        let flows_total = found.as_ref().map(Vec::len);
        let mut flows = found.unwrap_or_default();
        flows.truncate(limit);
        Ok(DeviceLogs {
            device: device.short_name().to_owned(),
            since: to_the_second(window.start()),
            until: to_the_second(window.end()),
            events_total,
            events,
            flows_total,
            flows,
            notes,
        })
    }

    async fn events(&self, device: &Device, window: Window) -> Result<Vec<Event>> {
        // The API's filter also matches parts of IDs, so compare the IDs here.
        let logs = self.tailnet().logging().configuration(window, device.key()).await?;
        let mut events: Vec<Event> =
            logs.iter().filter(|it| is_about(it, device)).map(Event::of).collect();
        events.sort_by(|a, b| b.time.cmp(&a.time));
        events.dedup();
        Ok(events)
    }
}

fn is_about(log: &ConfigurationAuditLog, device: &Device) -> bool {
    let id = log.target.as_ref().and_then(|it| it.id.as_deref());
    id.is_some_and(|id| device.node_id.as_deref() == Some(id) || device.id.as_deref() == Some(id))
}

impl Event {
    fn of(log: &ConfigurationAuditLog) -> Self {
        let text = |it: Option<String>| it.unwrap_or_default();
        let actor = log.actor.as_ref();
        let by = actor.and_then(|it| {
            let names = [&it.login_name, &it.display_name, &it.id];
            names.into_iter().flatten().find(|it| !it.is_empty()).cloned()
        });
        let target = log.target.as_ref();
        Self {
            time: whole(text(log.event_time.clone())),
            action: text(log.action.as_ref().map(ToString::to_string)),
            property: text(target.and_then(|it| it.property.as_ref().map(ToString::to_string))),
            actor: text(by),
            old: log.old.as_ref().filter(|it| !it.is_null()).map(harmless),
            new: log.new.as_ref().filter(|it| !it.is_null()).map(harmless),
            details: log.action_details.clone().filter(|it| !it.is_empty()),
            error: log.error.clone().filter(|it| !it.is_empty()),
        }
    }
}

/// The time without fractions of a second; text that is not a timestamp stays as it is.
fn whole(time: String) -> String {
    time.parse().map_or(time, to_the_second)
}

/// What the traffic of a device is added up by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    kind: &'static str,
    proto: String,
    /// The peer's node ID, or its address if no device has it.
    peer: &'a str,
    port: Option<u16>,
    from_port: Option<u16>,
    inbound: bool,
}

/// Sums up the traffic of `device`, the most traffic first. `list` has the names of its peers.
fn sum(device: &Device, list: &[Device], logs: &[NetworkFlowLog], flows: Flows) -> Vec<Flow> {
    let addresses = list.iter().flat_map(|it| it.addresses().iter().map(move |at| (at, it)));
    let known: HashMap<IpAddr, &Device> =
        addresses.filter_map(|(at, it)| Some((at.parse().ok()?, it))).collect();
    let names: HashMap<&str, &str> = list.iter().map(|it| (it.key(), it.short_name())).collect();
    let mut sums: BTreeMap<Key<'_>, (u64, u64)> = BTreeMap::new();
    let own = logs.iter().filter(|it| it.node_id.as_deref() == device.node_id.as_deref());
    for log in own {
        let kinds = [
            ("virtual", &log.virtual_traffic),
            ("subnet", &log.subnet_traffic),
            ("exit", &log.exit_traffic),
        ];
        for (kind, counts) in kinds {
            for count in counts.iter().flatten() {
                let (key, is_peers) = key(device, &known, kind, count, flows);
                let sum = sums.entry(key).or_default();
                let bytes = |it: Option<i64>| u64::try_from(it.unwrap_or_default()).unwrap_or(0);
                let (tx, rx) = (bytes(count.tx_bytes), bytes(count.rx_bytes));
                let (sent, received) = if is_peers { (rx, tx) } else { (tx, rx) };
                sum.0 += sent;
                sum.1 += received;
            }
        }
    }
    let row = |(key, (sent, received)): (Key<'_>, (u64, u64))| {
        let Key { kind, proto, peer, port, from_port, inbound } = key;
        let peer = names.get(peer).copied().unwrap_or(peer).to_owned();
        Flow { kind, proto, peer, port, from_port, inbound, sent, received }
    };
    let mut flows: Vec<Flow> = sums.into_iter().map(row).collect();
    flows.sort_by_key(|it| std::cmp::Reverse(it.sent + it.received));
    flows
}

/// What a connection is added up by, and whether its counters are those of the peer.
fn key<'a>(
    device: &Device,
    known: &HashMap<IpAddr, &'a Device>,
    kind: &'static str,
    count: &'a ConnectionCounts,
    flows: Flows,
) -> (Key<'a>, bool) {
    let src = end(count.src.as_deref().unwrap_or_default());
    let dst = end(count.dst.as_deref().unwrap_or_default());
    // In these lists the source is the node that reports, whoever opened the connection. Physical traffic is
    // not among them: its source is the peer, and its destination the endpoint or relay that reached it.
    let is_peers = dst.0.parse().is_ok_and(|it| device.has_address(it));
    let ((_, own_port), (at, peer_port)) = if is_peers { (dst, src) } else { (src, dst) };
    let peer = at.parse().ok().and_then(|it| known.get(&it)).map_or(at, |it| it.key());
    let inbound = own_port.zip(peer_port).is_some_and(|(own, peers)| own < peers);
    let (port, client) = if inbound { (own_port, peer_port) } else { (peer_port, own_port) };
    let from_port = client.filter(|_| flows == Flows::ByConnection);
    let proto = protocol(count.proto.as_ref());
    (Key { kind, proto, peer, port, from_port, inbound }, is_peers)
}

/// The address and the port in `100.64.0.1:443` or `[fd7a::1]:443`. Port 0 stands for none.
fn end(text: &str) -> (&str, Option<u16>) {
    if text.parse::<IpAddr>().is_ok() {
        return (text, None);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    (host.trim_matches(['[', ']']), port.parse().ok().filter(|it| *it > 0))
}

/// Names a protocol. The API sends a name or an IANA number, or 0 if the record has none.
fn protocol(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Number(number)) => match number.as_u64() {
            Some(0) => "unknown".to_owned(),
            Some(1) => "icmp".to_owned(),
            Some(6) => "tcp".to_owned(),
            Some(17) => "udp".to_owned(),
            Some(58) => "ipv6-icmp".to_owned(),
            _ => number.to_string(),
        },
        _ => "unknown".to_owned(),
    }
}
