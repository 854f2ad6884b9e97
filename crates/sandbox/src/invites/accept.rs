//! Accepting a device invite: a device of another tailnet in this sandbox is shared into the caller's.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::super::audit::{Event, Target};
use super::super::devices::Device;
use super::super::http::{Call, Failure, Outcome, Reply};
use super::super::ids;
use super::super::state::State;
use super::super::users::User;

#[derive(Deserialize)]
struct Wanted {
    invite: Option<String>,
}

/// `POST /device-invites/-/accept`: takes the link of an invite, or its code.
pub(crate) fn accept(call: &mut Call<'_>) -> Outcome {
    let Wanted { invite } = call.json()?;
    let link = invite.unwrap_or_default();
    let code = link.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let user_id = call.principal.user_id.clone().unwrap_or_default();
    let user = call.state.users.get(&user_id).cloned().ok_or_else(Failure::forbidden)?;
    if call.state.device_invites.iter().any(|invite| invite.code == code) {
        return Err(Failure::bad_request("the device is in this tailnet already"));
    }
    let mut abroad = call.abroad.iter_mut().flat_map(|some| some.iter_mut());
    let share = abroad.find_map(|state| take(state, code, &user));
    let Share { mut device, sharer, exit_node } =
        share.ok_or_else(|| Failure::bad_request("invalid or expired invite"))?;
    device.user = Arc::clone(&sharer.login_name);
    let answer = json!({
        "device": {
            "id": device.node_id,
            "os": device.hardware.os,
            "name": device.name,
            "fqdn": device.full_name(),
            "ipv4": device.network.ipv4,
            "ipv6": device.network.ipv6,
            "includeExitNode": exit_node,
        },
        "sharer": profile(&sharer),
        "acceptedBy": profile(&user),
    });
    let event = Event::new("ACCEPT", Target::invite(code, &device.full_name()));
    if call.state.users.iter().all(|known| known.login_name != sharer.login_name) {
        call.state.users.insert(User { is_shared: true, ..sharer });
    }
    if call.state.devices.get(&device.node_id).is_none() {
        call.state.devices.insert(device);
    }
    call.record(event.property("NODE_SHARE", serde_json::Value::Null, json!(user.login_name)));
    Reply::json(&answer)
}

/// A device being shared, and who shares it.
struct Share {
    device: Device,
    sharer: User,
    exit_node: bool,
}

/// Accepts the open invite with this code in the given tailnet, if there is one.
fn take(state: &mut State, code: &str, by: &User) -> Option<Share> {
    let invite = state.device_invites.iter_mut().find(|it| it.code == code && it.is_open())?;
    let original = state.devices.get(&invite.device_id)?;
    let sharer = state.users.get(&invite.sharer_id)?.clone();
    invite.accepted.insert((by.id.clone(), by.login_name.to_string()));
    let mut device = original.clone();
    device.is_external = true;
    device.key_expiry_disabled = true;
    // A shared-in device is an exit node only if the invite allows it, and has no subnet routes.
    device.tags.clear();
    device.attributes.clear();
    device
        .advertised_routes
        .retain(|route| invite.allow_exit_node && matches!(route.as_str(), "0.0.0.0/0" | "::/0"));
    device.enabled_routes.clone_from(&device.advertised_routes);
    Some(Share { device, sharer, exit_node: invite.allow_exit_node })
}

fn profile(user: &User) -> serde_json::Value {
    json!({
        "id": ids::numeric(&user.id),
        "displayName": user.display_name,
        "loginName": user.login_name,
        "profilePicURL": "",
    })
}
