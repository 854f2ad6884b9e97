//! What the API sends is read, however odd: no record fails a list, and no value is lost.

use serde_json::{Value, json};
use tailsteward::tailnet::{devices::Device, logging::Window};

use crate::{
    support::{Reply, Seen, Server, set_auto_updates},
    tailnet::resource::agent,
};

async fn devices(answer: Value) -> Vec<Device> {
    let server = Server::says(vec![Reply::json(&answer)]).await;
    let list = server.tailnet().devices().list().await.unwrap();
    list.to_vec()
}

fn window() -> Window {
    let now = jiff::Timestamp::now();
    Window::new(now, now).unwrap()
}

#[tokio::test]
async fn a_list_in_which_everything_is_odd_is_read_and_keeps_every_value() {
    let list = devices(json!({
        "next": "a field nobody knows",
        "devices": [
            { "nodeId": "n0", "name": "fine.ts.net", "tags": ["tag:a"], "authorized": false,
              "clientConnectivity": { "latency": { "fra": { "latencyMs": 1.5 } } } },
            { "nodeId": "n1", "color": "red", "created": "", "expires": null, "addresses": null,
              "tags": "tag:b", "hostname": 5, "authorized": { "maybe": true }, "os": ["linux"],
              "distro": "Debian", "sshEnabled": "yes",
              "clientConnectivity": {
                "endpoints": ["1.2.3.4:5", 6], "mappingVariesByDestIP": "often", "new": 1,
                "latency": { "fra": { "latencyMs": "fast" }, "nyc": 7, "sfo": null } } },
            {},
            "a text", 7, null, [1, 2], true, 1.5,
            { "nodeId": "n2", "authorized": 1, "lastSeen": 1_700_000_000,
              "tags": ["tag:c", 5, null, { "tag": "d" }, ["tag:e"]] },
            { "nodeId": "n3", "authorized": "no", "tags": { "tag:f": true }, "hostname": false },
            { "nodeId": 42, "id": 99_999_999_999_999_999_999.0 },
        ],
    }))
    .await;

    assert_eq!(list.len(), 11);
    let (fine, odd) = (&list[0], &list[1]);
    assert_eq!((fine.tags(), fine.is_authorized()), (&["tag:a".to_owned()][..], false));
    let latency = fine.connectivity().unwrap().latency.unwrap();
    assert_eq!(latency["fra"].latency_ms, Some(1.5));

    assert_eq!((odd.key(), odd.created.as_ref().unwrap().as_str()), ("n1", ""));
    assert!(odd.expires.is_none() && odd.addresses().is_empty() && odd.tags().is_empty());
    let aside = [
        ("color", json!("red")),
        ("unreadable:tags", json!("tag:b")),
        ("unreadable:hostname", json!(5)),
        ("unreadable:authorized", json!({ "maybe": true })),
        ("unreadable:os", json!(["linux"])),
        ("unreadable:sshEnabled", json!("yes")),
    ];
    for (field, value) in aside {
        assert_eq!(odd.extra.get(field), Some(&value), "{field}");
    }
    // A part that is read later is shown as it came.
    let distro = odd.distro.as_ref().unwrap();
    assert_eq!((distro.as_json(), distro.read().is_none()), (r#""Debian""#, true));
    let shown = json!(odd);
    assert_eq!(shown["distro"], "Debian");
    assert_eq!(shown["clientConnectivity"]["mappingVariesByDestIP"], "often");
    assert_eq!(shown["clientConnectivity"]["latency"]["fra"]["latencyMs"], "fast");
    let connectivity = odd.connectivity().unwrap();
    assert_eq!(connectivity.endpoints.as_ref().unwrap(), &["1.2.3.4:5", "6"]);
    assert_eq!(connectivity.extra["unreadable:mappingVariesByDestIP"], "often");
    assert_eq!(connectivity.extra["new"], 1);
    let latency = connectivity.extra["unreadable:latency"].to_string();
    assert!(latency.contains("fast") && latency.contains("nyc") && latency.contains('7'));

    assert_eq!(list[2].key(), "");
    let records: Vec<&Value> = list[3..8].iter().map(|it| &it.extra["unreadable:"]).collect();
    assert_eq!(records, ["a text", "7", "[1,2]", "true", "1.5"]);
    assert_eq!(list[8].extra["unreadable:authorized"], 1);
    assert_eq!(list[8].extra["unreadable:lastSeen"], 1_700_000_000);
    assert_eq!(list[8].tags(), ["tag:c", "5", r#"{"tag":"d"}"#, r#"["tag:e"]"#]);
    assert_eq!(list[9].extra["unreadable:authorized"], "no");
    assert_eq!(list[9].extra["unreadable:tags"], json!({ "tag:f": true }));
    assert_eq!(list[10].extra["unreadable:nodeId"], 42);
    assert_eq!(list[10].extra["unreadable:id"], 1e20);
}

#[tokio::test]
async fn unknown_values_of_enums_and_odd_logs_are_kept() {
    let answer = json!({ "logs": [
        { "action": "LEVITATE", "type": "DREAM", "origin": "MOON", "actor": "nobody",
          "target": { "property": "UNHEARD_OF", "type": 7 }, "new": [1], "eventTime": 5 },
        { "action": 3, "origin": null },
        null,
    ]});
    let server = Server::says(vec![Reply::json(&answer)]).await;

    let logs = server.tailnet().logging().configuration(window(), "").await.unwrap();

    assert_eq!(logs.len(), 2);
    let (first, second) = (json!(logs[0]), json!(logs[1]));
    for field in ["action", "type", "origin", "new"] {
        assert_eq!(first[field], answer["logs"][0][field], "{field}");
    }
    assert_eq!(first["unreadable:actor"], "nobody");
    assert_eq!(first["unreadable:eventTime"], 5);
    assert_eq!(first["target"]["property"], "UNHEARD_OF");
    assert_eq!(first["target"]["unreadable:type"], 7);
    assert_eq!(second["unreadable:action"], 3);
}

#[tokio::test]
async fn numbers_that_do_not_fit_are_kept_beside_those_that_do() {
    let answer = r#"{"logs": [{"nodeId": "n1", "virtualTraffic": [
        {"txBytes": 1, "rxBytes": 9223372036854775807},
        {"txBytes": 18446744073709551615, "rxBytes": 99999999999999999999, "txPkts": 1.5},
        {"txBytes": "12", "rxBytes": null, "txPkts": true, "rxPkts": -3}]}]}"#;
    let server = Server::says(vec![Reply::new(200).text(answer)]).await;

    let logs = server.tailnet().logging().network(window()).await.unwrap();

    let counts = logs[0].virtual_traffic.as_ref().unwrap();
    assert_eq!((counts[0].tx_bytes, counts[0].rx_bytes), (Some(1), Some(i64::MAX)));
    assert_eq!((counts[1].tx_bytes, counts[2].rx_pkts), (None, Some(-3)));
    assert_eq!(counts[1].extra["unreadable:txBytes"], u64::MAX);
    assert_eq!(counts[1].extra["unreadable:rxBytes"], 1e20);
    assert_eq!(counts[1].extra["unreadable:txPkts"], 1.5);
    assert_eq!(counts[2].extra["unreadable:txBytes"], "12");
    assert_eq!(counts[2].extra["unreadable:txPkts"], true);
}

#[tokio::test]
async fn a_list_that_is_null_missing_or_not_there_at_all_is_empty() {
    for body in ["{}", r#"{"devices": null}"#, r#"{"devices": []}"#, "null", "", " \n"] {
        let server = Server::says(vec![Reply::new(200).text(body)]).await;

        assert!(server.tailnet().devices().list().await.unwrap().is_empty(), "{body:?}");
    }
}

#[tokio::test]
async fn a_list_that_is_something_else_is_kept_as_what_it_is() {
    for value in [json!("none"), json!({ "n1": {} }), json!(5)] {
        assert!(devices(json!({ "devices": value })).await.is_empty());
    }
}

#[tokio::test]
async fn a_record_that_is_no_object_does_not_fail_the_lists_of_other_resources() {
    let hooks = json!({ "webhooks": [7, { "endpointId": "1" }, { "endpointId": 2 }] });
    let server = Server::says(vec![Reply::json(&hooks)]).await;
    let list = server.tailnet().webhooks().list().await.unwrap();
    assert_eq!(list[0].extra["unreadable:"], "7");
    assert_eq!((list.len(), list[1].endpoint_id.as_deref()), (3, Some("1")));
}

#[tokio::test]
async fn a_write_that_answers_nothing_or_anything_has_succeeded() {
    for body in ["", "null", "{}", r#"{"devicesAutoUpdatesOn": "yes"}"#] {
        let server = Server::says(vec![Reply::new(200).text(body)]).await;

        set_auto_updates(&server.tailnet(), true).await.unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_odd_records_are_read() {
    let odd = |number: usize| match number % 4 {
        0 => json!({ "nodeId": format!("n{number}"), "tags": "tag:a", "authorized": "yes" }),
        1 => json!({ "nodeId": number, "tags": [number, "tag:a"], "created": number }),
        2 => json!({ "nodeId": [number], "authorized": number, "tags": { "a": number } }),
        _ => json!(number),
    };
    let all: Vec<Value> = (0..10_000).map(odd).collect();

    let list = devices(json!({ "devices": all })).await;

    assert_eq!(list.len(), 10_000);
    assert_eq!(list[4].extra["unreadable:tags"], "tag:a");
    assert_eq!(list[9_997].extra["unreadable:created"], 9_997);
    assert_eq!(list[9_999].extra["unreadable:"], "9999");
}

#[tokio::test]
async fn more_odd_keys_than_anybody_counts_do_not_fail_a_list() {
    let latency: serde_json::Map<String, Value> = (0..1000)
        .map(|it| (format!("region-{it}"), json!({ "latencyMs": it.to_string() })))
        .collect();
    let device = json!({ "nodeId": "n1", "clientConnectivity": { "latency": latency } });

    let list = devices(json!({ "devices": [device] })).await;

    let kept = json!(list[0]).to_string();
    assert!((0..1000).all(|it| kept.contains(&format!("\"{it}\""))), "{kept}");
}

/// What no edition of the document has, as the API may send it from one day to the next.
fn unheard_of(request: &Seen) -> Value {
    let device = json!({
        "nodeId": "n1", "name": "web-1.example.ts.net", "hostname": "web-1", "authorized": true,
        "displayName": "Web server", "postureStatus": { "state": "compliant", "checks": [1] },
        "routeSelection": "closest",
    });
    let service = json!({
        "name": "svc:web", "addrs": ["100.99.1.1", "fd7a:115c:a1e0::1"], "ports": ["tcp:443"],
        "displayName": "Website", "postureStatus": "unchecked", "routeSelection": ["a", "b"],
    });
    let path = request.path().trim_start_matches("/api/v2");
    match path {
        "/tailnet/-/devices" => json!({ "devices": [device] }),
        "/device/n1" => device,
        "/tailnet/-/services" => json!({ "vipServices": [service] }),
        "/tailnet/-/services/svc:web" => service,
        "/tailnet/-/services/svc:web/devices" => json!({ "hosts": [
            { "stableNodeID": "n1", "approvalLevel": "approved:posture", "configured": "ready",
              "postureStatus": "compliant", "routeSelection": "regional" },
        ]}),
        "/tailnet/-/settings" => json!({ "devicesApprovalOn": true, "routeSelection": "regional" }),
        "/tailnet/-/logging/network/stream" => json!({
            "logType": "network", "destinationType": "quantum", "url": "https://logs.example",
            "quantumLane": 7,
        }),
        "/tailnet/-/logging/network/stream/status" => json!({ "laneStatus": "open" }),
        "/tailnet/-/logging/configuration" => json!({ "logs": [
            { "action": "DISENTANGLE", "origin": "BORDER1_API", "eventTime": "2026-09-01T00:00:00Z",
              "actor": { "type": "PAM_ROBOT", "displayName": "Robot" },
              "target": { "id": "n1", "type": "PAM_DEVICE", "property": "ENTANGLEMENT" },
              "new": { "lane": 7 } },
        ]}),
        other => panic!("nobody asks for {other}"),
    }
}

#[tokio::test]
async fn fields_and_values_of_later_editions_survive_and_show() {
    let server = Server::start(|request| Reply::json(&unheard_of(request))).await;
    let agent = agent(&server.tailnet()).await;

    let devices = server.tailnet().devices().list().await.unwrap();
    assert_eq!(devices[0].extra["postureStatus"]["state"], "compliant");
    let device = agent.call("get_device_details", json!({ "device": "web-1" })).await;
    let listed =
        agent.call("list_devices", json!({ "fields": ["postureStatus", "routeSelection"] })).await;
    for shown in [&device, &listed["devices"][0]] {
        assert_eq!(
            shown["postureStatus"],
            json!({ "state": "compliant", "checks": [1] }),
            "{shown}"
        );
        assert_eq!(shown["routeSelection"], "closest", "{shown}");
    }
    assert_eq!(device["displayName"], "Web server");

    let services = agent.call("services_list", json!({})).await;
    assert_eq!(services["services"][0]["display_name"], "Website", "{services}");
    let service = agent.call("services_get", json!({ "service": "svc:web" })).await;
    for (field, value) in [
        ("displayName", json!("Website")),
        ("postureStatus", json!("unchecked")),
        ("routeSelection", json!(["a", "b"])),
    ] {
        assert_eq!(service["service"][field], value, "{service}");
    }
    let host = &service["hosts"][0];
    assert_eq!(host["approval"], "approved:posture", "{host}");
    assert_eq!(
        (&host["postureStatus"], &host["routeSelection"]),
        (&json!("compliant"), &json!("regional"))
    );

    let settings = agent.call("get_tailnet_settings", json!({})).await;
    assert_eq!(settings["other"], json!({ "routeSelection": "regional" }), "{settings}");

    let stream = agent.call("get_log_streaming", json!({ "log": "network" })).await;
    assert_eq!(stream["configuration"]["destinationType"], "quantum", "{stream}");
    assert_eq!(stream["configuration"]["quantumLane"], 7, "{stream}");
    assert_eq!(stream["status"]["laneStatus"], "open", "{stream}");

    let logs = agent.call("get_device_logs", json!({ "device": "web-1" })).await;
    let event = &logs["events"][0];
    assert_eq!(event["action"], "DISENTANGLE", "{logs}");
    assert_eq!((&event["property"], &event["actor"]), (&json!("ENTANGLEMENT"), &json!("Robot")));
    let called = json!({ "operation": "listConfigurationAuditLogs", "parameters": {
        "start": "2026-09-01T00:00:00Z", "end": "2026-09-02T00:00:00Z",
    }});
    let all = agent.call("call_api_operation", called).await;
    assert_eq!(all["logs"][0]["origin"], "BORDER1_API", "{all}");
    assert_eq!(all["logs"][0]["target"]["type"], "PAM_DEVICE", "{all}");
}

/// A change of one field of a service sends the others as they were.
#[tokio::test]
async fn a_service_keeps_what_a_change_does_not_name() {
    let server = Server::start(|request| match request.method.as_str() {
        "GET" => Reply::json(&unheard_of(request)),
        _ => Reply::json(&json!({})),
    })
    .await;
    let agent = agent(&server.tailnet()).await;
    let update = json!({ "service": "svc:web", "comment": "new" });
    agent.ask("services_update", update).await;
    let seen = server.seen();
    let put = seen.iter().find(|it| it.method == "PUT").unwrap();
    let sent: Value = serde_json::from_str(&put.body).unwrap();
    for (field, value) in [
        ("displayName", json!("Website")),
        ("postureStatus", json!("unchecked")),
        ("routeSelection", json!(["a", "b"])),
        ("comment", json!("new")),
    ] {
        assert_eq!(sent[field], value, "{sent}");
    }
}
