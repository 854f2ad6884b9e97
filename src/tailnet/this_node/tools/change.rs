//! Tools that change this node's preferences.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tool::Edit,
};

/// Set the exit node that the server's machine uses, or stop using one.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UseExitNode {
    /// Device name, start of name, ID or IP; omit to use none.
    exit_node: Option<String>,
    /// Keep the local network reachable while an exit node is in use.
    allow_lan_access: Option<bool>,
}

impl Edit for UseExitNode {
    const NAME: &'static str = "use_exit_node";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let node = tailnet.this_node();
        node.plan_exit_node(self.exit_node.as_deref(), self.allow_lan_access).await
    }
}

/// Advertise exactly these subnet routes from the server's machine, and approve them if possible.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AdvertiseRoutes {
    /// Subnets, such as `10.20.0.0/16`; empty to advertise none.
    routes: Vec<String>,
}

impl Edit for AdvertiseRoutes {
    const NAME: &'static str = "advertise_routes";
    const RISK: Risk = Risk::Change;
    // Others lose the way to a network that is no longer offered.
    const WORST: Risk = Risk::Danger;
    // It needs none: the routes are approved from here where the credential may.
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.this_node().plan_advertise_routes(&self.routes).await
    }
}

/// Advertise the server's machine as an exit node and approve it if possible, or stop advertising it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AdvertiseExitNode {
    /// `true` to advertise it, `false` to stop.
    on: bool,
}

impl Edit for AdvertiseExitNode {
    const NAME: &'static str = "advertise_exit_node";
    const RISK: Risk = Risk::Change;
    // Those who use it lose their internet access.
    const WORST: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.this_node().plan_advertise_exit_node(self.on).await
    }
}

/// Set whether the server's machine accepts subnet routes that other devices advertise.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SetAcceptRoutes {
    /// Whether to accept subnet routes.
    on: bool,
}

impl Edit for SetAcceptRoutes {
    const NAME: &'static str = "set_accept_routes";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.this_node().plan_accept_routes(self.on).await
    }
}
