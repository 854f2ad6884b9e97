//! What happened to a device, and whom it talked to.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Serialize;
use serde_json::Value;

use super::{Device, Devices};
use crate::{
    ErrorKind,
    client::Result,
    tailnet::logging::{ConfigurationAuditLog, ConnectionCounts, NetworkFlowLog, Window},
};

/// What happened to a device in a span of time, newest first.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct DeviceLogs {
    /// Its short name.
    pub device: String,
    /// Where the span starts, RFC 3339.
    pub since: String,
    /// Where it ends.
    pub until: String,
    /// How many changes there were in all.
    pub events_total: usize,
    /// The newest of them.
    pub events: Vec<Event>,
    /// How many peers it exchanged traffic with; absent if nobody asked, or nobody can say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flows_total: Option<usize>,
    /// The ones with the most traffic.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<Flow>,
    /// What is missing, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A change of the device's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// When, RFC 3339.
    pub time: String,
    /// What was done: `UPDATE`.
    pub action: String,
    /// To what of it: `ACL_TAGS`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub property: String,
    /// By whom.
    pub actor: String,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// What it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Traffic with one peer, over one protocol, to one port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Flow {
    /// `virtual` within the tailnet, `subnet` behind a router, `exit` to the internet.
    pub kind: &'static str,
    /// `tcp`, `udp`, `icmp`, or the protocol's IANA number.
    pub proto: String,
    /// The other side, with its port.
    pub peer: String,
    /// Bytes from the device.
    pub sent: u64,
    /// Bytes to the device.
    pub received: u64,
}

impl Devices<'_> {
    /// Tells what happened to a device in `window`: changes of its configuration and, with
    /// `flows`, whom it talked to. At most `limit` of each.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get). That there are no flow logs is a note, not an error.
    pub async fn logs(
        &self,
        device: &str,
        window: Window,
        flows: bool,
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
        if flows {
            match logging.network(window).await {
                Ok(all) => found = Some(sum(device, &all)),
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
            since: window.start().to_string(),
            until: window.end().to_string(),
            events_total,
            events,
            flows_total,
            flows,
            notes,
        })
    }

    async fn events(&self, device: &Device, window: Window) -> Result<Vec<Event>> {
        // The server's filter takes parts of ids, so what comes is looked at once more.
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
            time: text(log.event_time.clone()),
            action: text(log.action.as_ref().map(ToString::to_string)),
            property: text(target.and_then(|it| it.property.as_ref().map(ToString::to_string))),
            actor: text(by),
            old: log.old.clone().filter(|it| !it.is_null()),
            new: log.new.clone().filter(|it| !it.is_null()),
            details: log.action_details.clone().filter(|it| !it.is_empty()),
            error: log.error.clone().filter(|it| !it.is_empty()),
        }
    }
}

/// Adds the traffic of `device` up by peer, the largest first.
fn sum(device: &Device, logs: &[NetworkFlowLog]) -> Vec<Flow> {
    let mut sums: BTreeMap<(&'static str, String, String), (u64, u64)> = BTreeMap::new();
    let own = logs.iter().filter(|it| it.node_id.as_deref() == device.node_id.as_deref());
    for log in own {
        let kinds = [
            ("virtual", &log.virtual_traffic),
            ("subnet", &log.subnet_traffic),
            ("exit", &log.exit_traffic),
        ];
        for (kind, counts) in kinds {
            for count in counts.iter().flatten() {
                let (peer, outgoing) = peer(device, count);
                let key = (kind, protocol(count.proto.as_ref()), peer);
                let sum = sums.entry(key).or_default();
                let bytes = |it: Option<i64>| u64::try_from(it.unwrap_or_default()).unwrap_or(0);
                let (tx, rx) = (bytes(count.tx_bytes), bytes(count.rx_bytes));
                let (sent, received) = if outgoing { (tx, rx) } else { (rx, tx) };
                sum.0 += sent;
                sum.1 += received;
            }
        }
    }
    let mut flows: Vec<Flow> = sums
        .into_iter()
        .map(|((kind, proto, peer), (sent, received))| Flow { kind, proto, peer, sent, received })
        .collect();
    flows.sort_by_key(|it| std::cmp::Reverse(it.sent + it.received));
    flows
}

/// The other side, and whether the device is the source.
fn peer(device: &Device, count: &ConnectionCounts) -> (String, bool) {
    let src = count.src.as_deref().unwrap_or_default();
    let dst = count.dst.as_deref().unwrap_or_default();
    if address(dst).is_some_and(|it| device.has_address(it)) {
        (src.to_owned(), false)
    } else {
        (dst.to_owned(), true)
    }
}

/// The address in `100.64.0.1:443` or `[fd7a::1]:443`.
fn address(text: &str) -> Option<IpAddr> {
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    host.trim_matches(['[', ']']).parse().or_else(|_| text.parse()).ok()
}

/// The protocol by name. The API sends the name or the IANA number.
fn protocol(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Number(number)) => match number.as_u64() {
            Some(1) => "icmp".to_owned(),
            Some(6) => "tcp".to_owned(),
            Some(17) => "udp".to_owned(),
            Some(58) => "ipv6-icmp".to_owned(),
            _ => number.to_string(),
        },
        _ => "unknown".to_owned(),
    }
}
