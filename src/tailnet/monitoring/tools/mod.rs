//! Monitoring tools.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::{connection::GetConnectionMetrics, traffic::MonitorBandwidth, usage::GetUsageAnalytics};
use super::{
    connectivity::{DeviceConnection, State},
    past::Past,
    uptime::{DeviceUptime, UptimeReport},
};
use crate::{
    Error, Operation, Tailnet,
    client::Result,
    tailnet::{
        devices::{DeviceSelector, Filter, name::with_prefix, tools::duration},
        reports::tools::GenerateNetworkReport,
    },
    tool::{List, Page, PageSize, Part, Query, Toolset, list, query},
};

mod connection;
mod here;
pub(crate) mod traffic;
mod usage;

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "monitoring",
    about: "Connections, uptime and traffic over time, and reports.",
    instructions: "Figures about the past need a history: `serve --watch` or `watch`.",
    default: false,
    tools: &[
        list::<ControlConnectivity>(),
        list::<GetUptimeStatistics>(),
        query::<GetDeviceHistory>(),
        query::<MonitorBandwidth>(),
        query::<GetConnectionMetrics>(),
        query::<GetUsageAnalytics>(),
        query::<GenerateNetworkReport>(),
    ],
};

/// Show which devices are connected to the control plane, silent, flapping, or never came up. Connected does
/// not mean that peers reach the device.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ControlConnectivity {
    /// Only devices in this state; by default all that are not connected.
    state: Option<State>,
    /// How long without a connection counts as silent, such as `12h`; default `24h`.
    silent_for: Option<String>,
    /// Part of the device name.
    name: Option<String>,
    /// Devices with all of these tags.
    tags: Vec<String>,
    /// Part of the owner's login name.
    user: Option<String>,
    /// Count by `tag` or `user`.
    count_by: Option<CountBy>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum CountBy {
    Tag,
    User,
}

/// Counts before rows.
#[derive(Serialize)]
pub(crate) struct Connections {
    counts: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<Value>,
    #[serde(flatten)]
    page: Page,
    #[serde(skip_serializing_if = "Value::is_null")]
    watched: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl List for ControlConnectivity {
    const NAME: &'static str = "control_connectivity";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetDevices];
    type Output = Connections;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Connections> {
        let silent_for = self.silent_for.as_deref().unwrap_or("24h");
        let silent_for = duration("silent_for", silent_for)?;
        let filter = Filter {
            name: self.name,
            user: self.user,
            all_tags: self.tags.iter().map(|tag| with_prefix(tag)).collect(),
            ..Filter::default()
        };
        let found =
            tailnet.monitoring().connectivity(&filter, silent_for, Timestamp::now()).await?;
        let counts = json!(found.counts());
        let by = self.count_by.map(|by| counted(&found.devices, by));
        let shown = |it: &&DeviceConnection| match self.state {
            Some(state) => it.state == state,
            None => it.state != State::Connected,
        };
        let rows: Vec<&DeviceConnection> = found.devices.iter().filter(shown).collect();
        let page = Page::keyed("devices", &rows, &part, |it| &it.id, Ok)?;
        let watched = json!(found.watched);
        Ok(Connections { counts, by, page, watched, notes: found.notes })
    }
}

/// How many devices of each tag or user are in each state.
fn counted(devices: &[DeviceConnection], by: CountBy) -> Value {
    let mut groups: BTreeMap<&str, BTreeMap<State, usize>> = BTreeMap::new();
    for device in devices {
        let names: Vec<&str> = match by {
            CountBy::Tag if device.tags.is_empty() => vec!["untagged"],
            CountBy::Tag => device.tags.iter().map(String::as_str).collect(),
            CountBy::User if device.user.is_empty() => vec!["tagged"],
            CountBy::User => vec![device.user.as_str()],
        };
        for name in names {
            *groups.entry(name).or_default().entry(device.state).or_default() += 1;
        }
    }
    json!(groups)
}

/// Show how long devices were connected, their longest outage, and how much of the time is known. By default
/// tagged devices, subnet routers and exit nodes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct GetUptimeStatistics {
    /// Names, IDs or addresses; not with filters.
    devices: Vec<String>,
    /// Devices with all of these tags.
    tags: Vec<String>,
    /// Only subnet routers; false for others.
    subnet_router: Option<bool>,
    /// Only exit nodes, advertised or approved.
    exit_node: Option<bool>,
    /// Part of the owner's login name.
    user: Option<String>,
    /// How far back, such as `24h` or `90d`; default `30d`.
    window: Option<String>,
}

/// What it is about, and a page of devices.
#[derive(Serialize)]
pub(crate) struct Uptimes {
    #[serde(flatten)]
    report: UptimeReport,
    #[serde(flatten)]
    page: Page,
}

impl List for GetUptimeStatistics {
    const NAME: &'static str = "get_uptime_statistics";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetDevices];
    const PAGE: PageSize = PageSize { usual: 30, max: 200 };
    type Output = Uptimes;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Uptimes> {
        let window = self.window.as_deref().unwrap_or("30d");
        let window: SignedDuration = duration("window", window)?;
        if window.is_zero() {
            return Err(Error::invalid_input("window", "must be longer than 0, such as `30d`"));
        }
        let filter = Filter {
            all_tags: self.tags.iter().map(|tag| with_prefix(tag)).collect(),
            subnet_router: self.subnet_router,
            exit_node: self.exit_node,
            user: self.user,
            ..Filter::default()
        };
        let which = DeviceSelector::new(self.devices, filter);
        let report = tailnet.monitoring().uptime(&which, window, Timestamp::now()).await?;
        let rows: Vec<&DeviceUptime> = report.devices.iter().collect();
        let page = Page::keyed("devices", &rows, &part, |it| &it.id, Ok)?;
        drop(rows);
        Ok(Uptimes { report, page })
    }
}

/// Show what was seen of a device over time: connections, versions, tags, routes, names.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetDeviceHistory {
    /// Device name, start of name, ID or IP.
    device: String,
}

impl Query for GetDeviceHistory {
    const NAME: &'static str = "get_device_history";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetDevices];
    type Output = Past;

    async fn call(self, tailnet: &Tailnet) -> Result<Past> {
        tailnet.monitoring().past(&self.device, Timestamp::now()).await
    }
}
