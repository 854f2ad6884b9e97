//! Subnet routes and exit nodes.

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::json;

use super::super::audit::Event;
use super::super::http::{Call, Failure, Outcome, Reply};
use super::super::state::null_as_default;
use super::device::Device;

#[derive(Deserialize)]
struct WantedRoutes {
    #[serde(default, deserialize_with = "null_as_default")]
    routes: Vec<String>,
}

/// `GET /device/{deviceId}/routes`.
pub(crate) fn get_routes(call: &mut Call<'_>) -> Outcome {
    reply(call.device()?)
}

/// `POST /device/{deviceId}/routes`: replaces the approved routes. A route may be approved before the
/// device advertises it.
pub(crate) fn set_routes(call: &mut Call<'_>) -> Outcome {
    call.manageable()?;
    let WantedRoutes { mut routes } = call.json()?;
    if let Some(bad) = routes.iter().find(|route| !is_prefix(route)) {
        return Err(Failure::bad_request(format!("invalid route {bad:?}")));
    }
    routes.sort();
    routes.dedup();
    let device = call.manageable()?;
    let old = std::mem::replace(&mut device.enabled_routes, routes);
    let new = json!(device.enabled_routes);
    let (changed, target) = (json!(old) != new, device.target());
    if changed {
        call.record(Event::new("UPDATE", target).property("ALLOWED_IPS", json!(old), new));
    }
    reply(call.manageable()?)
}

fn reply(device: &Device) -> Outcome {
    Reply::json(&json!({
        "advertisedRoutes": device.advertised_routes,
        "enabledRoutes": device.enabled_routes,
    }))
}

/// Whether a text is an IP prefix without host bits.
fn is_prefix(text: &str) -> bool {
    text.parse::<IpNet>().is_ok_and(|prefix| prefix == prefix.trunc())
}
