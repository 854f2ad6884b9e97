//! Filters of the device list: `property=value`, compared exactly. A list property must contain the value,
//! so repeated parameters require all of their values.

use jiff::Timestamp;

use super::super::http::Failure;
use super::device::Device;

/// Properties that are objects, which the API cannot filter by.
const OBJECTS: &[&str] = &["clientConnectivity", "postureIdentity", "distro"];

/// Properties that can be filtered by.
const PROPERTIES: &[&str] = &[
    "addresses",
    "id",
    "nodeId",
    "user",
    "name",
    "hostname",
    "clientVersion",
    "updateAvailable",
    "os",
    "created",
    "connectedToControl",
    "lastSeen",
    "keyExpiryDisabled",
    "expires",
    "authorized",
    "isExternal",
    "multipleConnections",
    "machineKey",
    "nodeKey",
    "blocksIncomingConnections",
    "enabledRoutes",
    "advertisedRoutes",
    "tags",
    "tailnetLockError",
    "tailnetLockKey",
    "sshEnabled",
    "isEphemeral",
];

/// Rejects filters on properties that do not exist or are objects.
pub(crate) fn check(filters: &[(&str, &str)]) -> Result<(), Failure> {
    let refused = filters.iter().find(|(name, _)| !PROPERTIES.contains(name));
    refused.map_or(Ok(()), |(name, _)| {
        let reason = if OBJECTS.contains(name) { "is not supported" } else { "does not exist" };
        Err(Failure::bad_request(format!("invalid filter: the property {name:?} {reason}")))
    })
}

/// Whether a property of the device has the value, or contains it.
pub(crate) fn matches(device: &Device, name: &str, value: &str, now: Timestamp) -> bool {
    let flag = |actual: bool| value == if actual { "true" } else { "false" };
    let one_of = |list: &[String]| list.iter().any(|item| item == value);
    let own = !device.is_external;
    match name {
        "addresses" => device.addresses().iter().any(|address| address.to_string() == value),
        "id" => device.id == value,
        "nodeId" => device.node_id == value,
        "user" => &*device.user == value,
        "name" => device.full_name() == value,
        "hostname" => device.hostname == value,
        "os" => device.hardware.os == value,
        "clientVersion" => own && device.hardware.client_version == value,
        "updateAvailable" => flag(own && device.hardware.update_available),
        "connectedToControl" => flag(device.is_connected(now)),
        "keyExpiryDisabled" => flag(device.key_expiry_disabled),
        "authorized" => flag(device.authorized),
        "isExternal" => flag(!own),
        "isEphemeral" => flag(device.is_ephemeral),
        "multipleConnections" => flag(device.multiple_connections),
        "blocksIncomingConnections" => flag(device.blocks_incoming),
        "sshEnabled" => flag(device.ssh_enabled),
        "tags" => one_of(&device.tags),
        "enabledRoutes" => one_of(&device.enabled_routes),
        "advertisedRoutes" => one_of(&device.advertised_routes),
        _ => as_sent(device, name, now) == value,
    }
}

/// The property as text, taken from the device's JSON; for properties that are rarely filtered by.
fn as_sent(device: &Device, name: &str, now: Timestamp) -> String {
    let sent = serde_json::to_value(super::wire(device, now, false)).unwrap_or_default();
    sent.get(name).and_then(|text| text.as_str()).unwrap_or_default().to_owned()
}
