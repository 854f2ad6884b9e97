//! Tools that approve, deauthorize or remove several devices, and one that cuts off a compromised one.

use schemars::JsonSchema;
use serde::Deserialize;

use super::duration;
use crate::{
    Operation, Tailnet,
    change::{OnFailure, Plan, Risk},
    client::Result,
    tailnet::devices::{DeviceSelector, Filter, Revocation, name::with_prefix},
    tool::Edit,
};

/// What only affects notes and what is left out may be unreadable.
const SCOPES: &[&str] = &["devices:core"];

/// A tool's input that selects devices, by name or by filters. A flattened struct would do, but errors would
/// not name the parameter any more.
macro_rules! selection {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $more:ident,)? }) => {
        $(#[$about])*
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(default)]
        pub(crate) struct $name {
            /// Full names, IDs or IPs; not together with filters.
            devices: Vec<String>,
            /// Part of the device name.
            name: Option<String>,
            /// Operating system, such as `linux`.
            os: Option<String>,
            /// Part of the owner's login name.
            user: Option<String>,
            /// Devices with all of these tags.
            tags: Vec<String>,
            /// Devices with at least one of these tags.
            tags_any: Vec<String>,
            $($(#[$doc])* $more: Option<String>,)?
            /// What to do after a device fails.
            on_failure: OnFailure,
        }

        impl $name {
            fn selector(self) -> Result<(DeviceSelector, OnFailure)> {
                let full = |tags: &[String]| tags.iter().map(|tag| with_prefix(tag)).collect();
                let filter = Filter {
                    name: self.name,
                    os: self.os,
                    user: self.user,
                    all_tags: full(&self.tags),
                    any_tags: full(&self.tags_any),
                    $($more: self.$more.map(|it| duration("silent_for", &it)).transpose()?,)?
                    ..Filter::default()
                };
                Ok((DeviceSelector::new(self.devices, filter), self.on_failure))
            }
        }
    };
}

selection! {
    /// Approve (authorize) several devices that need device approval, as one change.
    ApproveDevices {}
}

impl Edit for ApproveDevices {
    const NAME: &'static str = "approve_devices";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListTailnetDevices, Operation::GetDevice, Operation::AuthorizeDevice];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let (which, on_failure) = self.selector()?;
        tailnet.devices().plan_approve(&which, on_failure).await
    }
}

selection! {
    /// Deauthorize several devices as one change; a filter leaves out those in use.
    DeauthorizeDevices {
        /// Only devices not seen for this long, such as `30d`.
        silent_for,
    }
}

impl Edit for DeauthorizeDevices {
    const NAME: &'static str = "deauthorize_devices";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::ListServices,
        Operation::ListServiceHosts,
        Operation::ListDeviceInvites,
        Operation::GetDevice,
        Operation::AuthorizeDevice,
    ];
    const SCOPES: &'static [&'static str] = SCOPES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let (which, on_failure) = self.selector()?;
        tailnet.devices().plan_revoke(&which, Revocation::Deauthorize, on_failure).await
    }
}

selection! {
    /// Remove (delete) several devices as one change; a filter leaves out those in use.
    RemoveDevices {
        /// Only devices not seen for this long, such as `30d`.
        silent_for,
    }
}

impl Edit for RemoveDevices {
    const NAME: &'static str = "remove_devices";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::ListServices,
        Operation::ListServiceHosts,
        Operation::ListDeviceInvites,
        Operation::GetDevice,
        Operation::DeleteDevice,
    ];
    const SCOPES: &'static [&'static str] = SCOPES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let (which, on_failure) = self.selector()?;
        tailnet.devices().plan_revoke(&which, Revocation::Remove, on_failure).await
    }
}

/// Quarantine a compromised device: deauthorize it, expire its key, and show what it could reach.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct QuarantineDevice {
    /// Full device name, ID or IP.
    device: String,
}

impl Edit for QuarantineDevice {
    const NAME: &'static str = "quarantine_device";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::GetDevice,
        Operation::GetPolicyFile,
        Operation::ListUsers,
        Operation::ListTailnetKeys,
        Operation::AuthorizeDevice,
        Operation::UpdateDeviceKey,
        Operation::ExpireDeviceKey,
    ];
    const SCOPES: &'static [&'static str] = SCOPES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.devices().plan_quarantine(&self.device).await
    }
}
