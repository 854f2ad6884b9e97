//! Which change comes next.

use fastrand::Rng;
use serde_json::{Value, json};

/// A call of a tool.
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
    match rng.u8(..24) {
        0..=11 => of_device(rng, state),
        12..=15 => of_dns(rng, state),
        16 | 17 => of_user(rng, state),
        18..=22 => Some(of_others(rng)),
        _ => for_good(rng, state),
    }
}

fn call(tool: &'static str, arguments: Value) -> Call {
    Call { tool, arguments }
}

fn word(rng: &mut Rng) -> String {
    format!("{}{}", ["red", "blue", "old", "new"][rng.usize(..4)], rng.u16(..))
}

fn list<'a>(state: &'a Value, name: &str) -> Vec<&'a Value> {
    state[name].as_array().into_iter().flatten().collect()
}

/// The tailnet's own devices: those for changes that cannot be undone, or the others.
fn devices(state: &Value, sacrificed: bool) -> Vec<&Value> {
    let mut devices = list(state, "devices");
    devices.retain(|it| it["is_external"] == false && is_sacrificed(it) == sacrificed);
    devices
}

fn id(device: &Value) -> Value {
    device["node_id"].clone()
}

const TAGS: [&str; 6] = ["tag:web", "tag:db", "tag:prod", "tag:ci", "tag:k8s", "tag:router"];

fn of_device(rng: &mut Rng, state: &Value) -> Option<Call> {
    let kept = devices(state, false);
    let mut tagged = kept.clone();
    tagged.retain(|it| it["tags"].as_array().is_some_and(|tags| !tags.is_empty()));
    let tag = TAGS[rng.usize(..TAGS.len())];
    let (any, word) = (id(pick(rng, &kept)?), word(rng));
    let one = id(pick(rng, &tagged)?);
    match rng.u8(..12) {
        0..=3 => Some(call("update_device", json!({ "device": one, "name": word }))),
        4 | 5 => Some(call("update_device", json!({ "device": one, "set_tags": [tag] }))),
        6 | 7 => {
            let arguments = json!({ "device": any, "key": "custom:chaos", "value": word });
            Some(call("set_device_attribute", arguments))
        }
        8 => {
            let mut set = kept;
            set.retain(|it| it["attributes"].get("custom:chaos").is_some());
            let device = id(pick(rng, &set)?);
            Some(call(
                "delete_device_attribute",
                json!({ "device": device, "key": "custom:chaos" }),
            ))
        }
        9 => Some(call("authorize_device", json!({ "device": any }))),
        10 => Some(call("revoke_device", json!({ "device": any, "how": "deauthorize" }))),
        _ => {
            let several: Vec<Value> =
                tagged.iter().take(rng.usize(2..6)).map(|it| id(it)).collect();
            let on_failure = ["continue", "stop", "undo"][rng.usize(..3)];
            let arguments = json!({ "devices": several, "tags": [tag], "on_failure": on_failure });
            Some(call(if rng.bool() { "add_tags" } else { "remove_tags" }, arguments))
        }
    }
}

fn of_dns(rng: &mut Rng, state: &Value) -> Option<Call> {
    let server = format!("203.0.113.{}", rng.u8(1..250));
    match rng.u8(..4) {
        0 => {
            let domain = format!("{}.example.com", word(rng));
            Some(call("set_search_paths", json!({ "search_paths": [domain] })))
        }
        1 => {
            let domain = format!("zone{}.example.com", rng.u8(..6));
            Some(call("add_dns_route", json!({ "domain": domain, "nameservers": [server] })))
        }
        2 => {
            let zones = state["dns"]["split"].as_object()?;
            let ours: Vec<&String> = zones.keys().filter(|it| it.starts_with("zone")).collect();
            let domain = (!ours.is_empty()).then(|| ours[rng.usize(..ours.len())])?;
            Some(call("remove_dns_route", json!({ "domain": domain })))
        }
        _ => Some(call("configure_nameservers", json!({ "nameservers": [server, "9.9.9.9"] }))),
    }
}

fn of_user(rng: &mut Rng, state: &Value) -> Option<Call> {
    let mut people = list(state, "users");
    people.retain(|it| {
        it["is_shared"] == false && !["owner", "admin"].contains(&it["role"].as_str().unwrap_or(""))
    });
    let user = pick(rng, &people)?["login_name"].clone();
    if rng.bool() {
        let role = ["member", "auditor", "it-admin", "network-admin"][rng.usize(..4)];
        return Some(call("set_user_role", json!({ "user": user, "role": role })));
    }
    Some(call(if rng.bool() { "suspend_user" } else { "restore_user" }, json!({ "user": user })))
}

fn of_others(rng: &mut Rng) -> Call {
    let word = word(rng);
    match rng.u8(..5) {
        0 => {
            let days = rng.u8(30..170);
            call("update_tailnet_settings", json!({ "devices_key_duration_days": days }))
        }
        1 => {
            let host = format!("chaos-{}", rng.u8(..9));
            let address = format!("10.9.{}.{}", rng.u8(..), rng.u8(1..250));
            let edit = json!({ "op": "set", "section": "hosts", "name": host, "value": address });
            call("update_acl_policy", json!({ "edits": [edit] }))
        }
        2 => call("services_update", json!({ "service": "svc:orders-db", "comment": word })),
        3 => {
            let arguments = json!({ "kind": "auth", "tags": ["tag:ci"], "description": word });
            call("create_key", arguments)
        }
        _ => {
            let url = format!("https://hooks.example.com/{word}");
            call("create_webhook", json!({ "url": url, "subscriptions": ["nodeCreated"] }))
        }
    }
}

/// What cannot be undone.
fn for_good(rng: &mut Rng, state: &Value) -> Option<Call> {
    let device = id(pick(rng, &devices(state, true))?);
    if rng.u8(..20) == 0 {
        return Some(call("revoke_device", json!({ "device": device, "how": "remove" })));
    }
    Some(call("expire_device_key", json!({ "device": device })))
}
