//! Tools for device invites.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{DeviceInvite, Share};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tailnet::resource::tools::{DeleteOne, GetOne, Tools, Words},
    tool::{Edit, List, Page, Part, Toolset, edit, list, query, row},
    wire::Secret,
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "device_invites",
    about: "Shares: invitations to use one device from another tailnet.",
    instructions: "Sharing, resending and accepting need a user's API access token.",
    default: false,
    tools: &[
        list::<ListDeviceInvites>(),
        query::<GetOne<DeviceInvite>>(),
        edit::<ShareDevice>(),
        edit::<ResendDeviceInvite>(),
        edit::<DeleteOne<DeviceInvite>>(),
        edit::<AcceptDeviceInvite>(),
    ],
};

/// The fields to show of an invite. The link is a secret.
const FIELDS: &[&str] = &[
    "id",
    "created",
    "deviceId",
    "sharerId",
    "multiUse",
    "allowExitNode",
    "email",
    "lastEmailSentAt",
    "accepted",
    "acceptedBy",
];

/// List the invites to use a device.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListDeviceInvites {
    /// Device name, start of name, ID or IP.
    device: String,
}

impl List for ListDeviceInvites {
    const NAME: &'static str = "list_device_invites";
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListTailnetDevices, Operation::GetDevice, Operation::ListDeviceInvites];
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        let all = tailnet.device_invites().list(&self.device).await?;
        let rows: Vec<_> = all.iter().map(|it| row(it, FIELDS)).collect();
        Page::of("invites", &rows, &part)
    }
}

impl Tools for DeviceInvite {
    const TAKES: &'static str = "ID of the invite.";
    const GET: Words = ("get_device_invite", "Show one invite to use a device.");
    const DELETE: Words =
        ("delete_device_invite", "Withdraw an invite to use a device; its link stops working.");
}

/// Invite someone to use a device from their own tailnet; the link is shown once.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ShareDevice {
    /// Device name, start of name, ID or IP.
    device: String,
    /// Email address to send the link to.
    email: Option<String>,
    /// Up to 1000 users may accept it.
    #[serde(default)]
    multi_use: bool,
    /// Also allow it as an exit node.
    #[serde(default)]
    allow_exit_node: bool,
}

impl Edit for ShareDevice {
    const NAME: &'static str = "share_device";
    // It gives people outside the tailnet access.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListTailnetDevices, Operation::GetDevice, Operation::CreateDeviceInvites];
    // Tailscale's OpenAPI document names no scope for creating an invite.
    const SCOPES: &'static [&'static str] = &["devices:core:read", "device_invites"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let Self { device, email, multi_use, allow_exit_node } = self;
        let share = Share { email, multi_use, allow_exit_node };
        tailnet.device_invites().plan_share(&device, &share).await
    }
}

/// Resend (email) an invite to use a device, at most once a minute.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ResendDeviceInvite {
    /// ID of the invite.
    invite: String,
}

impl Edit for ResendDeviceInvite {
    const NAME: &'static str = "resend_device_invite";
    // An email that was sent cannot be recalled.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetDeviceInvite, Operation::ResendDeviceInvite];
    const SCOPES: &'static [&'static str] = &["device_invites"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.device_invites().plan_mail(&self.invite).await
    }
}

/// Accept a device invite (share) from another tailnet.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AcceptDeviceInvite {
    /// Invite link or its code (required).
    // Not required by the schema: the log names the first parameter that is, and this is a secret.
    #[serde(default)]
    invite: Secret,
}

impl Edit for AcceptDeviceInvite {
    const NAME: &'static str = "accept_device_invite";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[Operation::AcceptDeviceInvite];
    const SCOPES: &'static [&'static str] = &["device_invites"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.device_invites().plan_accept(&self.invite)
    }
}
