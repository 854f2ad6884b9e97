//! Tools for tailnet settings.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Known, SettingsUpdate};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tool::{Edit, Query, Toolset, edit, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "settings",
    about: "Settings of the tailnet.",
    instructions: "",
    default: false,
    tools: &[query::<GetTailnetSettings>(), edit::<SettingsUpdate>()],
};

/// Show the tailnet's settings; `unknown` are those that the credential may not read.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetTailnetSettings {}

impl Query for GetTailnetSettings {
    const NAME: &'static str = "get_tailnet_settings";
    const OPERATIONS: &'static [Operation] = &[Operation::GetTailnetSettings];
    type Output = Known;

    async fn call(self, tailnet: &Tailnet) -> Result<Known> {
        tailnet.tailnet_settings().known().await
    }
}

impl Edit for SettingsUpdate {
    const NAME: &'static str = "update_tailnet_settings";
    // Settings apply to the entire tailnet.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetTailnetSettings, Operation::UpdateTailnetSettings];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.tailnet_settings().plan_update(&self).await
    }
}
