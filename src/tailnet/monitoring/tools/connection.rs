//! `get_connection_metrics`: direct or relayed, and why.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::here::Paths;
use crate::{
    Error, Operation, Tailnet,
    client::Result,
    tailnet::{
        devices::tools::instant,
        logging::Window,
        monitoring::connection::{ClientReport, Path, RelayedPair},
    },
    tool::Query,
    traffic::Relayed,
};

/// The default number of rows.
const ROWS: usize = 10;
/// The maximum number of rows.
const MOST_ROWS: usize = 50;
/// How many regions are shown of a device.
const REGIONS: usize = 4;
/// How many devices with an obstacle are shown where the flow logs are known.
const FEW: usize = 5;

/// Show whether a device or a pair is relayed or direct and why, with DERP latency, NAT and UDP; without a
/// device, who is relayed most.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct GetConnectionMetrics {
    /// Device name, start of name, ID or IP.
    device: Option<String>,
    /// Another device, for a pair.
    with: Option<String>,
    /// Start of the traffic, such as `3h` ago; default `1h`.
    since: Option<String>,
    /// Rows, up to 50; default 10.
    limit: Option<usize>,
    /// Show how the server's machine reaches its peers (or `device`) now, from its Tailscale daemon.
    this_node: bool,
}

/// What is known of the tailnet, or by the daemon of the server's machine.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Connections {
    Known(Box<Connection>),
    Here(Paths),
}

/// The result of `get_connection_metrics`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Connection {
    #[serde(skip_serializing_if = "Value::is_null")]
    device: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    with: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    flows: Value,
    /// Of all traffic, of the device's or of the pair's.
    #[serde(skip_serializing_if = "Value::is_null")]
    path: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    likely: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    if_relayed: Value,
    /// Counts before rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<usize>,
    #[serde(skip_serializing_if = "Value::is_null")]
    reasons: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    relayed_pairs: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    relayed: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices_with_obstacles: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    obstacles: Vec<Value>,
    notes: Vec<String>,
}

impl Query for GetConnectionMetrics {
    const NAME: &'static str = "get_connection_metrics";
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::ListNetworkFlowLogs,
        Operation::GetTailnetSettings,
    ];
    // Without flow logs, the reports of the clients remain.
    const SCOPES: &'static [&'static str] = &["devices:core:read"];
    type Output = Connections;

    async fn call(self, tailnet: &Tailnet) -> Result<Connections> {
        let most = self.limit.unwrap_or(ROWS);
        self.check(most)?;
        if self.this_node {
            let paths = Paths::of(tailnet, self.device.as_deref(), most).await?;
            return Ok(Connections::Here(paths));
        }
        self.known(tailnet, most).await.map(|it| Connections::Known(Box::new(it)))
    }
}

impl GetConnectionMetrics {
    async fn known(self, tailnet: &Tailnet, most: usize) -> Result<Connection> {
        let now = Timestamp::now();
        let since = instant("since", self.since.as_deref().unwrap_or("1h"), now)?;
        if since >= now {
            return Err(Error::invalid_input("since", "must be in the past, such as `3h` ago"));
        }
        let window = Window::new(since, now)?;
        match &self.device {
            Some(device) => of_device(tailnet, device, self.with.as_deref(), window, most).await,
            None => of_all(tailnet, window, most).await,
        }
    }

    fn check(&self, most: usize) -> Result<()> {
        let given = [("with", self.with.is_some()), ("since", self.since.is_some())];
        if let Some((name, _)) = given.iter().find(|it| self.this_node && it.1) {
            let why = "does not apply with `this_node`, which is about the present and one machine";
            return Err(Error::invalid_input(name, why));
        }
        if self.with.is_some() && self.device.is_none() {
            return Err(Error::invalid_input("with", "needs `device`, the other end of the pair"));
        }
        if self.with.is_some() && self.limit.is_some() {
            return Err(Error::invalid_input(
                "limit",
                "cannot be given with `with`: a pair has no rows",
            ));
        }
        if !(1..=MOST_ROWS).contains(&most) {
            let should = format!("must be between 1 and {MOST_ROWS}");
            return Err(Error::invalid_input("limit", should));
        }
        Ok(())
    }
}

async fn of_device(
    tailnet: &Tailnet,
    device: &str,
    with: Option<&str>,
    window: Window,
    most: usize,
) -> Result<Connection> {
    let mut found = tailnet.monitoring().connection(device, with, window, Timestamp::now()).await?;
    withheld(found.relayed.get(..most).unwrap_or(&found.relayed), &mut found.notes);
    let is_pair = found.with.is_some();
    // Whatever relays, it is not nearer than the nearest region.
    let nearest = found.device.latency_ms.0.first().map(|it| json!({ "at_least_ms": it.1 }));
    let rows = found.relayed.iter().take(most).map(|it| row(it, Some(&found.device.id)));
    Ok(Connection {
        relayed: rows.collect(),
        relayed_pairs: (!is_pair && found.flows.is_some()).then_some(found.relayed.len()),
        path: found.path.as_ref().map(path).unwrap_or_default(),
        likely: json!(found.likely.map(|it| it.why)),
        if_relayed: if is_pair { json!(found.if_relayed) } else { json!(nearest) },
        flows: json!(found.flows),
        with: found.with.map(shown).unwrap_or_default(),
        device: shown(found.device),
        notes: found.notes,
        ..Connection::default()
    })
}

async fn of_all(tailnet: &Tailnet, window: Window, most: usize) -> Result<Connection> {
    let mut found = tailnet.monitoring().relayed(window, Timestamp::now()).await?;
    withheld(found.relayed.get(..most).unwrap_or(&found.relayed), &mut found.notes);
    let is_known = found.flows.is_some();
    let obstacles = found.obstacles.iter().take(if is_known { most.min(FEW) } else { most });
    let obstacles = obstacles.map(|it| json!({ "device": it.device, "why": it.likely.why }));
    Ok(Connection {
        flows: json!(found.flows),
        path: found.all.map(share).unwrap_or_default(),
        pairs: is_known.then_some(found.pairs),
        reasons: if is_known { json!(found.reasons) } else { Value::Null },
        relayed_pairs: is_known.then_some(found.relayed.len()),
        relayed: found.relayed.iter().take(most).map(|it| row(it, None)).collect(),
        devices_with_obstacles: Some(found.obstacles.len()),
        obstacles: obstacles.collect(),
        notes: found.notes,
        ..Connection::default()
    })
}

/// What a client reported, with its nearest regions.
fn shown(mut report: ClientReport) -> Value {
    let more = report.latency_ms.0.len().saturating_sub(REGIONS);
    let home = report.home.clone();
    // The home region is usually the nearest; it is shown in any case.
    let mut at = 0;
    report.latency_ms.0.retain(|it| {
        at += 1;
        at <= REGIONS || home.as_ref() == Some(&it.0)
    });
    let mut shown = json!(report);
    if let (1.., Some(fields)) = (more, shown.as_object_mut()) {
        fields.insert("more_regions".to_owned(), json!(more));
    }
    shown
}

fn path(path: &Path) -> Value {
    let mut fields = share(path.relayed);
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("bytes".to_owned(), json!(path.bytes));
        fields.insert("state".to_owned(), json!(path.state));
    }
    fields
}

fn share(relayed: Relayed) -> Value {
    json!({
        "relayed_bytes": relayed.bytes,
        "bytes_percent": relayed.bytes_percent,
        "connections_percent": relayed.connections_percent,
    })
}

/// Notes that a figure of rows is withheld, if it is.
fn withheld(rows: &[RelayedPair], notes: &mut Vec<String>) {
    if rows.iter().any(|it| it.if_relayed_ms.is_none()) {
        let why = "no relay_ms: one end reported no latency to the other's home region";
        notes.push(why.to_owned());
    }
}

/// A pair that was relayed; of one device, only the other end is named.
fn row(pair: &RelayedPair, device: Option<&str>) -> Value {
    let mut row = share(pair.path.relayed);
    let at = device.and_then(|id| pair.ids.iter().position(|it| it == id));
    let peer = at.and_then(|at| pair.between.get(1 - at));
    if let Some(fields) = row.as_object_mut() {
        match peer {
            Some(peer) => fields.insert("with".to_owned(), json!(peer)),
            None => fields.insert("between".to_owned(), json!(pair.between)),
        };
        fields.insert("why".to_owned(), json!(pair.likely.why));
        if let Some(ms) = pair.if_relayed_ms {
            fields.insert("relay_ms".to_owned(), json!(ms));
        }
    }
    row
}
