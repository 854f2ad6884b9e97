//! Logs of one device.

use serde_json::json;

use super::{agent, first, id};

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
    let list = json!({ "online": true, "limit": 500, "fields": ["nodeId", "addresses"] });
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
            let key = format!("{}{}{}", flow["kind"], flow["proto"], flow["peer"]);
            assert!(peers.insert(key), "shown twice: {flow}");
            let own = device["addresses"][0].as_str().unwrap();
            let peer = flow["peer"].as_str().unwrap();
            assert_ne!(peer.rsplit_once(':').map(|it| it.0), Some(own), "its own peer");
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
