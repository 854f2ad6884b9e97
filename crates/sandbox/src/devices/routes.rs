//! Subnet routes and exit nodes.

use std::collections::BTreeSet;

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

/// `POST /device/{deviceId}/routes`: replaces the approved routes, and returns them sorted by address, then
/// by prefix length. A route may be approved before the device advertises it.
pub(crate) fn set_routes(call: &mut Call<'_>) -> Outcome {
    call.manageable()?;
    let WantedRoutes { routes } = call.json()?;
    let routes = sorted(&routes)?;
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

/// The routes in the order of their addresses, IPv4 first, without duplicates. Fails if one is not an IP
/// prefix without host bits.
fn sorted(routes: &[String]) -> Result<Vec<String>, Failure> {
    let parse = |route: &String| {
        let prefix = route.parse::<IpNet>().ok().filter(|prefix| *prefix == prefix.trunc());
        prefix.ok_or_else(|| Failure::bad_request(format!("invalid route {route:?}")))
    };
    let prefixes: BTreeSet<IpNet> = routes.iter().map(parse).collect::<Result<_, _>>()?;
    Ok(prefixes.iter().map(IpNet::to_string).collect())
}
