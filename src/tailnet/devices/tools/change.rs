//! Tools that change one device.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Error, Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tailnet::devices::{Revocation, Update},
    tool::Edit,
};

/// Approve (authorize) a device that needs device approval.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AuthorizeDevice {
    /// Device name, start of name, ID or IP.
    device: String,
}

impl Edit for AuthorizeDevice {
    const NAME: &'static str = "authorize_device";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListTailnetDevices, Operation::GetDevice, Operation::AuthorizeDevice];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.devices().plan_authorized(&self.device, true).await
    }
}

/// Deauthorize a device, or remove (delete) it from the tailnet.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RevokeDevice {
    /// Full device name, ID or IP.
    device: String,
    how: Revocation,
}

impl Edit for RevokeDevice {
    const NAME: &'static str = "revoke_device";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::GetDevice,
        Operation::AuthorizeDevice,
        Operation::DeleteDevice,
    ];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let devices = tailnet.devices();
        match self.how {
            Revocation::Deauthorize => devices.plan_authorized(&self.device, false).await,
            Revocation::Remove => devices.plan_delete(&self.device).await,
        }
    }
}

/// Change a device: rename it, or change its tags, IPv4 address or key expiry.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct UpdateDevice {
    /// Device name, start of name, ID or IP.
    device: String,
    /// New device name; empty uses the OS hostname.
    name: Option<String>,
    /// Tags to add, such as `tag:web`.
    #[serde(default)]
    add_tags: Vec<String>,
    /// Tags to remove, such as `tag:web`.
    #[serde(default)]
    remove_tags: Vec<String>,
    /// Tags that replace all it has.
    set_tags: Option<Vec<String>>,
    /// True turns key expiry on, false off.
    key_expires: Option<bool>,
    /// IPv4 address in 100.64.0.0/10.
    ipv4: Option<String>,
}

impl Edit for UpdateDevice {
    const NAME: &'static str = "update_device";
    const RISK: Risk = Risk::Change;
    // Adding the first tag to a user's device is irreversible.
    const WORST: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::GetDevice,
        Operation::GetPolicyFile,
        Operation::SetDeviceName,
        Operation::SetDeviceTags,
        Operation::UpdateDeviceKey,
        Operation::SetDeviceIp,
    ];
    // Without read access to the policy file, the plan only warns that tags were not checked.
    const SCOPES: &'static [&'static str] = &["devices:core"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let update = Update {
            name: self.name,
            set_tags: self.set_tags,
            add_tags: self.add_tags,
            remove_tags: self.remove_tags,
            key_expires: self.key_expires,
            ipv4: self.ipv4,
        };
        if update.is_empty() {
            return Err(Error::nothing_to_change("name, tags, key_expires and ipv4"));
        }
        tailnet.devices().plan_update(&self.device, &update).await
    }
}

/// Expire a device's node key now; it disconnects until someone logs in on it again.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ExpireDeviceKey {
    /// Full device name, ID or IP.
    device: String,
}

impl Edit for ExpireDeviceKey {
    const NAME: &'static str = "expire_device_key";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListTailnetDevices, Operation::GetDevice, Operation::ExpireDeviceKey];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.devices().plan_expire_key(&self.device).await
    }
}

/// Show how to update a device's client, or turn on auto-updates for the tailnet.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ForceUpdate {
    /// Device name, start of name, ID or IP.
    device: String,
    /// Turn on auto-update for all devices.
    #[serde(default)]
    auto_updates: bool,
}

impl Edit for ForceUpdate {
    const NAME: &'static str = "force_update";
    // The setting applies to every device.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::GetDevice,
        Operation::GetTailnetSettings,
        Operation::UpdateTailnetSettings,
    ];
    // The API checks a separate scope for each setting.
    const SCOPES: &'static [&'static str] = &["devices:core:read", "feature_settings"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.devices().plan_force_update(&self.device, self.auto_updates).await
    }
}
