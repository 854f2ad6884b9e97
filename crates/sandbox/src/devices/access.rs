//! Device approval and node key expiry.

use serde::Deserialize;
use serde_json::json;

use super::super::audit::Event;
use super::super::clock::whole_seconds;
use super::super::http::{Call, Failure, Outcome, Reply};

/// `POST /device/{deviceId}/expire`: the device has to reauthenticate. This cannot be undone.
pub(crate) fn expire(call: &mut Call<'_>) -> Outcome {
    let now = whole_seconds(call.now);
    let device = call.manageable()?;
    device.disconnect(now);
    device.key_expiry_disabled = false;
    let old = std::mem::replace(&mut device.expires, now);
    let event = Event::new("UPDATE", device.target());
    call.record(event.property("KEY_EXPIRY_TIME", json!(old), json!(now)));
    Ok(Reply::empty())
}

#[derive(Deserialize)]
struct Authorization {
    authorized: Option<bool>,
}

/// `POST /device/{deviceId}/authorized`: approves the device, or deauthorizes it if false.
pub(crate) fn authorize(call: &mut Call<'_>) -> Outcome {
    let now = call.now;
    let device = call.manageable()?.target();
    let Authorization { authorized } = call.json()?;
    let authorized = authorized.ok_or_else(|| Failure::bad_request("authorized is required"))?;
    let stored = call.manageable()?;
    if stored.authorized != authorized {
        if stored.is_connected(now) {
            stored.seen = Some(whole_seconds(now));
        }
        stored.authorized = authorized;
        call.record(Event::new(if authorized { "APPROVE" } else { "REVOKE" }, device));
    }
    Reply::empty_object()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyExpiry {
    key_expiry_disabled: Option<bool>,
}

/// `POST /device/{deviceId}/key`: the expiry time is kept while expiry is disabled, and applies again
/// afterwards, even if it has passed by then.
pub(crate) fn set_key(call: &mut Call<'_>) -> Outcome {
    call.manageable()?;
    let KeyExpiry { key_expiry_disabled } = call.json()?;
    let disabled =
        key_expiry_disabled.ok_or_else(|| Failure::bad_request("keyExpiryDisabled is required"))?;
    let device = call.manageable()?;
    if device.key_expiry_disabled != disabled {
        device.key_expiry_disabled = disabled;
        let action = if disabled { "DISABLE" } else { "ENABLE" };
        let event = Event::new(action, device.target());
        call.record(event.property("KEY_EXPIRY", json!(disabled), json!(!disabled)));
    }
    Reply::empty_object()
}
