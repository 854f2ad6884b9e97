//! `tailsteward uptime`: how long devices were connected, as a table.

use std::{fmt::Write as _, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{
    Target,
    table::{NAME, Refresh, bar},
};
use crate::{
    Error, Tailnet,
    client::Result,
    history::History,
    tailnet::{
        devices::{DeviceSelector, Filter, tools::instant},
        monitoring::uptime::{DeviceUptime, LongestOutage, UptimeReport},
    },
    visible::visible_up_to,
};

/// Of which devices, and since when.
#[derive(Debug, clap::Args)]
pub(super) struct UptimeArguments {
    /// Only this device, by its name, the start of its name, its ID or IP; may be repeated. Without it, tagged
    /// devices, subnet routers and exit nodes
    #[arg(long, value_name = "NAME")]
    device: Vec<String>,
    /// Start of the window: `30d` ago, or RFC 3339
    #[arg(long, value_name = "TIME", default_value = "30d")]
    since: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    refresh: Refresh,
    /// Rows, the least uptime first
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

impl UptimeArguments {
    /// Prints the uptime; with `--watch`, again and again, until the process is stopped.
    pub(super) async fn run(&self, target: &Target, history: Option<Arc<History>>) -> Result<()> {
        let connected = target.connect().await?;
        let tailnet = connected.with_history(history);
        self.refresh.print(async |is_terminal| self.shown(&tailnet, is_terminal).await).await
    }

    async fn shown(&self, tailnet: &Tailnet, is_terminal: bool) -> Result<String> {
        let now = Timestamp::now();
        let window = now.duration_since(instant("--since", &self.since, now)?);
        if window < SignedDuration::from_mins(1) {
            let should = "must be at least a minute ago, such as `30d`";
            return Err(Error::invalid_input("--since", should));
        }
        let which = DeviceSelector::new(self.device.clone(), Filter::default());
        let found = tailnet.monitoring().uptime(&which, window, now).await?;
        let shown = usize::from(self.limit).min(found.devices.len());
        if self.json {
            let mut report = json!(found);
            if let Some(fields) = report.as_object_mut() {
                fields.insert("total".to_owned(), json!(found.devices.len()));
                let rows = found.devices.get(..shown).unwrap_or_default();
                fields.insert("devices".to_owned(), json!(rows));
            }
            let text = serde_json::to_string_pretty(&report);
            return text.map_err(|error| Error::invalid_input("json", error.to_string()));
        }
        Ok(table(&found, shown, is_terminal))
    }
}

fn table(found: &UptimeReport, shown: usize, is_terminal: bool) -> String {
    let rows = found.devices.get(..shown).unwrap_or_default();
    let name = |it: &DeviceUptime| visible_up_to(&it.name, NAME).into_owned();
    let width = rows.iter().map(|it| name(it).chars().count()).max().unwrap_or_default();
    let mut text = format!(
        "{} to {}; watched since {}, last look {}",
        found.from, found.to, found.watched.since, found.watched.last_look
    );
    if let Some(about) = found.about {
        let _ = write!(text, "\n{about}");
    }
    for device in rows {
        let percent = device.up_percent.map_or("unknown".to_owned(), |it| format!("{it:.3} %"));
        let bar = match device.up_percent {
            Some(percent) if is_terminal => format!("  {}", bar(thousandths(percent), 100_000)),
            None if is_terminal => format!("  {}", bar(0, 1)),
            _ => String::new(),
        };
        let _ = write!(text, "\n{:<width$}  {percent:>9}{bar}  {}", name(device), more(device));
    }
    if found.devices.is_empty() {
        text.push_str("\nno such device");
    }
    if found.devices.len() > shown {
        let _ = write!(text, "\n{} more", found.devices.len() - shown);
    }
    for unknown in &found.watched.unknown {
        let _ = write!(text, "\n{}", visible_up_to(unknown, 300));
    }
    text
}

/// What is known of a device beside its uptime.
fn more(device: &DeviceUptime) -> String {
    let mut more = match &device.withheld {
        Some(why) => why.clone(),
        None => format!("{} % known", device.known_percent),
    };
    if let Some(away) = &device.away {
        let _ = write!(more, ", away {away}");
    }
    if let Some(times) = device.disconnects {
        let noun = if times == 1 { "disconnect" } else { "disconnects" };
        let _ = write!(more, ", {times} {noun}");
    }
    if let Some(outage) = &device.longest_outage {
        let _ = write!(more, ", longest outage {}", longest(outage));
    }
    more
}

fn longest(outage: &LongestOutage) -> String {
    let least = if outage.at_least { "at least " } else { "" };
    let from = outage.from.as_ref().map(|it| format!(" from {it}")).unwrap_or_default();
    let goes_on = if outage.goes_on { ", goes on" } else { "" };
    format!("{least}{}{from}{goes_on}", outage.lasted)
}

/// Thousandths of a percent, for a bar.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "percent are between 0 and 100"
)]
fn thousandths(percent: f64) -> u64 {
    (percent.clamp(0.0, 100.0) * 1_000.0) as u64
}
