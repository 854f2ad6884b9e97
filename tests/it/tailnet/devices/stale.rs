//! Devices that nobody has used for long.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tailsteward::Tailnet;

use crate::support::{
    Reply, Server,
    changes::own,
    edits::{agent, are_refused, tell_failures},
    tailnet::sandbox,
};

/// A server with these devices, and with services as `services` says.
async fn with_devices(devices: Value) -> (Server, Tailnet) {
    let server = Server::start(move |request| {
        Reply::json(&match request.path().rsplit('/').next() {
            Some("devices") if request.path().contains("/services/") => {
                json!({ "hosts": [{ "stableNodeID": "n-host" }] })
            }
            Some("devices") => json!({ "devices": devices }),
            Some("services") => json!({ "vipServices": [{ "name": "svc:web" }] }),
            _ => json!({}),
        })
    })
    .await;
    let tailnet = server.tailnet();
    (server, tailnet)
}

fn ago(days: i64) -> String {
    let then = Timestamp::now() - SignedDuration::from_hours(24 * days);
    then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[tokio::test]
async fn never_connected_counts_from_creation_and_unknown_is_no_verdict() {
    let device = |id: &str, more: Value| {
        let mut device = json!({
            "nodeId": id, "name": format!("{id}.t.ts.net"), "os": "linux", "user": "ann@example.com",
            "connectedToControl": false, "created": ago(400), "futureField": [1],
        });
        for (name, value) in more.as_object().unwrap() {
            device[name] = value.clone();
        }
        device
    };
    let devices = json!([
        device("n-old", json!({ "lastSeen": ago(90) })),
        device("n-router", json!({ "lastSeen": ago(80), "enabledRoutes": ["10.0.0.0/8"] })),
        device(
            "n-host",
            json!({ "lastSeen": ago(70), "tags": ["tag:web"], "user": "tagged-devices" })
        ),
        // Not connected, and without `lastSeen`: it never came up.
        device("n-never", json!({ "created": ago(60), "lastSeen": null })),
        device("n-new", json!({ "created": ago(3), "lastSeen": null })),
        device("n-recent", json!({ "lastSeen": ago(20) })),
        // Connected devices have no `lastSeen` either.
        device("n-online", json!({ "connectedToControl": true })),
        device("n-odd", json!({ "lastSeen": "yesterday" })),
        device("n-number", json!({ "lastSeen": 7 })),
        device("n-nothing", json!({ "connectedToControl": null, "created": "" })),
        device("n-ephemeral", json!({ "lastSeen": ago(90), "isEphemeral": true })),
        device("n-shared", json!({ "lastSeen": ago(90), "isExternal": true, "created": "" })),
    ]);
    let (_server, tailnet) = with_devices(devices).await;
    let agent = agent(&tailnet).await;

    let mut page = agent.call("find_stale_devices", json!({})).await;

    for device in page["devices"].as_array_mut().unwrap() {
        assert!(device["created"].is_string());
        device["created"] = json!("[day]");
    }
    insta::assert_json_snapshot!(page, @r#"
    {
      "devices": [
        {
          "created": "[day]",
          "id": "n-old",
          "name": "n-old",
          "os": "linux",
          "seen": "90 d ago",
          "user": "ann@example.com"
        },
        {
          "created": "[day]",
          "id": "n-router",
          "name": "n-router",
          "os": "linux",
          "seen": "80 d ago",
          "serves": [
            "subnet router"
          ],
          "user": "ann@example.com"
        },
        {
          "created": "[day]",
          "id": "n-host",
          "name": "n-host",
          "os": "linux",
          "seen": "70 d ago",
          "serves": [
            "hosts svc:web"
          ],
          "tags": [
            "tag:web"
          ]
        },
        {
          "created": "[day]",
          "id": "n-never",
          "name": "n-never",
          "os": "linux",
          "seen": "never connected",
          "user": "ann@example.com"
        }
      ],
      "matching": 4,
      "notes": [
        "of 3 it is unknown when they were last seen; not listed"
      ],
      "shown": 4,
      "total": 10
    }
    "#);
    let longer = agent.call("find_stale_devices", json!({ "silent_for": "85d" })).await;
    assert_eq!(longer["matching"], 1, "{longer}");
    let tagged = agent.call("find_stale_devices", json!({ "tags": ["web"] })).await;
    assert_eq!(tagged["devices"][0]["id"], "n-host", "{tagged}");
    // What is found is what a removal with the same words takes, but for what others depend on.
    let removal = json!({ "silent_for": "30d", "dry_run": true });
    let removal = agent.call("remove_devices", removal).await;
    assert!(removal["changes"].to_string().contains("n-never"), "{removal}");
    assert_eq!(
        removal["changes"][0]["on"],
        json!(["n-old", "n-never", "n-ephemeral"]),
        "{removal}"
    );
}

#[tokio::test]
async fn pages_follow_each_other() {
    let (_sandbox, tailnet) = sandbox().await;
    let agent = agent(&tailnet).await;
    let all = agent.call("find_stale_devices", json!({ "silent_for": "5d", "limit": 500 })).await;
    assert!(all["matching"].as_u64().unwrap() > 4, "{all}");
    let (mut cursor, mut seen) = (Value::Null, Vec::new());
    loop {
        let arguments = json!({ "silent_for": "5d", "limit": 3, "cursor": cursor });
        let page = agent.call("find_stale_devices", arguments).await;
        seen.extend(page["devices"].as_array().unwrap().clone());
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(json!(seen), all["devices"]);
    let online = own(&tailnet).await;
    for device in online.iter().filter(|it| it.is_online()) {
        assert!(seen.iter().all(|it| it["id"] != device.key()), "{}", device.short_name());
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_failures_are_told() {
    are_refused(&[
        ("find_stale_devices", json!({ "silent_for": "0d" }), "invalid_input", "silent_for"),
        ("find_stale_devices", json!({ "silent_for": "soon" }), "invalid_input", "silent_for"),
        ("find_stale_devices", json!({ "os": "linnux" }), "invalid_input", "linux"),
        ("find_duplicate_devices", json!({ "user": "nobody@nowhere" }), "invalid_input", "user"),
    ])
    .await;
    tell_failures(&[
        ("find_stale_devices", json!({}), "listTailnetDevices"),
        ("find_duplicate_devices", json!({}), "listTailnetDevices"),
    ])
    .await;
}
