//! The sandbox's own endpoints below `/_sandbox/`, which are not part of the Tailscale API: faults, the
//! clock, and the stored state.
//!
//! They need no authentication: there is nothing real to protect. Web pages are refused before.

use std::time::Duration;

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Sandbox;
use super::devices::DeviceState;
use super::faults::Fault;
use super::http::{Failure, Outcome, Reply};
use super::saved;
use super::server::Server;

/// Answers a request for a path below `/_sandbox/`.
pub(crate) fn answer(server: &Server, method: &Method, path: &str, body: &[u8]) -> Outcome {
    match (method.as_str(), path) {
        ("GET", "faults") => Reply::json(&json!({ "faults": server.faults().list() })),
        ("POST", "faults") => add_faults(server, body),
        ("DELETE", "faults") => {
            server.faults().clear();
            Ok(Reply::empty())
        }
        ("GET", "clock") => Reply::json(&json!({ "now": server.tailnets().now() })),
        ("POST", "clock") => advance(server, body),
        ("POST", "reset") => {
            server.tailnets().reset();
            Ok(Reply::empty())
        }
        ("GET", "state") => Ok(Reply {
            content_type: "application/json",
            body: saved::write(&server.tailnets()).map_err(failed)?,
            ..Reply::empty()
        }),
        ("PUT", "state") => {
            let list = saved::read(body).map_err(failed)?;
            server.tailnets().list = list;
            Ok(Reply::empty())
        }
        ("GET", "tailnets") => tailnets(server),
        ("POST", path) if path.starts_with("devices/") => {
            set_device(server, path.trim_start_matches("devices/"), body)
        }
        (_, "faults" | "clock" | "reset" | "state" | "tailnets") => {
            Err(Failure::new(405, "method not allowed"))
        }
        (_, path) if path.starts_with("devices/") => Err(Failure::new(405, "method not allowed")),
        _ => Err(Failure::not_found("not found")),
    }
}

fn failed(reason: String) -> Failure {
    Failure::bad_request(reason)
}

/// Adds a fault or a list of faults. If one is invalid, none is added.
fn add_faults(server: &Server, body: &[u8]) -> Outcome {
    let value: Value = serde_json::from_slice(body).map_err(|error| failed(error.to_string()))?;
    let list = match value {
        Value::Array(list) => list,
        one => vec![one],
    };
    let faults: Vec<Fault> =
        list.iter().map(Fault::read).collect::<Result<_, _>>().map_err(failed)?;
    let mut known = server.faults();
    for fault in faults {
        known.add(fault);
    }
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: u32,
}

fn advance(server: &Server, body: &[u8]) -> Outcome {
    let Advance { advance_seconds } =
        serde_json::from_slice(body).map_err(|error| failed(error.to_string()))?;
    let mut tailnets = server.tailnets();
    for state in &mut tailnets.list {
        state.clock.advance(Duration::from_secs(advance_seconds.into()));
    }
    Reply::json(&json!({ "now": tailnets.now() }))
}

/// Changes what happens to a device outside of the API.
fn set_device(server: &Server, id: &str, body: &[u8]) -> Outcome {
    let state: DeviceState =
        serde_json::from_slice(body).map_err(|error| failed(error.to_string()))?;
    if server.tailnets().set_device(id, &state) {
        Ok(Reply::empty())
    } else {
        Err(Failure::not_found("no device has this ID"))
    }
}

/// Lists the tailnets with their credentials. The secrets are made up, and printed at startup.
fn tailnets(server: &Server) -> Outcome {
    let tailnets = server.tailnets();
    let all = tailnets.list.iter().map(|state| {
        let credentials = Sandbox::credentials(&state.identity.name);
        json!({
            "name": state.identity.name,
            "id": state.identity.id,
            "devices": state.devices.iter().count(),
            "apiKey": credentials.api_key,
            "oauthClientId": credentials.oauth_client_id,
            "oauthClientSecret": credentials.oauth_client_secret,
        })
    });
    Reply::json(&json!({ "tailnets": all.collect::<Vec<_>>() }))
}
