//! Device tags. A tagged device has no user.

use serde::Deserialize;
use serde_json::json;

use super::super::audit::Event;
use super::super::http::{Call, Failure, Outcome, Reply};
use super::super::policy::tags_refused;
use super::super::state::null_as_default;

#[derive(Deserialize)]
struct WantedTags {
    #[serde(default, deserialize_with = "null_as_default")]
    tags: Vec<String>,
}

/// `POST /device/{deviceId}/tags`: replaces the tags. They must be declared in the policy file, and a
/// tagged device must keep at least one.
pub(crate) fn set_tags(call: &mut Call<'_>) -> Outcome {
    let old = call.manageable()?.tags.clone();
    let WantedTags { mut tags } = call.json()?;
    tags.sort();
    tags.dedup();
    let policy = &call.state.policy;
    let undeclared: Vec<String> =
        tags.iter().filter(|tag| !policy.declares_tag(tag)).cloned().collect();
    if !undeclared.is_empty() {
        return Err(tags_refused(&undeclared));
    }
    if tags.is_empty() && !old.is_empty() {
        return Err(Failure::bad_request("tagged nodes cannot be untagged without reauth"));
    }
    if tags == old {
        return Reply::empty_object();
    }
    let device = call.manageable()?;
    if old.is_empty() {
        device.user = super::TAGGED.into();
        device.key_expiry_disabled = true;
    }
    device.tags.clone_from(&tags);
    let event = Event::new("UPDATE", device.target());
    call.record(event.property("ACL_TAGS", json!(old), json!(tags)));
    Reply::empty_object()
}
