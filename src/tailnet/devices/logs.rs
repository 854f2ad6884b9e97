//! Configuration changes and network flows of one device.

use serde::Serialize;
use serde_json::Value;

use super::{Device, Devices};
use crate::{
    ErrorKind,
    client::Result,
    tailnet::logging::{
        ConfigurationAuditLog, Window,
        flows::{known, unavailable},
        harmless,
    },
    traffic::{self, About, Kind, Sums, protocol_name, read},
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
    /// Short name of the peer, or its address if no record and no device has it. Empty for `exit`, whose
    /// records do not name the two ends.
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
    /// Bytes sent by the device: the larger of what both ends report.
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
        let mut events = self.events(device, window).await?;
        let events_total = events.len();
        events.truncate(limit);
        let mut notes = Vec::new();
        let mut found = None;
        if flows != Flows::None {
            match self.flows(device, &list, window, flows, &mut notes).await {
                Ok(all) => found = Some(all),
                Err(error)
                    if matches!(error.kind(), ErrorKind::PlanLimit | ErrorKind::Forbidden) =>
                {
                    let error = unavailable(self.tailnet(), error).await;
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

    async fn flows(
        &self,
        device: &Device,
        list: &[Device],
        window: Window,
        flows: Flows,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Flow>> {
        let known: Vec<_> = list.iter().map(known).collect();
        let own = known.iter().find(|it| it.id == device.key());
        let addresses = own.map(|it| it.addresses.clone()).unwrap_or_default();
        let mut about = About::new(device.key(), addresses);
        about.by_connection = flows == Flows::ByConnection;
        let mut sums = Sums::about(about);
        // The end of the window belongs to it.
        let window = (window.start().as_second(), window.end().as_second() + 1);
        for missed in read::window(self.tailnet().client(), &mut sums, window).await? {
            let at = jiff::Timestamp::from_second(missed.from).map(to_the_second);
            let (at, why) = (at.unwrap_or_default(), missed.why);
            notes.push(format!(
                "flows from {at} on, {} s, are missing: {why}",
                missed.to - missed.from
            ));
        }
        let unreadable = sums.unreadable();
        if unreadable > 0 {
            notes.push(format!("{unreadable} records or parts of them could not be read"));
        }
        Ok(sums.flows(&known).into_iter().map(row).collect())
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

/// How flows are shown; the most traffic first.
fn row(flow: traffic::Flow) -> Flow {
    let kind = match flow.kind {
        Kind::Virtual => "virtual",
        Kind::Subnet => "subnet",
        Kind::Exit => "exit",
    };
    Flow {
        kind,
        proto: protocol_name(flow.protocol),
        peer: if flow.peer.name.is_empty() { flow.peer.id } else { flow.peer.name },
        port: flow.port,
        from_port: flow.from_port,
        inbound: flow.inbound,
        sent: flow.sent,
        received: flow.received,
    }
}
