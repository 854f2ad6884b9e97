//! Tools for routes and exit nodes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Subnets;
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tool::{Edit, List, Page, PageSize, Part, Toolset, edit, list, none_or_some},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "routes",
    about: "Subnet routers and exit nodes.",
    instructions: "A route is served if its device advertises it and it is enabled; enabling and \
                   disabling keeps a device's other routes.",
    default: false,
    tools: &[
        list::<GetSubnetRoutes>(),
        edit::<EnableSubnetRouter>(),
        edit::<DisableSubnetRouter>(),
        list::<ListExitNodes>(),
        edit::<EnableExitNode>(),
        edit::<DisableExitNode>(),
    ],
};

const READS: &[Operation] = &[
    Operation::ListTailnetDevices,
    Operation::GetPolicyFile,
    Operation::ListUsers,
    Operation::ListServices,
];
const WRITES: &[Operation] = &[
    Operation::ListTailnetDevices,
    Operation::GetDevice,
    Operation::GetPolicyFile,
    Operation::ListUsers,
    Operation::ListServices,
    Operation::SetDeviceRoutes,
];
// If the policy file, users or services may not be read, a note says so.
const READ_SCOPES: &[&str] = &["devices:core:read"];
const WRITE_SCOPES: &[&str] = &["devices:core:read", "devices:routes"];

/// List subnet routes: which device serves them, which are pending or overlap, and what approves
/// them.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetSubnetRoutes {
    /// Device name, start of name, ID or IP.
    device: Option<String>,
}

/// A page of subnet routers, with findings about all of them.
#[derive(Debug, Serialize)]
pub(crate) struct RoutePage {
    #[serde(flatten)]
    page: Page,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl List for GetSubnetRoutes {
    const NAME: &'static str = "get_subnet_routes";
    const OPERATIONS: &'static [Operation] = READS;
    const SCOPES: &'static [&'static str] = READ_SCOPES;
    const PAGE: PageSize = PageSize { usual: 50, max: 200 };
    type Output = RoutePage;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<RoutePage> {
        let all = tailnet.routes().subnets(self.device.as_deref()).await?;
        let Subnets { routers, findings, notes } = all;
        Ok(RoutePage { page: Page::of("routers", &routers, &part)?, findings, notes })
    }
}

/// Enable (approve) subnet routes of a device: those given, or all that it advertises.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct EnableSubnetRouter {
    /// Device name, start of name, ID or IP.
    device: String,
    /// Routes, such as `10.20.0.0/16`.
    routes: Option<Vec<String>>,
}

impl Edit for EnableSubnetRouter {
    const NAME: &'static str = "enable_subnet_router";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = WRITES;
    const SCOPES: &'static [&'static str] = WRITE_SCOPES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.routes().plan_enable(&self.device, &none_or_some("routes", self.routes)?).await
    }
}

/// Disable subnet routes of a device: those given, or all.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DisableSubnetRouter {
    /// Device name, start of name, ID or IP.
    device: String,
    /// Routes, such as `10.20.0.0/16`.
    routes: Option<Vec<String>>,
}

impl Edit for DisableSubnetRouter {
    const NAME: &'static str = "disable_subnet_router";
    const RISK: Risk = Risk::Change;
    // A subnet becomes unreachable without its last router.
    const WORST: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = WRITES;
    const SCOPES: &'static [&'static str] = WRITE_SCOPES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.routes().plan_disable(&self.device, &none_or_some("routes", self.routes)?).await
    }
}

/// List exit nodes: advertised, approved, online, and their location.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListExitNodes {}

impl List for ListExitNodes {
    const NAME: &'static str = "list_exit_nodes";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetDevices];
    const PAGE: PageSize = PageSize { usual: 50, max: 200 };
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        Page::of("exit_nodes", &tailnet.routes().exit_nodes().await?, &part)
    }
}

/// Approve a device as an exit node, for IPv4 and IPv6; the server's own machine is also advertised as one.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct EnableExitNode {
    /// Device name, start of name, ID or IP.
    device: String,
}

impl Edit for EnableExitNode {
    const NAME: &'static str = "enable_exit_node";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = WRITES;
    const SCOPES: &'static [&'static str] = WRITE_SCOPES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.this_node().plan_enable_exit_node(&self.device).await
    }
}

/// Withdraw a device's approval as an exit node.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DisableExitNode {
    /// Device name, start of name, ID or IP.
    device: String,
}

impl Edit for DisableExitNode {
    const NAME: &'static str = "disable_exit_node";
    const RISK: Risk = Risk::Change;
    // Devices that use the exit node lose internet access.
    const WORST: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListTailnetDevices, Operation::GetDevice, Operation::SetDeviceRoutes];
    const SCOPES: &'static [&'static str] = WRITE_SCOPES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.routes().plan_exit_node(&self.device, false).await
    }
}
