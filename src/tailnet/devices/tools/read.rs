//! Tools that read one device.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::instant;
use crate::{
    Error, Operation, Tailnet,
    client::Result,
    tailnet::{
        devices::{
            Device,
            logs::{DeviceLogs, Flows},
            status::Status,
        },
        logging::Window,
    },
    tool::Query,
};

/// The default number of entries in `get_device_logs`.
const ENTRIES: usize = 20;
/// The maximum number of entries in `get_device_logs`.
const MOST_ENTRIES: usize = 200;

/// Show all details of a device: owner, when it was created, addresses, version, routes, endpoints.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetDeviceDetails {
    /// Device name, start of name, ID or IP.
    device: String,
}

impl Query for GetDeviceDetails {
    const NAME: &'static str = "get_device_details";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetDevices, Operation::GetDevice];
    type Output = Device;

    async fn call(self, tailnet: &Tailnet) -> Result<Device> {
        tailnet.devices().get(&self.device).await
    }
}

/// Show a device's status: online, version and whether it is up to date, when its key expires,
/// latency, problems.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetDeviceStatus {
    /// Device name, start of name, ID or IP.
    device: String,
}

impl Query for GetDeviceStatus {
    const NAME: &'static str = "get_device_status";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetDevices, Operation::GetDevice];
    type Output = Status;

    async fn call(self, tailnet: &Tailnet) -> Result<Status> {
        tailnet.devices().status(&self.device).await
    }
}

/// Show a device's configuration audit log, and optionally its network flows.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetDeviceLogs {
    /// Device name, start of name, ID or IP.
    device: String,
    /// Start of the window, RFC 3339 or `24h` ago.
    since: Option<String>,
    /// End of the window, RFC 3339; default now.
    until: Option<String>,
    /// Also show network flows, for up to 24 h.
    #[serde(default)]
    flows: bool,
    /// One row per connection instead of totals per peer and port; implies `flows`.
    #[serde(default)]
    connections: bool,
    /// Rows, up to 200; default 20.
    limit: Option<usize>,
}

impl Query for GetDeviceLogs {
    const NAME: &'static str = "get_device_logs";
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::ListConfigurationAuditLogs,
        Operation::ListNetworkFlowLogs,
    ];
    type Output = DeviceLogs;

    async fn call(self, tailnet: &Tailnet) -> Result<DeviceLogs> {
        let now = Timestamp::now();
        let limit = self.limit.unwrap_or(ENTRIES);
        if limit == 0 || limit > MOST_ENTRIES {
            return Err(Error::invalid_input(
                "limit",
                format!("must be between 1 and {MOST_ENTRIES}"),
            ));
        }
        let until = self.until.as_ref().map(|it| instant("until", it, now)).transpose()?;
        let since = instant("since", self.since.as_deref().unwrap_or("24h"), now)?;
        let window = Window::new(since, until.unwrap_or(now))?;
        // The flow logs of a busy tailnet amount to gigabytes a day.
        let flows = match (self.flows, self.connections) {
            (_, true) => Flows::ByConnection,
            (true, false) => Flows::ByPeer,
            (false, false) => Flows::None,
        };
        if flows != Flows::None && window.end().duration_since(window.start()).as_hours() > 24 {
            return Err(Error::invalid_input("flows", "takes a window of 24 h at most; narrow it"));
        }
        tailnet.devices().logs(&self.device, window, flows, limit).await
    }
}
