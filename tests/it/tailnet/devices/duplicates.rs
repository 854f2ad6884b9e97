//! Devices that are the same machine.

use serde_json::{Value, json};
use tailsteward::tailnet::devices::Device;

use crate::support::{Reply, Server, edits::agent, tailnet::sandbox_of};

/// What is found among these devices.
async fn found(devices: Value) -> Value {
    let server = Server::start(move |request| {
        let of_devices = request.path().ends_with("/devices");
        Reply::json(&if of_devices { json!({ "devices": devices }) } else { json!({}) })
    })
    .await;
    agent(&server.tailnet()).await.call("find_duplicate_devices", json!({})).await
}

/// A device of Ann with Linux: name, hostname, creation, last seen (none if connected).
fn device(id: &str, name: &str, host: &str, created: &str, seen: Option<&str>) -> Value {
    json!({
        "nodeId": id, "name": format!("{name}.t.ts.net"), "hostname": host, "os": "linux",
        "user": "ann@example.com", "created": format!("{created}T00:00:00Z"),
        "lastSeen": seen.map(|it| format!("{it}T00:00:00Z")), "connectedToControl": seen.is_none(),
        "futureField": { "a": 1 },
    })
}

#[tokio::test]
async fn a_reinstalled_machine_keeps_its_newest_device_and_can_have_its_name_back() {
    let page = found(json!([
        device("n1", "web", "web", "2024-01-01", Some("2024-06-01")),
        device("n2", "web-1", "WEB", "2024-06-01", None),
        // Of somebody else, of another system, and one that is of nobody.
        { "nodeId": "n3", "name": "web-2", "hostname": "web", "os": "linux", "user": "bob@example.com",
          "created": "2024-01-01T00:00:00Z", "lastSeen": "2024-02-01T00:00:00Z" },
        { "nodeId": "n4", "hostname": "web", "os": null, "user": null, "created": "" },
    ]))
    .await;

    let groups = page["groups"].as_array().unwrap();
    let group = groups.iter().find(|it| it["why"] == "reinstalled").unwrap();
    assert_eq!(groups.iter().filter(|it| it["why"] == "reinstalled").count(), 1, "{page}");
    assert_eq!((&group["keep"]["id"], &group["others"][0]["id"]), (&json!("n2"), &json!("n1")));
    assert_eq!(group["others"].as_array().unwrap().len(), 1, "{page}");
    assert!(group["advice"].as_str().unwrap().contains("n1 is removed, web-1 can be named web"));
}

#[tokio::test]
async fn machines_that_ran_at_one_time_are_two() {
    let page = found(json!([
        // Two phones of one person that have the same hostname.
        device("n1", "phone", "phone", "2024-01-01", Some("2024-12-01")),
        device("n2", "phone-1", "phone", "2024-06-01", None),
        device("n3", "runner", "localhost", "2024-01-01", None),
        device("n4", "runner-b", "localhost", "2024-01-02", None),
        // `lastSeen` cannot be read: it is unknown whether it is silent.
        { "nodeId": "n5", "name": "box", "hostname": "box", "os": "linux", "user": "a@b.c",
          "created": "2024-01-01T00:00:00Z", "lastSeen": 7, "connectedToControl": false },
        { "nodeId": "n6", "name": "box-1", "hostname": "box", "os": "linux", "user": "a@b.c",
          "created": "2024-02-01T00:00:00Z", "connectedToControl": true },
    ]))
    .await;

    let groups = page["groups"].as_array().unwrap();
    assert!(groups.iter().all(|it| it["why"] == "renamed"), "{page}");
    assert!(groups.iter().all(|it| it["keep"]["id"] != "n4" && it["keep"]["id"] != "n3"), "{page}");
}

#[tokio::test]
async fn a_cloned_key_and_names_with_a_number_are_found() {
    let mut cloned = device("n1", "golden", "golden", "2024-01-01", None);
    cloned["multipleConnections"] = json!(true);
    let mut other = device("n3", "db", "other", "2024-01-01", Some("2024-02-01"));
    other["user"] = json!("bob@example.com");
    let page = found(json!([
        cloned,
        device("n2", "db-1", "db", "2024-01-01", None),
        other,
        device("n4", "cache-2", "cache", "2024-01-01", None),
        device("n5", "api-1", "api", "2024-01-01", None),
        device("n6", "api", "something", "2024-01-01", None),
        // A hostname that ends with a number is no sign of anything.
        device("n7", "node-1", "node-1", "2024-01-01", None),
    ]))
    .await;

    let mut groups = page["groups"].clone();
    let seen = &mut groups[1]["others"][0]["seen"];
    assert!(seen.as_str().unwrap().ends_with(" d ago"), "{seen}");
    *seen = json!("N d ago");
    insta::assert_json_snapshot!(groups, @r#"
    [
      {
        "advice": "nobody has the name cache: cache-2 can be given it back",
        "hostname": "cache",
        "keep": {
          "created": "2024-01-01",
          "id": "n4",
          "name": "cache-2",
          "owner": "ann@example.com",
          "seen": "online"
        },
        "why": "renamed"
      },
      {
        "advice": "n3 has the name db and is not connected; if it is removed or renamed, db-1 can be named db",
        "hostname": "db",
        "keep": {
          "created": "2024-01-01",
          "id": "n2",
          "name": "db-1",
          "owner": "ann@example.com",
          "seen": "online"
        },
        "others": [
          {
            "created": "2024-01-01",
            "id": "n3",
            "name": "db",
            "owner": "bob@example.com",
            "seen": "N d ago"
          }
        ],
        "why": "renamed"
      },
      {
        "advice": "several machines use its node key: delete the client's state on the copies and log in there again, or expire its key so that all must",
        "hostname": "golden",
        "keep": {
          "created": "2024-01-01",
          "id": "n1",
          "name": "golden",
          "owner": "ann@example.com",
          "seen": "online"
        },
        "why": "cloned_key"
      }
    ]
    "#);
}

#[tokio::test]
async fn a_clone_of_the_sandbox_is_found_once_it_is_one() {
    let (sandbox, tailnet) = sandbox_of(60).await;
    let agent = agent(&tailnet).await;
    let devices = tailnet.devices().list().await.unwrap();
    let is_fit = |it: &&Device| {
        let is_clone = it.multiple_connections.unwrap_or_default();
        it.is_online() && !it.is_shared_in() && !it.is_ephemeral.unwrap_or_default() && !is_clone
    };
    let device = devices.iter().find(is_fit).unwrap();
    let is_found = |page: &Value| {
        let groups = page["groups"].as_array().unwrap();
        groups.iter().any(|it| it["why"] == "cloned_key" && it["keep"]["id"] == device.key())
    };
    let before = agent.call("find_duplicate_devices", json!({})).await;
    let state = serde_json::from_value(json!({ "multipleConnections": true })).unwrap();
    assert!(sandbox.set_device(device.key(), &state));
    tailnet.forget_lists();

    let after = agent.call("find_duplicate_devices", json!({})).await;

    assert!(!is_found(&before), "{before}");
    assert!(is_found(&after), "{after}");
}
