//! The IPv4 address of a device.

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde_json::json;

use super::super::audit::Event;
use super::super::http::{Call, Failure, Outcome, Reply};

/// Whether a device may have the address: it is in 100.64.0.0/10, and not in a range that Tailscale or
/// Chrome OS reserves.
pub(crate) fn is_assignable(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let reserved = (second == 100 && (third == 0 || third == 100))
        || (second == 115 && (third == 92 || third == 93));
    first == 100 && (64..128).contains(&second) && !reserved
}

#[derive(Deserialize)]
struct WantedAddress {
    ipv4: Option<String>,
}

/// `POST /device/{deviceId}/ip`: changes the IPv4 address. The new one must be unused.
pub(crate) fn set_ip(call: &mut Call<'_>) -> Outcome {
    let device = call.manageable()?;
    let (id, target, old) = (device.node_id.clone(), device.target(), device.network.ipv4);
    let WantedAddress { ipv4 } = call.json()?;
    let text = ipv4.unwrap_or_default();
    let address: Ipv4Addr =
        text.parse().map_err(|_| Failure::bad_request(format!("invalid IPv4 address {text:?}")))?;
    if !is_assignable(address) {
        let message = format!("{address} is not in the range of addresses of this tailnet");
        return Err(Failure::bad_request(message));
    }
    if address == old {
        return Reply::empty_object();
    }
    if !call.state.devices.address_is_free(address) {
        return Err(Failure::bad_request(format!("{address} is already in use")));
    }
    call.state.devices.readdress(&id, address);
    let event = Event::new("UPDATE", target);
    call.record(event.property("ADDRESS", json!(old), json!(address)));
    Reply::empty_object()
}
