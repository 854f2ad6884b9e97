//! `tailsteward traffic`: who moved how much, as a table.

use std::{fmt::Write as _, sync::Arc};

use serde_json::Value;

use super::{
    Target,
    shown::progress::watched,
    table::{NAME, Refresh, bar},
};
use crate::{
    Error, Tailnet,
    client::Result,
    history::History,
    tailnet::monitoring::tools::traffic::{Bandwidth, By, MonitorBandwidth},
    traffic::Kind,
    visible::visible_up_to,
    words::bytes,
};

/// What to show, by the names of `monitor_bandwidth`.
#[derive(Debug, clap::Args)]
pub(super) struct TrafficArguments {
    /// What the rows are
    #[arg(long, value_enum, default_value = "devices")]
    by: By,
    /// Start of the window, RFC 3339 or `24h` ago
    #[arg(long, value_name = "TIME", default_value = "1h")]
    since: String,
    /// End of the window, RFC 3339; without it, now
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only this device: its name, the start of its name, its ID or IP
    #[arg(long)]
    device: Option<String>,
    /// Only this kind of traffic
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Rows, up to 100
    #[arg(long, default_value_t = 10, value_name = "N")]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    refresh: Refresh,
}

impl TrafficArguments {
    /// Prints the traffic; with `--watch`, again and again, until the process is stopped.
    pub(super) async fn run(&self, target: &Target, history: Option<Arc<History>>) -> Result<()> {
        if self.refresh.is_on() && self.until.is_some() {
            let problem = "cannot be given together with --watch: what is over does not change";
            return Err(Error::invalid_input("--until", problem));
        }
        let connected = target.connect().await?;
        let tailnet = connected.with_history(history);
        self.refresh.print(async |is_terminal| self.shown(&tailnet, is_terminal).await).await
    }

    async fn shown(&self, tailnet: &Tailnet, is_terminal: bool) -> Result<String> {
        let mut question = MonitorBandwidth::new(self.by, self.kind, Some(self.limit));
        question.since = Some(self.since.clone());
        question.until.clone_from(&self.until);
        question.device.clone_from(&self.device);
        let found = watched(question.logged(tailnet)).await?;
        if self.json {
            let text = serde_json::to_string_pretty(&found);
            return text.map_err(|error| Error::invalid_input("json", error.to_string()));
        }
        Ok(table(&found, self.by, is_terminal))
    }
}

/// One line of the table.
struct Line {
    name: String,
    bytes: u64,
    more: String,
}

impl Line {
    fn of(row: &Value, by: By) -> Self {
        let text =
            |name: &str| visible_up_to(row[name].as_str().unwrap_or_default(), NAME).into_owned();
        let number = |name: &str| row[name].as_u64().unwrap_or_default();
        let (sent, received) = (number("sent"), number("received"));
        let both = format!("{} sent, {} received", bytes(sent), bytes(received));
        let relayed = row["relayed_percent"].as_f64().filter(|it| *it > 0.0);
        let relayed = relayed.map(|it| format!(", {it} % relayed")).unwrap_or_default();
        match by {
            By::Devices => {
                let moved = sent + received + number("carried") + number("exit");
                Self { name: text("device"), more: device(row, &both), bytes: moved }
            }
            By::Pairs => Self {
                name: format!("{} → {}", text("from"), text("to")),
                more: format!("{} there, {} back{relayed}", bytes(sent), bytes(received)),
                bytes: sent + received,
            },
            By::Ports => {
                let port = row["port"].as_u64().map(|it| format!("/{it}")).unwrap_or_default();
                let name = format!("{} {}{port}", text("at"), text("protocol"));
                Self { name: name.trim().to_owned(), more: both, bytes: sent + received }
            }
            By::ExitNodes => {
                let what = if row["is_exit_node"] == true { "exit node" } else { "uses one" };
                let more = format!("{both} ({what})");
                Self { name: text("device"), more, bytes: sent + received }
            }
            By::Tags => Self {
                name: format!("{} → {}", text("from"), text("to")),
                more: String::new(),
                bytes: number("bytes"),
            },
        }
    }
}

/// What is known of a device beside its bytes.
fn device(row: &Value, both: &str) -> String {
    let mut more = both.to_owned();
    for (field, what) in [("carried", "carried for subnets"), ("exit", "exit traffic")] {
        if let Some(count) = row[field].as_u64() {
            let _ = write!(more, ", {} {what}", bytes(count));
        }
    }
    if let Some(percent) =
        row["relayed"].get("bytes_percent").and_then(Value::as_f64).filter(|it| *it > 0.0)
    {
        let _ = write!(more, ", {percent} % relayed");
    }
    more
}

fn table(found: &Bandwidth, by: By, is_terminal: bool) -> String {
    let lines: Vec<Line> = found.rows.iter().map(|it| Line::of(it, by)).collect();
    let width = lines.iter().map(|it| it.name.chars().count()).max().unwrap_or_default();
    let most = lines.iter().map(|it| it.bytes).max().unwrap_or_default().max(1);
    let mut text = head(found);
    for Line { name, bytes: count, more } in &lines {
        let bar = if is_terminal { format!("  {}", bar(*count, most)) } else { String::new() };
        let _ = write!(text, "\n{name:<width$}  {:>9}{bar}  {more}", bytes(*count));
    }
    if found.total > lines.len() {
        let _ = write!(text, "\n{} more", found.total - lines.len());
    }
    if let Some(refusals) = &found.refusals {
        let _ = write!(text, "\nconnections refused: {}", refusals.times);
        for it in &refusals.most {
            let (by, to) = (visible_up_to(&it.by, NAME), visible_up_to(&it.to, NAME));
            let _ = write!(text, "\n  {by} refused {to}: {}", it.times);
        }
    }
    for gap in &found.coverage.gaps {
        let why = visible_up_to(&gap.why, 300);
        let _ = write!(text, "\nnot read: {} to {}: {why}", gap.from, gap.to);
    }
    let unreadable = found.unreadable;
    if !unreadable.is_nothing() {
        let (records, entries) = (unreadable.records, unreadable.entries);
        let _ = write!(text, "\nnot readable: {records} records, {entries} entries of others");
    }
    for note in &found.notes {
        let _ = write!(text, "\n{note}");
    }
    text
}

fn head(found: &Bandwidth) -> String {
    let totals = &found.totals;
    let mut text = format!(
        "{} to {} ({} % read): {}; within the tailnet {}, subnets {}, exit nodes {}",
        found.from,
        found.to,
        found.coverage.percent,
        bytes(totals.bytes),
        bytes(totals.inside),
        bytes(totals.subnet),
        bytes(totals.exit),
    );
    if let Some(relayed) = found.relayed {
        let (share, connections) = (relayed.bytes_percent, relayed.connections_percent);
        let _ = write!(text, "\nrelayed: {share} % of bytes, {connections} % of connections");
    }
    if let Some(percent) = found.covers_percent {
        let _ = write!(text, "\nbetween tagged devices: {percent} %");
    }
    text
}
