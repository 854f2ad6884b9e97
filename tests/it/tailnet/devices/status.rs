//! How a device is.

use jiff::Timestamp;
use serde_json::{Value, json};
use tailsteward::tailnet::devices::{Device, status::Status};

use super::{agent, first, id};

fn status(device: Value) -> Value {
    let device: Device = serde_json::from_value(device).unwrap();
    let now: Timestamp = "2026-06-15T12:00:00Z".parse().unwrap();
    serde_json::to_value(Status::of(&device, now)).unwrap()
}

#[test]
fn a_device_that_is_away_says_since_when_in_words() {
    let it = status(json!({
        "name": "web.x.ts.net", "nodeId": "n1", "lastSeen": "2026-06-15T09:00:00Z",
        "expires": "2026-06-27T12:00:00Z", "authorized": true, "clientVersion": "1.82.0-t1",
    }));

    assert_eq!(it["seen"], "3 h ago");
    assert_eq!(it["last_seen"], "2026-06-15T09:00:00Z");
    assert_eq!(it["online"], false);
    assert_eq!(
        it["key"],
        json!({
            "state": "valid", "expires": "2026-06-27T12:00:00Z", "in_words": "in 12 d"
        })
    );
    assert!(it.get("problems").is_none());
}

#[test]
fn what_stands_in_the_way_is_said() {
    let it = status(json!({
        "name": "web.x.ts.net", "nodeId": "n1", "lastSeen": "2026-06-01T09:00:00Z",
        "expires": "2026-06-14T12:00:00Z", "authorized": false, "tailnetLockError": "not signed",
        "clientConnectivity": { "clientSupports": { "udp": false, "upnp": null } },
    }));

    let problems = it["problems"].as_array().unwrap();
    for word in ["approval", "key expired 1 d ago", "not signed", "14 d", "UDP"] {
        assert!(
            problems.iter().any(|it| it.as_str().unwrap().contains(word)),
            "{word}: {problems:?}"
        );
    }
}

#[test]
fn nothing_known_is_said_to_be_unknown() {
    let it = status(json!({ "nodeId": "n1", "created": "", "expires": "0001-01-01T00:00:00Z" }));

    assert_eq!(it["seen"], "unknown");
    assert_eq!(it["key"]["state"], "unknown");
    assert!(it.get("last_seen").is_none());
    assert!(it.get("network").is_none());
}

#[tokio::test]
async fn an_online_device_shows_latency_by_region_and_no_last_seen() {
    let (_sandbox, _, agent) = agent().await;
    let device = first(&agent, json!({ "online": true, "os": "linux", "external": false })).await;

    let it = agent.call("get_device_status", json!({ "device": id(&device) })).await;

    assert_eq!(it["online"], true);
    assert_eq!(it["seen"], "online");
    assert!(it.get("last_seen").is_none());
    let regions = device["clientConnectivity"]["latency"].as_object().unwrap();
    assert_eq!(it["latency_ms"].as_object().unwrap().len(), regions.len());
    assert!(regions.contains_key(it["preferred_region"].as_str().unwrap()));
}

#[tokio::test]
async fn details_are_the_whole_record() {
    let (_sandbox, _, agent) = agent().await;
    let device = first(&agent, json!({ "online": false, "external": false })).await;

    let it = agent.call("get_device_details", json!({ "device": id(&device) })).await;

    assert_eq!(it, device);
    assert!(it["machineKey"].is_string() && it["advertisedRoutes"].is_array());
}
