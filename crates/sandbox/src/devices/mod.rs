//! Devices and the 15 operations on them.

mod access;
mod address;
mod attributes;
mod device;
mod filter;
mod join;
mod name;
mod outside;
mod routes;
mod schedule;
mod store;
mod tags;
mod wire;

use serde::Serialize;

use super::audit::Event;
use super::http::{Call, Failure, Outcome, Reply};

pub(crate) use access::{authorize, expire, set_key};
pub(crate) use address::{is_assignable, set_ip};
pub(crate) use attributes::{
    AttributeTypes, batch_set_attributes, delete_attribute, get_attributes, set_attribute,
};
pub(crate) use device::{Attribute, AttributeValue, Device, Hardware, Network, Relay};
pub(crate) use name::{sanitize, set_name};
pub use outside::DeviceState;
pub(crate) use routes::{get_routes, set_routes};
pub(crate) use store::Devices;
pub(crate) use tags::set_tags;
pub(crate) use wire::wire;

/// The user that the API reports for a tagged device.
pub(crate) const TAGGED: &str = "tagged-devices";

impl Call<'_> {
    /// The device in the path, by node ID or legacy ID.
    pub(crate) fn device(&self) -> Result<&Device, Failure> {
        let found = self.state.devices.get(&self.param("deviceId"));
        found.ok_or_else(|| Failure::not_found("device not found"))
    }

    /// The device in the path, unless it is shared in from another tailnet.
    fn manageable(&mut self) -> Result<&mut Device, Failure> {
        let id = self.param("deviceId");
        manageable(&mut self.state.devices, &id)
    }

    fn all_fields(&self) -> Result<bool, Failure> {
        match self.query("fields").unwrap_or_default() {
            "all" => Ok(true),
            "" | "default" => Ok(false),
            other => Err(Failure::bad_request(format!("invalid value for fields: {other:?}"))),
        }
    }
}

/// A device of this tailnet. For a shared-in device, the response is the same as if it did not exist.
fn manageable<'d>(devices: &'d mut Devices, id: &str) -> Result<&'d mut Device, Failure> {
    let found = devices.get_mut(id).filter(|device| !device.is_external);
    found.ok_or_else(|| Failure::not_found("no manageable device matching this ID found"))
}

/// `GET /tailnet/{tailnet}/devices`: any query parameter other than `fields` is an exact-match filter.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let all_fields = call.all_fields()?;
    let filters: Vec<(&str, &str)> = call
        .query
        .iter()
        .filter(|(name, _)| name != "fields")
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    filter::check(&filters)?;
    let devices = call.state.devices.iter().filter(|device| {
        filters.iter().all(|(name, value)| filter::matches(device, name, value, call.now))
    });
    let devices: Vec<_> = devices.map(|device| wire(device, call.now, all_fields)).collect();
    Reply::json(&DeviceList { devices })
}

#[derive(Serialize)]
struct DeviceList<T> {
    devices: Vec<T>,
}

/// `GET /device/{deviceId}`.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let all_fields = call.all_fields()?;
    Reply::json(&wire(call.device()?, call.now, all_fields))
}

/// `DELETE /device/{deviceId}`: a shared-in device cannot be deleted.
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let device = call.device()?;
    if device.is_external {
        return Err(Failure::new(501, "device not owned by tailnet"));
    }
    let (id, target) = (device.node_id.clone(), device.target());
    call.state.devices.remove(&id);
    call.record(Event::new("DELETE", target));
    Ok(Reply::empty())
}
