//! `monitor_bandwidth`: who moved how much.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::here::Measured;
use crate::{
    Error, Operation, Tailnet,
    client::Result,
    tailnet::{devices::tools::instant, logging::Window, monitoring::traffic::Which},
    tool::Query,
    traffic::{Coverage, Kind, Refusal, Relayed, Traffic, TrafficTotals, Unreadable},
};

/// The default number of rows.
const ROWS: usize = 5;
/// The maximum number of rows.
const MOST_ROWS: usize = 100;
/// How many refusals and gaps are shown.
const FEW: usize = 3;

/// Show which devices, pairs, ports, exit nodes or tags moved the most bytes, from network flow logs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct MonitorBandwidth {
    by: By,
    /// Start, RFC 3339 or `24h` ago; default `1h`.
    pub(crate) since: Option<String>,
    /// End, RFC 3339; default now.
    pub(crate) until: Option<String>,
    /// Device name, start of name, ID or IP.
    pub(crate) device: Option<String>,
    kind: Option<Kind>,
    /// Rows, up to 100; default 5.
    limit: Option<usize>,
    /// Measure the traffic of the server's machine for 1 to 60 seconds, without flow logs.
    this_node_seconds: Option<u32>,
}

/// What flow logs say, or what the daemon of the server's machine counts.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Moved {
    Logged(Box<Bandwidth>),
    Measured(Measured),
}

/// What the rows are.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum By {
    #[default]
    Devices,
    Pairs,
    Ports,
    ExitNodes,
    Tags,
}

/// The result of `monitor_bandwidth`.
#[derive(Debug, Serialize)]
pub(crate) struct Bandwidth {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) coverage: Coverage,
    /// Bytes.
    pub(crate) totals: TrafficTotals,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) relayed: Option<Relayed>,
    by: By,
    /// How many rows there are.
    pub(crate) total: usize,
    pub(crate) rows: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) covers_percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusals: Option<Refusals>,
    #[serde(skip_serializing_if = "Unreadable::is_nothing")]
    pub(crate) unreadable: Unreadable,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// How often connections were refused.
#[derive(Debug, Serialize)]
pub(crate) struct Refusals {
    pub(crate) times: u64,
    pub(crate) most: Vec<Refusal>,
}

impl Query for MonitorBandwidth {
    const NAME: &'static str = "monitor_bandwidth";
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::ListNetworkFlowLogs,
        Operation::GetTailnetSettings,
    ];
    // Without them, what the server's machine moves can still be measured.
    const SCOPES: &'static [&'static str] = &["devices:core:read"];
    type Output = Moved;

    async fn call(self, tailnet: &Tailnet) -> Result<Moved> {
        match self.this_node_seconds {
            Some(seconds) => {
                self.is_alone()?;
                Measured::in_seconds(tailnet, seconds, self.limit()).await.map(Moved::Measured)
            }
            None => self.logged(tailnet).await.map(|it| Moved::Logged(Box::new(it))),
        }
    }
}

impl MonitorBandwidth {
    /// A question on the command line, by the same names.
    pub(crate) fn new(by: By, kind: Option<Kind>, limit: Option<usize>) -> Self {
        Self { by, kind, limit, ..Self::default() }
    }

    /// Flow logs have filters; the daemon's counters have none.
    fn is_alone(&self) -> Result<()> {
        let given = [
            ("by", self.by != By::default()),
            ("since", self.since.is_some()),
            ("until", self.until.is_some()),
            ("device", self.device.is_some()),
            ("kind", self.kind.is_some()),
        ];
        match given.iter().find(|it| it.1) {
            Some((name, _)) => Err(Error::invalid_input(
                name,
                "does not apply with `this_node_seconds`, which measures all peers of one machine",
            )),
            None => Ok(()),
        }
    }

    /// What the flow logs say.
    pub(crate) async fn logged(self, tailnet: &Tailnet) -> Result<Bandwidth> {
        self.check()?;
        let now = Timestamp::now();
        let until = self.until.as_ref().map(|it| instant("until", it, now)).transpose()?;
        let since = instant("since", self.since.as_deref().unwrap_or("1h"), now)?;
        let window = Window::new(since, until.unwrap_or(now))?;
        let mut which = Which::default();
        (which.device, which.kind) = (self.device.clone(), self.kind);
        let traffic = tailnet.monitoring().traffic(window, &which, now).await?;
        Ok(self.shown(traffic))
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(ROWS)
    }

    fn check(&self) -> Result<()> {
        if !(1..=MOST_ROWS).contains(&self.limit()) {
            let should = format!("must be between 1 and {MOST_ROWS}");
            return Err(Error::invalid_input("limit", should));
        }
        let should = match (self.by, self.kind) {
            (By::ExitNodes, Some(Kind::Virtual | Kind::Subnet)) => {
                "must be `exit` or absent: exit nodes have exit traffic only"
            }
            (By::Pairs | By::Ports, Some(Kind::Exit)) => {
                "cannot be `exit`: exit traffic has no known destination; ask by `exit_nodes` or `devices`"
            }
            (By::Tags, Some(Kind::Subnet | Kind::Exit)) => {
                "must be `virtual` or absent: only devices of the tailnet have tags"
            }
            _ => return Ok(()),
        };
        Err(Error::invalid_input("kind", should))
    }

    fn shown(&self, traffic: Traffic) -> Bandwidth {
        let most = self.limit();
        let rows = match self.by {
            By::Devices => rows(&traffic.devices, most),
            By::Pairs => rows(&traffic.pairs, most),
            By::Ports => rows(&traffic.services, most),
            By::ExitNodes => rows(&traffic.exit_nodes, most),
            By::Tags => rows(&traffic.tags.pairs, most),
        };
        let (mut coverage, mut notes) = (traffic.coverage, traffic.notes);
        if coverage.gaps.len() > FEW {
            notes.push(format!("{} more gaps", coverage.gaps.len() - FEW));
            coverage.gaps.truncate(FEW);
        }
        if self.by == By::Tags {
            notes.push("a device with several tags counts for each of them".to_owned());
        }
        let times = traffic.refusals.iter().map(|it| it.times).sum();
        let mut most_refused = traffic.refusals;
        most_refused.truncate(FEW);
        let refusals = (times > 0).then_some(Refusals { times, most: most_refused });
        Bandwidth {
            from: traffic.from,
            to: traffic.to,
            coverage,
            totals: traffic.totals,
            relayed: traffic.relayed,
            by: self.by,
            total: rows.0,
            rows: rows.1,
            covers_percent: (self.by == By::Tags).then_some(traffic.tags.covers_percent),
            refusals,
            unreadable: traffic.unreadable,
            notes,
        }
    }
}

/// How many rows there are, and the first of them.
fn rows<T: Serialize>(all: &[T], most: usize) -> (usize, Vec<Value>) {
    let row = |it: &T| {
        let mut row = json!(it);
        if let Some(fields) = row.as_object_mut() {
            // What each end reports is for those who look closer.
            fields.remove("reported");
        }
        row
    };
    (all.len(), all.iter().take(most).map(row).collect())
}
