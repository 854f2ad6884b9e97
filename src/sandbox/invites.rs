//! Invitations to share a device. None exist yet: this sandbox cannot create them.

use serde_json::Value;

use super::http::{Call, Outcome, Reply};

/// `GET /device/{deviceId}/device-invites`: no invites is a literal `null`, as on the real service.
pub(crate) fn list_for_device(call: &mut Call<'_>) -> Outcome {
    call.device()?;
    Reply::json(&Value::Null)
}
