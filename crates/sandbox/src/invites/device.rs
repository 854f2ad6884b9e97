//! Device invites. Only users can create them, since a shared device is shared by somebody.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::audit::{Event, Target};
use super::super::clock::whole_seconds;
use super::super::http::{Call, Failure, Outcome, Reply};
use super::super::ids;
use super::super::state::{State, null_as_default};
use super::{check_email, check_resend};

/// How often a multi-use invite can be accepted.
const MAX_ACCEPTED: usize = 1000;

/// An invite to share a device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeviceInvite {
    pub(super) id: String,
    created: Timestamp,
    pub(super) device_id: String,
    pub(super) sharer_id: String,
    multi_use: bool,
    pub(super) allow_exit_node: bool,
    email: String,
    sent: Option<Timestamp>,
    pub(super) code: String,
    /// The users who accepted it: ID and login name.
    pub(super) accepted: BTreeSet<(String, String)>,
}

impl DeviceInvite {
    pub(super) fn target(&self) -> Target {
        Target::invite(&self.id, &self.email)
    }

    /// Whether the invite can still be accepted.
    pub(super) fn is_open(&self) -> bool {
        self.accepted.len() < if self.multi_use { MAX_ACCEPTED } else { 1 }
    }

    /// The invite as the API returns it. IDs are numbers in strings, where the API documentation has
    /// integers, and no stable IDs.
    fn wire(&self, state: &State) -> Value {
        let device = state.devices.get(&self.device_id);
        let mut value = json!({
            "id": self.id,
            "created": self.created,
            "tailnetId": ids::numeric(&state.identity.id),
            "deviceId": device.map_or(self.device_id.as_str(), |device| &device.id),
            "sharerId": ids::numeric(&self.sharer_id),
            "multiUse": self.multi_use,
            "allowExitNode": self.allow_exit_node,
            "inviteUrl": format!("https://login.tailscale.com/admin/invite/{}", self.code),
            "accepted": !self.accepted.is_empty(),
        });
        if let Some(fields) = value.as_object_mut() {
            if !self.email.is_empty() {
                fields.insert("email".to_owned(), json!(self.email));
            }
            if let Some(sent) = self.sent {
                fields.insert("lastEmailSentAt".to_owned(), json!(sent));
            }
            if let Some((id, login)) = self.accepted.first() {
                let by = json!({ "id": ids::numeric(id), "loginName": login, "profilePicUrl": "" });
                fields.insert("acceptedBy".to_owned(), by);
            }
        }
        value
    }
}

impl Call<'_> {
    /// The invite in the path. An invite whose device was removed counts as removed.
    fn device_invite(&mut self) -> Result<&mut DeviceInvite, Failure> {
        let id = self.param("deviceInviteId");
        let devices = &self.state.devices;
        let found = self.state.device_invites.iter_mut().find(|invite| invite.id == id);
        let found = found.filter(|invite| devices.get(&invite.device_id).is_some());
        found.ok_or_else(|| Failure::not_found("invite not found"))
    }
}

/// `GET /device/{deviceId}/device-invites`: `null` if there are none, as in the real API.
pub(crate) fn list_for_device(call: &mut Call<'_>) -> Outcome {
    let device = &call.device()?.node_id;
    let own = call.state.device_invites.iter().filter(|invite| invite.device_id == *device);
    let invites: Vec<Value> = own.map(|it| it.wire(call.state)).collect();
    Reply::json(&Some(invites).filter(|invites| !invites.is_empty()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default, deserialize_with = "null_as_default")]
    multi_use: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    allow_exit_node: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    email: String,
}

/// `POST /device/{deviceId}/device-invites`: creates all invites in the list, or none.
pub(crate) fn create_for_device(call: &mut Call<'_>) -> Outcome {
    let device = call.device()?;
    if device.is_external {
        return Err(Failure::not_found("no manageable device matching this ID found"));
    }
    let device_id = device.node_id.clone();
    let wanted: Vec<Wanted> = call.json_list()?;
    wanted.iter().try_for_each(|it| check_email(&it.email))?;
    let now = whole_seconds(call.now);
    let sharer_id = call.principal.user_id.clone().unwrap_or_default();
    let mut made = Vec::new();
    for Wanted { multi_use, allow_exit_node, email } in wanted {
        let rng = &mut call.state.rng;
        made.push(DeviceInvite {
            id: rng.u64(100_000..1_000_000_000).to_string(),
            created: now,
            device_id: device_id.clone(),
            sharer_id: sharer_id.clone(),
            multi_use,
            allow_exit_node,
            sent: Some(now).filter(|_| !email.is_empty()),
            email,
            code: ids::letters(rng, 24),
            accepted: BTreeSet::new(),
        });
    }
    let event = |it: &DeviceInvite| {
        Event::new("CREATE", it.target()).property("NODE_SHARE", Value::Null, json!(it.device_id))
    };
    call.record_all(made.iter().map(event).collect());
    let answer: Vec<Value> = made.iter().map(|it| it.wire(call.state)).collect();
    call.state.device_invites.extend(made);
    Reply::json(&answer)
}

/// `GET /device-invites/{deviceInviteId}`.
pub(crate) fn get_device(call: &mut Call<'_>) -> Outcome {
    let invite = call.device_invite()?.clone();
    Reply::json(&invite.wire(call.state))
}

/// `DELETE /device-invites/{deviceInviteId}`.
pub(crate) fn delete_device(call: &mut Call<'_>) -> Outcome {
    let invite = call.device_invite()?.clone();
    call.state.device_invites.retain(|kept| kept.id != invite.id);
    let event = Event::new("DELETE", invite.target());
    call.record(event.property("NODE_SHARE", json!(invite.device_id), Value::Null));
    Ok(Reply::empty())
}

/// `POST /device-invites/{deviceInviteId}/resend`.
pub(crate) fn resend_device(call: &mut Call<'_>) -> Outcome {
    let now = call.now;
    let invite = call.device_invite()?;
    check_resend(&invite.email, invite.sent, now)?;
    invite.sent = Some(whole_seconds(now));
    let event = Event::new("RESEND", invite.target());
    call.record(event.property("NODE_SHARE", Value::Null, Value::Null));
    Ok(Reply::empty())
}
