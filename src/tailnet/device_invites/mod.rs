//! Device invites: they share one device with a user of another tailnet. Anybody who has the link
//! of an invite can accept it.

use serde_json::{Value, json};

pub(crate) mod accept;
#[cfg(feature = "server")]
pub(crate) mod tools;

pub use crate::api::types::DeviceInvite;
use crate::{
    Error, Operation,
    change::{Plan, Secrets},
    client::{
        Result,
        call::{self, Call},
    },
    tailnet::{
        devices::Device,
        email,
        resource::{Resource, ResourceSpec, Resources},
        user_invites,
    },
    wire::Secret,
};

pub(crate) const DEVICE_INVITE: &ResourceSpec = &ResourceSpec {
    parameter: "invite",
    names: &["email"],
    make: Some(Operation::CreateDeviceInvites),
    makes_lists: true,
    within: Some("deviceId"),
    remove: Some(Operation::DeleteDeviceInvite),
    once: &["inviteUrl"],
    actions: &[(MAIL, Operation::ResendDeviceInvite)],
    explain: Some(user_invites::of_a_user),
    ..ResourceSpec::new(
        "device invite",
        "deviceInviteId",
        "id",
        Operation::GetDeviceInvite,
        &["deviceId", "multiUse", "allowExitNode", "email"],
    )
};

/// The name of the action that mails an invite again.
const MAIL: &str = "mail_again";

/// Options for sharing a device.
#[derive(Debug, Clone, Default)]
pub struct Share {
    /// Email address to mail the invite to; without one, the invite is only a link.
    pub email: Option<String>,
    /// Whether up to 1000 people can accept the invite.
    pub multi_use: bool,
    /// Whether those who accept may use the device as an exit node.
    pub allow_exit_node: bool,
}

impl Resource for DeviceInvite {
    const SPEC: &'static ResourceSpec = DEVICE_INVITE;
}

/// The device invites of a tailnet: [`get`](Resources::get) reads one by ID
/// (`GET /device-invites/{deviceInviteId}`), and [`plan_delete`](Resources::plan_delete) plans to
/// withdraw one (`DELETE /device-invites/{deviceInviteId}`). The API lists them per device.
pub type DeviceInvites<'a> = Resources<'a, DeviceInvite>;

impl Resources<'_, DeviceInvite> {
    /// Lists the invites of a device (`GET /device/{deviceId}/device-invites`).
    ///
    /// # Errors
    ///
    /// Same as [`Devices::get`](crate::tailnet::devices::Devices::get);
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `device_invites:read`.
    pub async fn list(&self, device: &str) -> Result<Vec<DeviceInvite>> {
        let device = self.tailnet().devices().get(device).await?;
        let records = self.records(device.key()).await?;
        call::typed_list(Operation::ListDeviceInvites, records)
    }

    /// Lists the invites of the device with this ID as JSON.
    pub(crate) async fn records(&self, device: &str) -> Result<Vec<Value>> {
        let path = [("deviceId", device)];
        let call = Call::on(&path);
        let answer = self.tailnet().client().call(Operation::ListDeviceInvites, call).await?;
        let records = call::records(answer, "").into_iter();
        Ok(records.map(|it| DEVICE_INVITE.with_text_for_id(it)).collect())
    }

    /// Plans to share a device (`POST /device/{deviceId}/device-invites`).
    ///
    /// # Errors
    ///
    /// Same as [`Devices::get`](crate::tailnet::devices::Devices::get);
    /// [`Refused`](crate::ErrorKind::Refused) for a shared-in device.
    pub async fn plan_share(&self, device: &str, share: &Share) -> Result<Plan> {
        let email = share.email.as_deref().map(|it| email::check("email", it)).transpose()?;
        let device = self.tailnet().devices().get(device).await?;
        if device.is_shared_in() {
            return Err(Error::refused(
                format!("`{}` is a shared-in device", device.short_name()),
                "only its owner can share it",
            ));
        }
        let name = match &email {
            Some(email) => format!("of {} for {email}", device.short_name()),
            None => format!("of {} by link", device.short_name()),
        };
        let to = json!({
            "deviceId": device.key(),
            "multiUse": share.multi_use,
            "allowExitNode": share.allow_exit_node,
            "email": email,
        });
        let plan = DEVICE_INVITE.plan_make("", &name, &to, Secrets::new());
        Ok(plan.warned(warnings(&device, share)))
    }

    /// Plans to mail an invite again (`POST /device-invites/{deviceInviteId}/resend`). The API
    /// allows this once a minute.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get); [`Refused`](crate::ErrorKind::Refused) for an invite without an
    /// address.
    pub async fn plan_mail(&self, invite: &str) -> Result<Plan> {
        let (id, _) = self.identify(invite).await?;
        let found = DEVICE_INVITE.get(self.tailnet(), &id).await?;
        user_invites::has_address(call::member(&found, "email").is_some())?;
        Ok(DEVICE_INVITE.plan_action(MAIL, &id, &DEVICE_INVITE.name(&found)))
    }

    /// Plans to accept a device invite from another tailnet (`POST /device-invites/-/accept`),
    /// which shares its device into this one. `invite` is the link, or the code at the end of the
    /// link.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `invite` is empty or contains spaces.
    pub fn plan_accept(&self, invite: &Secret) -> Result<Plan> {
        accept::plan(invite)
    }
}

fn warnings(device: &Device, share: &Share) -> Vec<String> {
    let mut warnings = Vec::new();
    if share.email.is_some() {
        warnings.push("the mail with the link cannot be unsent".to_owned());
    }
    if share.multi_use {
        warnings.push("anyone with the link can accept it, up to 1000 people".to_owned());
    }
    if share.allow_exit_node && !device.is_exit_node() {
        warnings.push("the device is not an exit node".to_owned());
    }
    warnings
}
