//! The tools of the settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Known;
use crate::{
    Error, Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tool::{Edit, Query, Toolset, edit, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "settings",
    about: "Settings of the tailnet.",
    instructions: "",
    default: false,
    tools: &[query::<GetTailnetSettings>(), edit::<UpdateTailnetSettings>()],
};

/// Show the tailnet's settings; `unknown` are those that the credential may not see.
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

/// Who may join other tailnets.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Who {
    None,
    Admin,
    Member,
}

/// Change the tailnet's settings; if one is refused, the others are taken back.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
pub(crate) struct UpdateTailnetSettings {
    /// Locks the console's policy editor.
    acls_externally_managed_on: Option<bool>,
    /// Where the policy file is kept; empty for none.
    acls_external_link: Option<String>,
    /// New devices wait for approval.
    devices_approval_on: Option<bool>,
    /// Clients update themselves.
    devices_auto_updates_on: Option<bool>,
    /// Days until keys of devices expire, 1 to 180.
    devices_key_duration_days: Option<u32>,
    /// New users wait for approval.
    users_approval_on: Option<bool>,
    users_role_allowed_to_join_external_tailnets: Option<Who>,
    /// Records who talks to whom.
    network_flow_logging_on: Option<bool>,
    /// Nearby routers first.
    regional_routing_on: Option<bool>,
    /// Hardware ids for posture.
    posture_identity_collection_on: Option<bool>,
    /// Certificates for devices.
    https_enabled: Option<bool>,
}

impl Edit for UpdateTailnetSettings {
    const NAME: &'static str = "update_tailnet_settings";
    // They hold for everybody.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetTailnetSettings, Operation::UpdateTailnetSettings];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let wanted = match serde_json::to_value(&self) {
            Ok(Value::Object(all)) => all.into_iter().filter(|(_, it)| !it.is_null()).collect(),
            Ok(_) => serde_json::Map::new(),
            Err(error) => return Err(Error::invalid_input("arguments", error)),
        };
        tailnet.tailnet_settings().plan_update(&wanted).await
    }
}
