//! The name of a device.

use serde::Deserialize;
use serde_json::json;

use super::super::audit::Event;
use super::super::http::{Call, Failure, Outcome, Reply};
use super::store::Devices;

/// The longest label DNS allows.
const MAX_LENGTH: usize = 63;

/// Turns a name into a DNS label: lower case, with dashes for separators, and without other characters.
pub(crate) fn sanitize(name: &str) -> String {
    let label: String = name
        .chars()
        .map(|letter| match letter {
            ' ' | '.' | '@' | '_' => '-',
            _ => letter.to_ascii_lowercase(),
        })
        .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-')
        .collect();
    let cut = label.trim_start_matches('-').get(..MAX_LENGTH).map(str::to_owned);
    cut.unwrap_or(label).trim_matches('-').to_owned()
}

#[derive(Deserialize)]
struct WantedName {
    name: Option<String>,
}

/// `POST /device/{deviceId}/name`: takes a short or a full name; an empty one resets the name to the host
/// name of the operating system.
pub(crate) fn set_name(call: &mut Call<'_>) -> Outcome {
    let device = call.manageable()?;
    let (id, target) = (device.node_id.clone(), device.target());
    let (current, hostname) = (device.name.clone(), device.hostname.clone());
    let WantedName { name } = call.json()?;
    let name = name.ok_or_else(|| Failure::bad_request("name is required"))?;
    let wanted = name.trim().to_lowercase();
    let suffix = &call.state.identity.suffix;
    let wanted = wanted.trim_end_matches('.');
    let base = wanted.strip_suffix(&format!(".{suffix}")).unwrap_or(wanted);
    let label = if wanted.is_empty() {
        free_name(&call.state.devices, &sanitize(&hostname), &current)
    } else {
        sanitize(base)
    };
    if label.is_empty() {
        return Err(Failure::bad_request(format!("invalid device name {wanted:?}")));
    }
    if label == current {
        return Ok(Reply::empty());
    }
    if !call.state.devices.name_is_free(&label) {
        return Err(Failure::bad_request(format!("name {label:?} is already taken")));
    }
    call.state.devices.rename(&id, &label);
    let event = Event::new("UPDATE", target);
    call.record(event.property("MACHINE_NAME", json!(current), json!(label)));
    Ok(Reply::empty())
}

/// The name, or the name with the first free number appended: host names need not be unique.
fn free_name(devices: &Devices, name: &str, current: &str) -> String {
    let is_free = |candidate: &String| candidate == current || devices.name_is_free(candidate);
    let numbered = (1_u32..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}
