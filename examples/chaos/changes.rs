//! Which change comes next.

use fastrand::Rng;
use serde_json::{Value, json};

/// A call of a tool, and whether everything that it does can be undone.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) tool: &'static str,
    pub(crate) arguments: Value,
}

/// Every which device is only for changes that cannot be undone.
const SACRIFICED: usize = 5;

fn pick<'a>(rng: &mut Rng, items: &[&'a Value]) -> Option<&'a Value> {
    (!items.is_empty()).then(|| items[rng.usize(..items.len())])
}

/// Whether a device is only for changes that cannot be undone.
pub(crate) fn is_sacrificed(device: &Value) -> bool {
    let digits = device["id"].as_str().unwrap_or_default().bytes().map(usize::from).sum::<usize>();
    digits % SACRIFICED == 0
}

/// A random call that fits the state of the sandbox. What cannot be undone happens only to resources that
/// nothing else is done to.
pub(crate) fn next(rng: &mut Rng, state: &Value) -> Call {
    loop {
        if let Some(call) = one(rng, state) {
            return call;
        }
    }
}

fn one(rng: &mut Rng, state: &Value) -> Option<Call> {
    let own = |device: &&Value| device["is_external"] == false;
    let list = |name: &str| state[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let devices: Vec<&Value> = list("devices").iter().filter(own).collect();
    let (sacrificed, kept): (Vec<&Value>, Vec<&Value>) =
        devices.into_iter().partition(|device| is_sacrificed(device));
    let tagged: Vec<&Value> = kept
        .iter()
        .copied()
        .filter(|it| it["tags"] != json!([]) && !it["tags"].is_null())
        .collect();
    let id = |device: &Value| device["node_id"].clone();
    let people: Vec<&Value> = list("users")
        .iter()
        .filter(|it| it["is_shared"] == false && it["role"] != "owner" && it["role"] != "admin")
        .collect();
    let tags = ["tag:web", "tag:db", "tag:prod", "tag:ci", "tag:k8s", "tag:router"];
    let word = format!("{}{}", ["red", "blue", "old", "new"][rng.usize(..4)], rng.u16(..));
    let call = |tool, arguments| Some(Call { tool, arguments });
    match rng.u8(..24) {
        0..=3 => {
            let device = id(pick(rng, &tagged)?);
            call("update_device", json!({ "device": device, "name": word }))
        }
        4 | 5 => {
            let device = id(pick(rng, &tagged)?);
            let tag = tags[rng.usize(..tags.len())];
            call("update_device", json!({ "device": device, "set_tags": [tag] }))
        }
        6 | 7 => {
            let device = id(pick(rng, &kept)?);
            call(
                "set_device_attribute",
                json!({ "device": device, "key": "custom:chaos", "value": word }),
            )
        }
        8 => {
            let with = |it: &&&Value| it["attributes"].get("custom:chaos").is_some();
            let set: Vec<&Value> = kept.iter().filter(with).copied().collect();
            let device = id(pick(rng, &set)?);
            call("delete_device_attribute", json!({ "device": device, "key": "custom:chaos" }))
        }
        9 => call("authorize_device", json!({ "device": id(pick(rng, &kept)?) })),
        10 => {
            let device = id(pick(rng, &kept)?);
            call("revoke_device", json!({ "device": device, "how": "deauthorize" }))
        }
        11 => call("set_search_paths", json!({ "search_paths": [format!("{word}.example.com")] })),
        12 => {
            let domain = format!("zone{}.example.com", rng.u8(..6));
            let server = format!("203.0.113.{}", rng.u8(1..250));
            call("add_dns_route", json!({ "domain": domain, "nameservers": [server] }))
        }
        13 => {
            let zones = state["dns"]["split"].as_object()?;
            let ours: Vec<&String> = zones.keys().filter(|it| it.starts_with("zone")).collect();
            let domain = (!ours.is_empty()).then(|| ours[rng.usize(..ours.len())])?;
            call("remove_dns_route", json!({ "domain": domain }))
        }
        14 => {
            let servers = [format!("203.0.113.{}", rng.u8(1..250)), "9.9.9.9".to_owned()];
            call("configure_nameservers", json!({ "nameservers": servers }))
        }
        15 => {
            let days = rng.u8(30..170);
            call("update_tailnet_settings", json!({ "devices_key_duration_days": days }))
        }
        16 => {
            let user = pick(rng, &people)?["login_name"].clone();
            let role = ["member", "auditor", "it-admin", "network-admin"][rng.usize(..4)];
            call("set_user_role", json!({ "user": user, "role": role }))
        }
        17 => {
            let user = pick(rng, &people)?;
            let tool = if rng.bool() { "suspend_user" } else { "restore_user" };
            call(tool, json!({ "user": user["login_name"] }))
        }
        18 => {
            let host = format!("chaos-{}", rng.u8(..9));
            let address = format!("10.9.{}.{}", rng.u8(..), rng.u8(1..250));
            let edit = json!({ "op": "set", "section": "hosts", "name": host, "value": address });
            call("update_acl_policy", json!({ "edits": [edit] }))
        }
        19 => {
            let several: Vec<Value> =
                tagged.iter().take(rng.usize(2..6)).map(|it| id(it)).collect();
            let tag = tags[rng.usize(..tags.len())];
            let on_failure = ["continue", "stop", "undo"][rng.usize(..3)];
            let arguments = json!({
                "devices": several, "tags": [tag], "on_failure": on_failure,
            });
            call(if rng.bool() { "add_tags" } else { "remove_tags" }, arguments)
        }
        20 => {
            let service = "svc:orders-db";
            call("services_update", json!({ "service": service, "comment": word }))
        }
        21 => {
            call("create_key", json!({ "kind": "auth", "tags": ["tag:ci"], "description": word }))
        }
        22 => call(
            "create_webhook",
            json!({ "url": format!("https://hooks.example.com/{word}"), "subscriptions": ["nodeCreated"] }),
        ),
        _ if rng.u8(..20) == 0 => {
            let device = id(pick(rng, &sacrificed)?);
            call("revoke_device", json!({ "device": device, "how": "remove" }))
        }
        _ => call("expire_device_key", json!({ "device": id(pick(rng, &sacrificed)?) })),
    }
}
