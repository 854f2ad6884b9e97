//! The network status tool.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Status;
use crate::{
    Operation, Tailnet,
    client::Result,
    tool::{Query, Toolset, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "network",
    about: "A summary of the network.",
    instructions: "",
    default: true,
    tools: &[query::<GetNetworkStatus>()],
};

/// Summarize network status: how many devices, routers and users there are, and what needs
/// attention.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetNetworkStatus {}

impl Query for GetNetworkStatus {
    const NAME: &'static str = "get_network_status";
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListTailnetDevices, Operation::ListUsers, Operation::GetDnsPreferences];
    // Other things that may not be read become notes.
    const SCOPES: &'static [&'static str] = &["devices:core:read"];
    type Output = Status;

    async fn call(self, tailnet: &Tailnet) -> Result<Status> {
        tailnet.network().status(Timestamp::now()).await
    }
}
