//! How devices are connected to each other: what their clients last reported, whether flow logs saw a relay,
//! and what is likely to be the reason.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use serde::Serialize;

mod reason;
mod report;

pub use self::{
    reason::{Likely, Reason},
    report::{ClientReport, Latencies, RelayEstimate},
};
use super::{Monitoring, traffic::Which};
use crate::{
    Error, ErrorKind,
    client::Result,
    tailnet::{
        devices::{Device, find},
        logging::Window,
    },
    traffic::{PathTraffic, Relayed, Traffic},
};

/// How traffic went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PathState {
    /// None of it through a DERP relay. What goes through peer relays looks direct.
    Direct,
    /// All of it through DERP relays.
    Relayed,
    /// Partly.
    Both,
}

/// How the traffic of a device or a pair went, by the flow logs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Path {
    /// Whether it was relayed.
    pub state: PathState,
    /// Bytes in both directions.
    pub bytes: u64,
    /// What of it was relayed.
    pub relayed: Relayed,
}

impl Path {
    /// The path of so much traffic.
    fn new(bytes: u64, connections: u64, relayed: Relayed) -> Self {
        let state = match relayed.connections {
            0 if relayed.bytes == 0 => PathState::Direct,
            all if all >= connections && relayed.bytes >= bytes => PathState::Relayed,
            _ => PathState::Both,
        };
        Self { state, bytes, relayed }
    }
}

/// Two devices whose traffic was relayed, wholly or in part.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RelayedPair {
    /// The short names of both.
    pub between: [String; 2],
    /// The IDs of both, or their addresses.
    #[serde(skip)]
    pub ids: [String; 2],
    /// How the traffic went.
    pub path: Path,
    /// What is likely to be the reason.
    pub likely: Likely,
    /// The round trip through a relay in milliseconds, by an estimate: the smaller one of both ways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_relayed_ms: Option<f64>,
}

/// What the flow logs of a window cover.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FlowWindow {
    /// Start of the window, RFC 3339.
    pub from: String,
    /// End of the window, RFC 3339.
    pub to: String,
    /// Percent of it that was read.
    pub read_percent: f64,
}

/// What is known of the connections of one device, or of two.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ConnectionMetrics {
    /// What the device last reported.
    pub device: ClientReport,
    /// What the other device last reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<ClientReport>,
    /// What a relay between both would cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_relayed: Option<RelayEstimate>,
    /// What the flow logs cover. None if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flows: Option<FlowWindow>,
    /// How the traffic went. None if that is unknown, or if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Path>,
    /// Of a pair: why it is likely to be relayed, or would be. None if all of its traffic was direct.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likely: Option<Likely>,
    /// Of one device: the pairs that were relayed, the most bytes first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relayed: Vec<RelayedPair>,
    /// What is not known, and why.
    pub notes: Vec<String>,
}

/// A device whose report names an obstacle to direct connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Obstacle {
    /// Short name of the device.
    pub device: String,
    /// Its node ID.
    #[serde(skip)]
    pub id: String,
    /// What is likely to be the reason.
    pub likely: Likely,
}

/// Who is relayed, and why.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RelayReport {
    /// What the flow logs cover. None if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flows: Option<FlowWindow>,
    /// What went through relays at all. None if no path is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<Relayed>,
    /// How many pairs have a known path.
    pub pairs: usize,
    /// How many relayed pairs there are by likely reason.
    pub reasons: BTreeMap<Reason, usize>,
    /// The pairs that were relayed, the most bytes first.
    pub relayed: Vec<RelayedPair>,
    /// The connected devices whose reports name an obstacle to direct connections.
    pub obstacles: Vec<Obstacle>,
    /// What is not known, and why.
    pub notes: Vec<String>,
}

impl Monitoring<'_> {
    /// What is known of the connections of `device`, or of those with another device: what the clients last
    /// reported, and what the flow logs of `window` say. Both are anything that
    /// [`find`](crate::tailnet::devices::find::find) accepts. Without flow logs, a note says why.
    ///
    /// # Errors
    ///
    /// As [`Devices::get`](crate::tailnet::devices::Devices::get);
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if both are the same device.
    pub async fn connection(
        &self,
        device: &str,
        with: Option<&str>,
        window: Window,
        now: Timestamp,
    ) -> Result<ConnectionMetrics> {
        let list = self.tailnet.devices().list().await?;
        let device = find::find(&list, device)?;
        let with = with.map(|it| named(&list, it)).transpose()?;
        if with.is_some_and(|it| it.key() == device.key()) {
            return Err(Error::invalid_input("with", "must be another device than `device`"));
        }
        let (one, other) =
            (ClientReport::of(device, now), with.map(|it| ClientReport::of(it, now)));
        let mut notes = vec![NO_TIME.to_owned()];
        let which = Which { device: Some(device.key().to_owned()), ..Which::default() };
        let traffic = self.flows(window, &which, now, &mut notes).await?;
        let mut found = ConnectionMetrics {
            if_relayed: other.as_ref().map(|it| RelayEstimate::between(&one, it)),
            flows: traffic.as_ref().map(FlowWindow::of),
            path: None,
            likely: None,
            relayed: Vec::new(),
            device: one,
            with: other,
            notes,
        };
        if let Some(traffic) = &traffic {
            found.take(traffic, &list, now);
        } else if let Some(other) = &found.with {
            found.likely = Some(Likely::between(&found.device, other, None));
        }
        Ok(found)
    }

    /// Which pairs of devices were relayed in `window`, by the flow logs, and why, by what both ends last
    /// reported. Without flow logs, a note says why, and only the reports remain.
    ///
    /// # Errors
    ///
    /// As [`Devices::list`](crate::tailnet::devices::Devices::list).
    pub async fn relayed(&self, window: Window, now: Timestamp) -> Result<RelayReport> {
        let list = self.tailnet.devices().list().await?;
        let mut notes = vec![NO_TIME.to_owned()];
        let traffic = self.flows(window, &Which::default(), now, &mut notes).await?;
        let reports = Reports::of(list.iter(), now);
        let relayed: Vec<RelayedPair> = traffic.iter().flat_map(|it| reports.pairs(it)).collect();
        let mut reasons = BTreeMap::new();
        for pair in &relayed {
            *reasons.entry(pair.likely.reason).or_default() += 1;
        }
        let connected = list.iter().filter(|it| it.is_online());
        let mut obstacles: Vec<Obstacle> = connected
            .filter_map(|it| {
                let (device, id) = (it.short_name().to_owned(), it.key().to_owned());
                let likely = Likely::of(reports.by_id.get(it.key())?)?;
                Some(Obstacle { device, id, likely })
            })
            .collect();
        obstacles.sort_by(|a, b| (a.likely.reason, &a.device).cmp(&(b.likely.reason, &b.device)));
        Ok(RelayReport {
            flows: traffic.as_ref().map(FlowWindow::of),
            all: traffic.as_ref().and_then(|it| it.relayed),
            pairs: traffic.as_ref().map_or(0, |it| it.paths.len()),
            reasons,
            relayed,
            obstacles,
            notes,
        })
    }

    /// The traffic of the window; none if that cannot be known, with a note why.
    async fn flows(
        &self,
        window: Window,
        which: &Which,
        now: Timestamp,
        notes: &mut Vec<String>,
    ) -> Result<Option<Traffic>> {
        match self.traffic(window, which, now).await {
            Ok(traffic) => {
                let gaps = traffic.coverage.gaps.iter().map(|it| &it.why);
                notes.extend(gaps.take(1).map(|why| format!("not all was read: {why}")));
                Ok(Some(traffic))
            }
            Err(error) if error.kind() == ErrorKind::InvalidInput => Err(error),
            Err(error) => {
                let advice = error.advice().map(|it| format!("; {it}")).unwrap_or_default();
                notes.push(format!("direct or relayed is unknown: {error}{advice}"));
                Ok(None)
            }
        }
    }
}

/// What is true of all reports.
const NO_TIME: &str = "reports are what each client reported last, at a time that the API does not tell; reasons \
                       and relay round trips are estimates from them";

/// The other device of a pair.
fn named<'d>(list: &'d [Device], with: &str) -> Result<&'d Device> {
    if with.trim().is_empty() {
        return Err(Error::invalid_input("with", "is empty; give a name, an ID or an IP address"));
    }
    find::find(list, with).map_err(|error| error.context("it is the value of `with`"))
}

impl FlowWindow {
    fn of(traffic: &Traffic) -> Self {
        Self {
            from: traffic.from.clone(),
            to: traffic.to.clone(),
            read_percent: traffic.coverage.percent,
        }
    }
}

impl ConnectionMetrics {
    fn take(&mut self, traffic: &Traffic, list: &[Device], now: Timestamp) {
        let Some(other) = &self.with else {
            let sum = |count: fn(&PathTraffic) -> u64| {
                traffic.paths.iter().map(count).fold(0, u64::saturating_add)
            };
            let (bytes, connections) = (sum(|it| it.bytes), sum(|it| it.connections));
            self.path = traffic.relayed.map(|it| Path::new(bytes, connections, it));
            let ids: HashSet<&str> =
                traffic.paths.iter().flat_map(|it| &it.ids).map(String::as_str).collect();
            let talking = list.iter().filter(|it| ids.contains(it.key()));
            self.relayed = Reports::of(talking, now).pairs(traffic).collect();
            return;
        };
        let ids = [&self.device.id, &other.id];
        let path = traffic.paths.iter().find(|it| ids.iter().all(|id| it.ids.contains(id)));
        self.path = path.map(|it| Path::new(it.bytes, it.connections, it.relayed));
        let state = self.path.as_ref().map(|it| it.state);
        if state.is_none() {
            let none = "direct or relayed is unknown: the flow logs have no traffic between them in \
                        this window";
            self.notes.push(none.to_owned());
        }
        if state != Some(PathState::Direct) {
            let direct = state.map(|it| it == PathState::Both);
            self.likely = Some(Likely::between(&self.device, other, direct));
        }
    }
}

/// The reports of all devices, by node ID.
struct Reports {
    by_id: HashMap<String, ClientReport>,
}

impl Reports {
    fn of<'d>(devices: impl Iterator<Item = &'d Device>, now: Timestamp) -> Self {
        let report = |it: &Device| (it.key().to_owned(), ClientReport::of(it, now));
        Self { by_id: devices.map(report).collect() }
    }

    /// The pairs that were relayed, wholly or in part.
    fn pairs(&self, traffic: &Traffic) -> impl Iterator<Item = RelayedPair> {
        let relayed = |it: &&PathTraffic| it.relayed.bytes > 0 || it.relayed.connections > 0;
        traffic.paths.iter().filter(relayed).map(|it| self.pair(it))
    }

    fn pair(&self, traffic: &PathTraffic) -> RelayedPair {
        let path = Path::new(traffic.bytes, traffic.connections, traffic.relayed);
        let report = |at: usize| {
            let id = traffic.ids.get(at).map(String::as_str).unwrap_or_default();
            self.by_id.get(id).cloned().unwrap_or_else(|| ClientReport {
                name: traffic.between.get(at).cloned().unwrap_or_default(),
                unknown: Some("it is not in the list of devices"),
                ..ClientReport::default()
            })
        };
        let (one, other) = (report(0), report(1));
        let direct = Some(path.state == PathState::Both);
        RelayedPair {
            between: traffic.between.clone(),
            ids: traffic.ids.clone(),
            path,
            likely: Likely::between(&one, &other, direct),
            if_relayed_ms: RelayEstimate::between(&one, &other).least(),
        }
    }
}
