//! Reading, filtering and changing devices.

use super::*;

/// Sends a request that must be rejected, and checks that it changed nothing.
async fn unchanged_after(tailnet: &Tailnet, method: &str, path: &str, body: Value) -> Answer {
    let before = (tailnet.devices().await, tailnet.audit("").await);
    let answer = tailnet.call(method, path, body).await;
    assert!(answer.status >= 400, "{path}: {}", answer.text);
    assert_eq!((tailnet.devices().await, tailnet.audit("").await), before, "{path}");
    answer
}

/// The fields that only `fields=all` returns.
const EXTRA: &[&str] = &[
    "enabledRoutes",
    "advertisedRoutes",
    "clientConnectivity",
    "postureIdentity",
    "sshEnabled",
    "distro",
    "multipleConnections",
];

#[tokio::test]
async fn the_default_field_set_leaves_some_out() {
    let tailnet = Tailnet::new().await;
    for query in ["", "?fields=default"] {
        let list = tailnet.get(&format!("/tailnet/-/devices{query}")).await.ok();
        let devices = list["devices"].as_array().unwrap();
        assert!(devices.iter().all(|device| EXTRA.iter().all(|key| device.get(key).is_none())));
    }
    let all = tailnet.devices().await;
    for key in EXTRA {
        assert!(all.iter().any(|device| device.get(key).is_some()), "{key}");
    }
    let id = id_of(&all[0]);
    let one = tailnet.get(&format!("/device/{id}")).await.ok();
    assert!(one.get("enabledRoutes").is_none());
    assert!(tailnet.device(id).await.get("enabledRoutes").is_some());
    assert_eq!(tailnet.get("/tailnet/-/devices?fields=some").await.status, 400);
}

#[tokio::test]
async fn a_device_has_two_identifiers() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let (id, node_id) = (text(&device["id"]), id_of(&device));
    assert!(id.bytes().all(|byte| byte.is_ascii_digit()));
    assert!(node_id.starts_with('n') && node_id.ends_with("CNTRL"));
    assert_eq!(tailnet.device(id).await, tailnet.device(node_id).await);
    tailnet.get("/device/n0CNTRL").await.refused(404, "device not found");
}

#[tokio::test]
async fn lists_are_filtered_by_exact_values() {
    let tailnet = Tailnet::new().await;
    let all = tailnet.devices().await;
    let list = async |query: &str| {
        let list = tailnet.get(&format!("/tailnet/-/devices?fields=all&{query}")).await.ok();
        list["devices"].as_array().unwrap().clone()
    };
    let expect = |fits: &dyn Fn(&Value) -> bool| -> Vec<Value> {
        all.iter().filter(|device| fits(device)).cloned().collect()
    };
    let tagged = |device: &Value, tag: &str| {
        device["tags"].as_array().is_some_and(|tags| tags.contains(&json!(tag)))
    };
    assert_eq!(list("isEphemeral=true").await, expect(&|d| d["isEphemeral"] == true));
    assert_eq!(
        list("tags=tag:prod&tags=tag%3Aweb").await,
        expect(&|d| tagged(d, "tag:prod") && tagged(d, "tag:web"))
    );
    assert_eq!(
        list("os=linux&authorized=true").await,
        expect(&|d| d["os"] == "linux" && d["authorized"] == true)
    );
    assert!(list("hostname=web").await.is_empty());
    let (first, address) = (&all[0], text(&all[0]["addresses"][0]));
    assert_eq!(list(&format!("addresses={address}")).await, std::slice::from_ref(first));
    let key = text(&first["nodeKey"]);
    assert_eq!(list(&format!("nodeKey={key}")).await, std::slice::from_ref(first));
    assert_eq!(tailnet.get("/tailnet/-/devices?distro=ubuntu").await.status, 400);
    assert_eq!(tailnet.get("/tailnet/-/devices?color=red").await.status, 400);
}

#[tokio::test]
async fn an_external_device_is_known_in_part_and_not_manageable() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.external().await;
    // H1: only one of the unknown times is an empty string.
    assert_eq!(device["created"], "");
    assert_eq!(device["expires"], "0001-01-01T00:00:00Z");
    assert_eq!(device["clientVersion"], "");
    assert_eq!(device["machineKey"], "");
    let path = format!("/device/{}", id_of(&device));
    let answer = unchanged_after(&tailnet, "DELETE", &path, Value::Null).await;
    answer.refused(501, "device not owned by tailnet");
    for (call, body) in [
        ("expire", Value::Null),
        ("routes", json!({ "routes": [] })),
        ("authorized", json!({ "authorized": true })),
        ("name", json!({ "name": "mine" })),
        ("tags", json!({ "tags": ["tag:prod"] })),
        ("key", json!({ "keyExpiryDisabled": true })),
        ("ip", json!({ "ipv4": "100.64.0.1" })),
        ("attributes/custom:a", json!({ "value": 1 })),
    ] {
        let answer = unchanged_after(&tailnet, "POST", &format!("{path}/{call}"), body).await;
        answer.refused(404, "no manageable device matching this ID found");
    }
}

#[tokio::test]
async fn a_deleted_device_is_gone() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let path = format!("/device/{}", id_of(&device));
    tailnet.call("DELETE", &path, Value::Null).await.ok_and_empty();
    assert_eq!(tailnet.devices().await.len(), 99);
    for id in [id_of(&device), text(&device["id"])] {
        assert_eq!(tailnet.get(&format!("/device/{id}")).await.status, 404);
    }
    assert_eq!(tailnet.call("DELETE", &path, Value::Null).await.status, 404);
    let other = tailnet.personal().await;
    let name = format!("/device/{}/name", id_of(&other));
    let freed = json!({ "name": device["name"] });
    tailnet.post(&name, freed).await.ok_and_empty();
}

#[tokio::test]
async fn an_expired_key_disconnects() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let id = id_of(&device);
    tailnet.post(&format!("/device/{id}/expire"), Value::Null).await.ok_and_empty();
    let after = tailnet.device(id).await;
    assert_eq!(after["expires"], NOW);
    assert_eq!(after["connectedToControl"], false);
    assert_eq!(after["lastSeen"], NOW);
}

#[tokio::test]
async fn a_key_expires_by_the_clock() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    tailnet.sandbox.advance(Duration::from_hours(24 * 180));
    let after = tailnet.device(id_of(&device)).await;
    assert_eq!(after["connectedToControl"], false);
    assert_eq!(after["lastSeen"], device["expires"]);
}

/// B1: some writes answer an empty JSON object, others nothing.
#[tokio::test]
async fn b1_writes_of_a_device_answer_an_object_or_nothing() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let path = format!("/device/{}", id_of(&device));
    for (call, body) in [
        ("authorized", json!({ "authorized": true })),
        ("key", json!({ "keyExpiryDisabled": false })),
        ("ip", json!({ "ipv4": device["addresses"][0] })),
        ("tags", json!({ "tags": ["tag:prod"] })),
        ("tags", json!({ "tags": ["tag:prod"] })),
    ] {
        tailnet.post(&format!("{path}/{call}"), body).await.ok_and_object();
    }
    let attribute = format!("{path}/attributes/custom:a");
    tailnet.call("DELETE", &attribute, Value::Null).await.ok_and_object();
    tailnet.post(&format!("{path}/expire"), Value::Null).await.ok_and_empty();
    tailnet.call("DELETE", &path, Value::Null).await.ok_and_empty();
}

#[tokio::test]
async fn authorisation_is_given_and_taken() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let path = format!("/device/{}/authorized", id_of(&device));
    tailnet.post(&path, json!({ "authorized": false })).await.ok_and_object();
    let after = tailnet.device(id_of(&device)).await;
    assert_eq!(
        (&after["authorized"], &after["connectedToControl"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(after["lastSeen"], NOW);
    tailnet.post(&path, json!({ "authorized": true })).await.ok_and_object();
    assert_eq!(tailnet.device(id_of(&device)).await, device);
    unchanged_after(&tailnet, "POST", &path, json!({})).await;
    unchanged_after(&tailnet, "POST", &path, json!({ "authorized": "yes" })).await;
}

#[tokio::test]
async fn names_are_normalised() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let (id, suffix) = (id_of(&device), text(&device["name"]).split_once('.').unwrap().1);
    let path = format!("/device/{id}/name");
    let full = format!("Full-Name.{suffix}");
    for (wanted, stored) in [
        ("dev-server", "dev-server"),
        ("Dev.Server_Two-", "dev-server-two"),
        (full.as_str(), "full-name"),
        ("Ann's box", "anns-box"),
    ] {
        tailnet.post(&path, json!({ "name": wanted })).await.ok_and_empty();
        let after = tailnet.device(id).await;
        assert_eq!(after["name"], format!("{stored}.{suffix}"));
        assert_eq!(after["hostname"], device["hostname"]);
    }
    tailnet.post(&path, json!({ "name": "other" })).await.ok_and_empty();
    tailnet.post(&path, json!({})).await.refused(400, "name is required");
    tailnet.post(&path, json!({ "name": "" })).await.ok_and_empty();
    assert_eq!(tailnet.device(id).await["name"], device["name"]);
    unchanged_after(&tailnet, "POST", &path, json!({ "name": "---" })).await;
}

#[tokio::test]
async fn a_name_in_use_is_refused() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let other = tailnet.device_with(json!({ "hostname": "web-01" })).await;
    let path = format!("/device/{}/name", id_of(&device));
    let wanted = json!({ "name": other["name"] });
    let answer = unchanged_after(&tailnet, "POST", &path, wanted).await;
    answer.refused(400, "name \"web-01\" is already taken");
    // Resetting to a taken hostname adds a number instead.
    let path = format!("/device/{}/name", id_of(&other));
    tailnet.post(&path, json!({ "name": "front" })).await.ok_and_empty();
    let name = format!("/device/{}/name", id_of(&device));
    tailnet.post(&name, json!({ "name": "web-01" })).await.ok_and_empty();
    tailnet.post(&path, json!({ "name": "" })).await.ok_and_empty();
    assert!(text(&tailnet.device(id_of(&other)).await["name"]).starts_with("web-01-1."));
}

#[tokio::test]
async fn tags_replace_the_owner() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let path = format!("/device/{}/tags", id_of(&device));
    tailnet.post(&path, json!({ "tags": [] })).await.ok_and_object();
    let wanted = json!({ "tags": ["tag:web", "tag:prod", "tag:web"] });
    tailnet.post(&path, wanted).await.ok_and_object();
    let after = tailnet.device(id_of(&device)).await;
    assert_eq!(after["tags"], json!(["tag:prod", "tag:web"]));
    assert_eq!(after["user"], "tagged-devices");
    assert_eq!(after["keyExpiryDisabled"], true);
    let answer = unchanged_after(&tailnet, "POST", &path, json!({ "tags": null })).await;
    answer.refused(400, "tagged nodes cannot be untagged without reauth");
    let wanted = json!({ "tags": ["tag:prod", "tag:nope", "tag:no"] });
    let answer = unchanged_after(&tailnet, "POST", &path, wanted).await;
    let message = "requested tags [tag:no tag:nope] are invalid or not permitted";
    answer.refused(400, message);
}

#[tokio::test]
async fn a_tag_counts_as_soon_as_the_policy_declares_it() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let policy = json!({ "tagOwners": { "tag:new": null }, "grants": [] });
    tailnet.post("/tailnet/-/acl", policy).await.ok();
    let path = format!("/device/{}/tags", id_of(&device));
    tailnet.post(&path, json!({ "tags": ["tag:new"] })).await.ok_and_object();
    assert_eq!(tailnet.post(&path, json!({ "tags": ["tag:prod"] })).await.status, 400);
}

#[tokio::test]
async fn re_enabled_expiry_is_the_original_one() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let path = format!("/device/{}/key", id_of(&device));
    tailnet.post(&path, json!({ "keyExpiryDisabled": true })).await.ok_and_object();
    assert_eq!(tailnet.device(id_of(&device)).await["keyExpiryDisabled"], true);
    tailnet.sandbox.advance(Duration::from_hours(24 * 180));
    assert_eq!(tailnet.device(id_of(&device)).await["connectedToControl"], true);
    tailnet.post(&path, json!({ "keyExpiryDisabled": false })).await.ok_and_object();
    let after = tailnet.device(id_of(&device)).await;
    assert_eq!(after["expires"], device["expires"]);
    assert_eq!(after["connectedToControl"], false);
    unchanged_after(&tailnet, "POST", &path, json!({})).await;
}

#[tokio::test]
async fn an_address_must_be_in_range_and_free() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let other = tailnet.device_with(json!({ "hostname": "web-01" })).await;
    let path = format!("/device/{}/ip", id_of(&device));
    tailnet.post(&path, json!({ "ipv4": "100.80.0.1" })).await.ok_and_object();
    let after = tailnet.device(id_of(&device)).await;
    assert_eq!(after["addresses"], json!(["100.80.0.1", device["addresses"][1]]));
    for refused in
        [json!("10.0.0.1"), json!("100.128.0.1"), json!("100.100.100.100"), json!("x"), json!(null)]
    {
        unchanged_after(&tailnet, "POST", &path, json!({ "ipv4": refused })).await;
    }
    let taken = json!({ "ipv4": other["addresses"][0] });
    assert_eq!(unchanged_after(&tailnet, "POST", &path, taken).await.status, 400);
    let freed = json!({ "ipv4": device["addresses"][0] });
    let path = format!("/device/{}/ip", id_of(&other));
    tailnet.post(&path, freed).await.ok_and_object();
}

#[tokio::test]
async fn enabled_routes_are_a_set() {
    let tailnet = Tailnet::new().await;
    let router = tailnet.device_with(json!({ "hostname": "subnet-router-01" })).await;
    let path = format!("/device/{}/routes", id_of(&router));
    let before = tailnet.get(&path).await.ok();
    assert_eq!(before["advertisedRoutes"], router["advertisedRoutes"]);
    assert_eq!(before["enabledRoutes"], router["enabledRoutes"]);
    let wanted = json!({ "routes": ["192.168.9.0/24", "10.0.0.0/8", "10.0.0.0/8", "fd00::/8"] });
    let after = tailnet.post(&path, wanted).await.ok();
    let sorted = json!(["10.0.0.0/8", "192.168.9.0/24", "fd00::/8"]);
    assert_eq!(after["enabledRoutes"], sorted);
    assert_eq!(after["advertisedRoutes"], router["advertisedRoutes"]);
    assert_eq!(tailnet.device(id_of(&router)).await["enabledRoutes"], sorted);
    for bad in ["10.0.0.1", "10.0.0.1/8", "10.0.0.0/33", "fd00::/200", "x/8"] {
        unchanged_after(&tailnet, "POST", &path, json!({ "routes": [bad] })).await;
    }
    let none = tailnet.post(&path, json!({ "routes": null })).await.ok();
    assert_eq!(none["enabledRoutes"], json!([]));
}

/// T2: as numbers, not as text: `2.…` comes before `10.…`, and `/16` before `/24`.
#[tokio::test]
async fn t2_enabled_routes_are_sorted_by_address_and_prefix_length() {
    let tailnet = Tailnet::new().await;
    let router = tailnet.device_with(json!({ "hostname": "subnet-router-01" })).await;
    let path = format!("/device/{}/routes", id_of(&router));
    let wanted = json!({ "routes": [
        "fd00:10::/64", "10.0.1.0/24", "10.0.0.0/24", "2.0.0.0/24", "fd00:9::/64", "10.0.0.0/9",
        "0.0.0.0/0", "10.0.0.0/16", "2.0.0.0/24",
    ]});
    let sorted = json!([
        "0.0.0.0/0",
        "2.0.0.0/24",
        "10.0.0.0/9",
        "10.0.0.0/16",
        "10.0.0.0/24",
        "10.0.1.0/24",
        "fd00:9::/64",
        "fd00:10::/64",
    ]);
    assert_eq!(tailnet.post(&path, wanted).await.ok()["enabledRoutes"], sorted);
    assert_eq!(tailnet.get(&path).await.ok()["enabledRoutes"], sorted);
    assert_eq!(tailnet.device(id_of(&router)).await["enabledRoutes"], sorted);
}

#[tokio::test]
async fn invites_of_a_device_without_any_are_null() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let path = format!("/device/{}/device-invites", id_of(&device));
    let answer = tailnet.get(&path).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "null"));
    assert_eq!(tailnet.get("/device/n0CNTRL/device-invites").await.status, 404);
}
