//! What the API sends is read, however odd: no record fails a list, and no value is lost.

use serde_json::{Value, json};
use tailsteward::tailnet::{devices::Device, logging::Window};

use crate::support::{Reply, Server, set_auto_updates};

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
    let latency = fine.client_connectivity.as_ref().unwrap().latency.as_ref().unwrap();
    assert_eq!(latency["fra"].latency_ms, Some(1.5));

    assert_eq!((odd.key(), odd.created.as_ref().unwrap().as_str()), ("n1", ""));
    assert!(odd.expires.is_none() && odd.addresses().is_empty() && odd.tags().is_empty());
    let aside = [
        ("color", json!("red")),
        ("unreadable:tags", json!("tag:b")),
        ("unreadable:hostname", json!(5)),
        ("unreadable:authorized", json!({ "maybe": true })),
        ("unreadable:os", json!(["linux"])),
        ("unreadable:distro", json!("Debian")),
        ("unreadable:sshEnabled", json!("yes")),
    ];
    for (field, value) in aside {
        assert_eq!(odd.extra.get(field), Some(&value), "{field}");
    }
    let connectivity = odd.client_connectivity.as_ref().unwrap();
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
