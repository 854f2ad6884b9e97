//! Tools that look.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Error, Operation, Tailnet,
    client::Result,
    tailnet::this_node::{Explained, Network, NodeState, PeerPing, Suggestion},
    tool::Query,
};

/// The default and largest number of pings.
const PINGS: usize = 4;
const MOST_PINGS: usize = 20;

/// Show the Tailscale status of the server's machine: health, key expiry, exit node, routes, version.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetLocalStatus {}

impl Query for GetLocalStatus {
    const NAME: &'static str = "get_local_status";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = NodeState;

    async fn call(self, tailnet: &Tailnet) -> Result<NodeState> {
        tailnet.this_node().state().await
    }
}

/// Ping a peer from the server's machine to see whether the path is direct or relayed, and its latency.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PingPeer {
    /// Device name, start of name, ID or IP.
    peer: String,
    /// Number of pings, up to 20; default 4.
    times: Option<usize>,
}

impl Query for PingPeer {
    const NAME: &'static str = "ping_peer";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = PeerPing;

    async fn call(self, tailnet: &Tailnet) -> Result<PeerPing> {
        let times = self.times.unwrap_or(PINGS);
        if !(1..=MOST_PINGS).contains(&times) {
            let should = format!("must be between 1 and {MOST_PINGS}");
            return Err(Error::invalid_input("times", should));
        }
        tailnet.this_node().ping(&self.peer, times).await
    }
}

/// Check the network conditions of the server's machine: UDP, NAT, port mapping, latency to DERP relays.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetNetcheck {}

impl Query for GetNetcheck {
    const NAME: &'static str = "get_netcheck";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = Network;

    async fn call(self, tailnet: &Tailnet) -> Result<Network> {
        tailnet.this_node().network().await
    }
}

/// Diagnose why the server's machine can or cannot reach a TCP port: policy file, peer online, ping,
/// connection.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ExplainConnection {
    /// Device name, start of name, ID or IP, or an address behind a subnet router.
    to: String,
    /// TCP port, such as 443.
    port: u16,
}

impl Query for ExplainConnection {
    const NAME: &'static str = "explain_connection";
    // It needs none: what the policy file says is unknown where the credential may not read it.
    const OPERATIONS: &'static [Operation] = &[];
    type Output = Explained;

    async fn call(self, tailnet: &Tailnet) -> Result<Explained> {
        if self.port == 0 {
            return Err(Error::invalid_input("port", "must be between 1 and 65535"));
        }
        tailnet.this_node().explain(&self.to, self.port).await
    }
}

/// Suggest the best exit node for the server's machine, and list those that it may use.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SuggestExitNode {}

impl Query for SuggestExitNode {
    const NAME: &'static str = "suggest_exit_node";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = Suggestion;

    async fn call(self, tailnet: &Tailnet) -> Result<Suggestion> {
        tailnet.this_node().suggested_exit_node().await
    }
}
