//! Configuration changes and network flows of one device.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Serialize;
use serde_json::Value;

use super::{Device, Devices};
use crate::{
    ErrorKind,
    client::Result,
    tailnet::logging::{ConfigurationAuditLog, ConnectionCounts, NetworkFlowLog, Window},
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

/// Total traffic with one peer, protocol and port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Flow {
    /// `virtual` (within the tailnet), `subnet` (through a subnet router) or `exit` (to the internet).
    pub kind: &'static str,
    /// `tcp`, `udp`, `icmp` or `ipv6-icmp`; the IANA number for other protocols.
    pub proto: String,
    /// Address and port of the peer.
    pub peer: String,
    /// Bytes sent by the device.
    pub sent: u64,
    /// Bytes received by the device.
    pub received: u64,
}

impl Devices<'_> {
    /// Reads the configuration changes of a device in `window` and, with `flows`, its network flows;
    /// at most `limit` of each.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get). Missing flow logs are reported in the notes, not as an error.
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
            old: log.old.clone().filter(|it| !it.is_null()),
            new: log.new.clone().filter(|it| !it.is_null()),
            details: log.action_details.clone().filter(|it| !it.is_empty()),
            error: log.error.clone().filter(|it| !it.is_empty()),
        }
    }
}

/// The time without fractions of a second; a text that is no time stays as it is.
fn whole(time: String) -> String {
    time.parse().map_or(time, to_the_second)
}

/// Sums up the traffic of `device` by kind, protocol and peer, the most traffic first.
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

/// The peer of a connection, and whether the device is its source.
fn peer(device: &Device, count: &ConnectionCounts) -> (String, bool) {
    let src = count.src.as_deref().unwrap_or_default();
    let dst = count.dst.as_deref().unwrap_or_default();
    if address(dst).is_some_and(|it| device.has_address(it)) {
        (src.to_owned(), false)
    } else {
        (dst.to_owned(), true)
    }
}

/// Parses the address in `100.64.0.1:443` or `[fd7a::1]:443`.
fn address(text: &str) -> Option<IpAddr> {
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    host.trim_matches(['[', ']']).parse().or_else(|_| text.parse()).ok()
}

/// Names a protocol. The API sends a name or an IANA number.
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
