//! Logs of one device.

use axum::{Json, Router, http::Uri};
use serde_json::{Value, json};
use tailsteward::{Tailnet, tool::Risk};

use super::{agent, first, id};
use crate::support::{agent::Agent, settings};

#[tokio::test]
async fn a_change_shows_in_the_logs_of_its_device_and_of_no_other() {
    let (_sandbox, _, agent) = agent().await;
    let own = json!({ "external": false, "tags": ["tag:web"] });
    let device = first(&agent, own.clone()).await;
    agent.call("update_device", json!({ "device": id(&device), "name": "renamed" })).await;

    let logs =
        agent.call("get_device_logs", json!({ "device": id(&device), "since": "10m" })).await;
    let other = first(&agent, json!({ "tags": ["tag:db"] })).await;
    let none = agent.call("get_device_logs", json!({ "device": id(&other), "since": "10m" })).await;

    assert_eq!(logs["events_total"], 1, "{logs}");
    // first-use 30: whole seconds.
    for time in [&logs["since"], &logs["until"], &logs["events"][0]["time"]] {
        let time = time.as_str().unwrap();
        assert!(time.ends_with('Z') && !time.contains('.'), "{time}");
    }
    let event = &logs["events"][0];
    assert_eq!(event["action"], "UPDATE");
    assert_eq!(event["property"], "MACHINE_NAME");
    assert!(event["new"].to_string().contains("renamed"), "{event}");
    assert!(!event["actor"].as_str().unwrap().is_empty());
    assert_eq!(none["events_total"], 0);
    assert!(none.get("flows").is_none(), "nobody asked for flows");
}

#[tokio::test]
async fn flows_are_added_up_by_peer() {
    let (_sandbox, _, agent) = agent().await;
    let list = json!({ "online": true, "limit": 500, "fields": ["nodeId", "hostname"] });
    let page = agent.call("list_devices", list).await;
    let mut with_flows = 0;

    for device in page["devices"].as_array().unwrap().iter().take(12) {
        let arguments =
            json!({ "device": device["nodeId"], "since": "6h", "flows": true, "limit": 200 });
        let logs = agent.call("get_device_logs", arguments).await;
        let Some(flows) = logs["flows"].as_array() else { continue };
        with_flows += 1;
        let mut peers = std::collections::BTreeSet::new();
        for flow in flows {
            assert!(flow["sent"].is_u64() && flow["received"].is_u64(), "{flow}");
            let of = ["kind", "proto", "peer", "port", "inbound"].map(|it| flow[it].to_string());
            assert!(peers.insert(of), "shown twice: {flow}");
            assert_ne!(flow["peer"], device["hostname"], "its own peer");
        }
        let bytes: Vec<u64> = flows
            .iter()
            .map(|it| it["sent"].as_u64().unwrap() + it["received"].as_u64().unwrap())
            .collect();
        assert!(bytes.iter().rev().is_sorted(), "the largest first: {bytes:?}");
    }
    assert!(with_flows > 0, "no device of the sandbox has flows");
}

#[tokio::test]
async fn a_tailnet_without_flow_logs_is_a_note_and_no_failure() {
    let (sandbox, _, agent) = agent().await;
    let device = first(&agent, json!({ "external": false })).await;
    let client = crate::support::loopback::plain_http();
    let off = client
        .patch(format!("{}/api/v2/tailnet/-/settings", sandbox.base_url()))
        .bearer_auth(tailsteward::sandbox::Sandbox::API_KEY)
        .json(&json!({ "networkFlowLoggingOn": false }));
    assert!(off.send().await.unwrap().status().is_success());

    let logs = agent.call("get_device_logs", json!({ "device": id(&device), "flows": true })).await;

    assert!(logs["notes"][0].as_str().unwrap().contains("plan"), "{logs}");
    assert!(logs.get("flows_total").is_none(), "an unknown number is not made up: {logs}");
}

#[tokio::test]
async fn a_window_that_makes_no_sense_is_refused() {
    let (sandbox, _, agent) = agent().await;
    for (arguments, word) in [
        (json!({ "since": "yesterday" }), "`since`"),
        (json!({ "since": "1h", "until": "2h" }), "`until`"),
        (json!({ "since": "25h", "flows": true }), "24 h"),
        (json!({ "limit": 0 }), "`limit`"),
    ] {
        let mut arguments = arguments;
        arguments["device"] = json!("web-01");
        let failure = agent.fail("get_device_logs", arguments.clone()).await;
        assert_eq!(failure["kind"], "invalid_input", "{arguments}");
        assert!(failure["message"].as_str().unwrap().contains(word), "{failure}");
    }
    assert!(sandbox.requests().is_empty());
}

/// Answers with two devices and their flow records, whatever is asked.
async fn flow_logs(record: Value) -> Agent {
    flow_records(json!([record])).await
}

async fn flow_records(mut records: Value) -> Agent {
    for record in records.as_array_mut().unwrap() {
        record["start"] =
            json!((jiff::Timestamp::now() - jiff::SignedDuration::from_mins(5)).to_string());
    }
    let devices = json!({ "devices": [
        { "nodeId": "n1", "name": "web.t.ts.net", "addresses": ["100.64.0.1", "fd7a:115c::1"] },
        { "nodeId": "n2", "name": "db.t.ts.net", "addresses": ["100.64.0.2", "fd7a:115c::2"] },
    ] });
    let router = Router::new().fallback(move |uri: Uri| {
        let answer = match uri.path().rsplit('/').next() {
            Some("devices") => devices.clone(),
            Some("network") => json!({ "logs": records }),
            _ => json!({ "logs": [] }),
        };
        async move { Json(answer) }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Agent::of(&Tailnet::new(settings(&url)), Risk::Read).await
}

/// first-use 15
#[tokio::test]
async fn flows_name_their_peers_and_are_summed_by_peer_and_port() {
    let record = |src: &str, dst: &str, tx: u64, rx: u64| json!({ "proto": 6, "src": src, "dst": dst, "txBytes": tx, "rxBytes": rx });
    let traffic = json!([
        record("100.64.0.1:50001", "100.64.0.2:5432", 10, 100),
        record("[fd7a:115c::1]:50002", "[fd7a:115c::2]:5432", 20, 200),
        // The source is who reports, also of a connection that the peer opened.
        record("100.64.0.1:22", "100.64.0.2:50003", 1, 2),
        record("100.64.0.1:22", "100.64.0.2:50004", 3, 4),
        record("100.64.0.1:50005", "100.99.9.9:443", 5, 6),
        record("100.64.0.1:0", "100.64.0.2:0", 1, 1),
    ]);
    let agent = flow_logs(json!({ "nodeId": "n1", "virtualTraffic": traffic })).await;
    let flows = |connections: bool| {
        let arguments = json!({ "device": "web", "flows": true, "connections": connections });
        agent.call("get_device_logs", arguments)
    };

    let (summed, single) = (flows(false).await, flows(true).await);

    let row = |peer: &str, port: u16, sent: u64, received: u64| {
        json!({ "kind": "virtual", "proto": "tcp", "peer": peer, "port": port, "sent": sent,
            "received": received })
    };
    let mut ssh = row("db", 22, 4, 6);
    ssh["inbound"] = json!(true);
    let portless =
        json!({ "kind": "virtual", "proto": "tcp", "peer": "db", "sent": 1, "received": 1 });
    let unknown = row("100.99.9.9", 443, 5, 6);
    let expected = json!([row("db", 5432, 30, 300), unknown, ssh, portless]);
    assert_eq!((&summed["flows"], &summed["flows_total"]), (&expected, &json!(4)), "{summed}");
    assert_eq!(single["flows_total"], 6, "{single}");
    assert_eq!(single["flows"][0]["from_port"], 50002, "{single}");
}

/// Exit traffic names neither end, and physical traffic is no traffic of its own.
#[tokio::test]
async fn exit_flows_have_no_peer_and_relays_are_none() {
    let relayed =
        |peer: &str| json!({ "src": peer, "dst": "127.3.3.40:4", "txBytes": 90, "rxBytes": 90 });
    let agent = flow_logs(json!({
        "nodeId": "n1",
        "exitTraffic": [{ "proto": 0, "txBytes": 10, "rxBytes": 20 }, { "txBytes": 1, "rxBytes": 2 }],
        "physicalTraffic": [relayed("100.64.0.2:0"), relayed("100.64.0.3:0")],
    }))
    .await;

    let logs = agent.call("get_device_logs", json!({ "device": "web", "flows": true })).await;

    let exit = json!({ "kind": "exit", "proto": "unknown", "sent": 11, "received": 22 });
    assert_eq!((&logs["flows"], &logs["flows_total"]), (&json!([exit]), &json!(1)), "{logs}");
}

/// What both ends report counts once, and a peer that is not in the list has the name that records give it.
#[tokio::test]
async fn both_ends_count_once_and_records_name_peers() {
    let entry = |src: &str, dst: &str, tx: u64, rx: u64| json!([{ "proto": 6, "src": src, "dst": dst, "txBytes": tx, "rxBytes": rx }]);
    let (own, peer) = ("100.64.0.1:50001", "100.64.0.2:443");
    let gone = json!([{ "nodeId": "n9", "name": "old.t.ts.net.", "addresses": ["100.99.9.9"] }]);
    let agent = flow_records(json!([
        { "nodeId": "n1", "virtualTraffic": entry(own, peer, 10, 100) },
        // It lost nothing that was received, and reports more of what was sent.
        { "nodeId": "n2", "virtualTraffic": entry(peer, own, 104, 9) },
        { "nodeId": "n1", "end": "x", "dstNodes": gone,
          "virtualTraffic": entry("100.64.0.1:50002", "100.99.9.9:22", 1, 2) },
        { "nodeId": "n2", "end": "x", "virtualTraffic": entry("100.64.0.2:1", "100.64.0.3:2", 7, 7) },
        { "nodeId": "n1", "end": "y", "virtualTraffic": ["what is this"] },
    ]))
    .await;

    let logs = agent.call("get_device_logs", json!({ "device": "web", "flows": true })).await;

    let row = |peer: &str, port: u16, sent: u64, received: u64| {
        json!({ "kind": "virtual", "proto": "tcp", "peer": peer, "port": port, "sent": sent,
            "received": received })
    };
    assert_eq!(logs["flows"], json!([row("db", 443, 10, 104), row("old", 22, 1, 2)]), "{logs}");
    assert!(logs["notes"][0].as_str().unwrap().contains("1 records or parts"), "{logs}");
}
