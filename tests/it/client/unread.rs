//! Parts of a device that are kept as JSON until someone asks for them.

use serde_json::{Value, json};
use tailsteward::{api::types::DeviceClientConnectivity, client::Unread, tailnet::devices::Device};

use crate::{
    support::{Reply, Server},
    tailnet::resource::agent,
};

/// With fields that no edition of the document has, at every depth.
fn device() -> Value {
    json!({
        "nodeId": "n1", "name": "web-1.example.ts.net", "authorized": true,
        "clientConnectivity": {
            "endpoints": ["203.0.113.5:41641"], "mappingVariesByDestIP": true, "weather": "fine",
            "latency": { "Nuremberg": { "preferred": true, "latencyMs": 3.25, "jitter": [1, null] } },
            "clientSupports": { "udp": false, "hairPinning": null, "quic": { "v2": true } },
        },
        "distro": { "name": "debian", "version": "13", "colour": "red" },
        "postureIdentity": { "serialNumbers": ["A \"b\\\" \n c"], "tpm": { "vendor": "x" } },
    })
}

const PARTS: [&str; 3] = ["clientConnectivity", "distro", "postureIdentity"];

/// A server with these devices, which answers on many lines, as the API does.
async fn server(devices: Vec<Value>) -> Server {
    Server::start(move |request| {
        let answer = match request.path() {
            "/api/v2/tailnet/-/devices" => json!({ "devices": devices }),
            path => {
                let id = path.rsplit('/').next().unwrap();
                devices.iter().find(|it| it["nodeId"] == id).unwrap().clone()
            }
        };
        Reply::new(200).text(serde_json::to_string_pretty(&answer).unwrap())
    })
    .await
}

#[tokio::test]
async fn unknown_fields_within_survive_where_a_record_is_shown_whole() {
    let server = server(vec![device()]).await;
    let agent = agent(&server.tailnet()).await;

    let details = agent.call("get_device_details", json!({ "device": "web-1" })).await;
    let all = agent.call("list_devices", json!({ "fields": ["all"] })).await;
    let one = agent.call("list_devices", json!({ "fields": PARTS })).await;

    for part in PARTS {
        for shown in [&details, &all["devices"][0], &one["devices"][0]] {
            assert_eq!(shown[part], device()[part], "{part}");
        }
    }
}

#[tokio::test]
async fn what_is_kept_is_read_when_asked_for() {
    let server = server(vec![device()]).await;
    let agent = agent(&server.tailnet()).await;

    let status = agent.call("get_device_status", json!({ "device": "web-1" })).await;

    assert_eq!(status["preferred_region"], "Nuremberg", "{status}");
    assert_eq!(status["network"]["hard_nat"], true, "{status}");
    assert_eq!(status["network"]["udp"], false, "{status}");
    let list = server.tailnet().devices().list().await.unwrap();
    let connectivity = list[0].connectivity().unwrap();
    assert_eq!(connectivity.extra["weather"], "fine");
    assert_eq!(connectivity.client_supports.unwrap().extra["quic"], json!({ "v2": true }));
    let identity = list[0].posture_identity.as_ref().unwrap().read().unwrap();
    assert_eq!(identity.serial_numbers.unwrap(), ["A \"b\\\" \n c"]);
}

/// A line break would end a message over stdio.
#[tokio::test]
async fn a_record_from_many_lines_is_written_on_one() {
    let server = server(vec![device()]).await;
    let list = server.tailnet().devices().list().await.unwrap();

    let written = serde_json::to_string(&list[0]).unwrap();

    assert!(!written.contains(['\n', '\r', '\t']), "{written}");
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), device());
}

#[tokio::test]
async fn null_absent_and_empty_are_unknown() {
    let plain = |id: &str| json!({ "nodeId": id, "name": format!("{id}.example.ts.net") });
    let with = |id: &str, part: Value| {
        let mut device = plain(id);
        device["clientConnectivity"] = part;
        device
    };
    let server =
        server(vec![plain("a"), with("b", Value::Null), with("c", json!({})), device()]).await;
    let agent = agent(&server.tailnet()).await;

    for (device, shown) in [("a", Value::Null), ("b", Value::Null), ("c", json!({}))] {
        let status = agent.call("get_device_status", json!({ "device": device })).await;
        assert!(status["network"].get("udp").is_none(), "{status}");
        assert!(status["network"].get("hard_nat").is_none(), "{status}");
        let details = agent.call("get_device_details", json!({ "device": device })).await;
        assert_eq!(details["clientConnectivity"], shown, "{device}");
    }
    for (hard_nat, matching) in [(true, 1), (false, 0)] {
        let page = agent.call("list_devices", json!({ "hard_nat": hard_nat })).await;
        assert_eq!(page["matching"], matching, "{page}");
    }
}

#[tokio::test]
async fn an_odd_type_reads_as_unknown_and_survives() {
    let odd = [json!("yes"), json!(7.5), json!(true), json!([1, { "a": null }])];
    let records = odd.iter().enumerate().map(|(number, part)| {
        let mut record = json!({ "nodeId": format!("n{number}"), "name": format!("odd-{number}") });
        for it in PARTS {
            record[it] = part.clone();
        }
        record
    });
    let server = server(records.collect()).await;
    let agent = agent(&server.tailnet()).await;

    let list = server.tailnet().devices().list().await.unwrap();
    assert!(list.iter().all(|it| it.connectivity().is_none()));
    assert!(list.iter().all(|it| it.distro.as_ref().unwrap().read().is_none()));
    let page = agent.call("list_devices", json!({ "fields": ["all"] })).await;
    for (number, part) in odd.iter().enumerate() {
        let name = format!("odd-{number}");
        let status = agent.call("get_device_status", json!({ "device": name })).await;
        assert!(status.get("network").is_none(), "{status}");
        let details = agent.call("get_device_details", json!({ "device": name })).await;
        for shown in [&details, &page["devices"][number]] {
            assert!(PARTS.iter().all(|it| shown[it] == *part), "{shown}");
        }
    }
}

/// Of a list with odd records, every record is decoded from values instead of text.
#[test]
fn it_is_read_from_values_as_from_text() {
    let from_text: Device = serde_json::from_str(&device().to_string()).unwrap();
    let from_value: Device = serde_json::from_value(device()).unwrap();
    let from_reference = serde_path_to_error::deserialize::<_, Device>(&device()).unwrap();

    for read in [&from_text, &from_value, &from_reference] {
        assert_eq!(json!(read), device());
        assert_eq!(read.client_connectivity, from_text.client_connectivity);
        assert!(read.connectivity().is_some());
    }
}

#[test]
fn one_is_made_of_a_value() {
    let part = DeviceClientConnectivity {
        mapping_varies_by_dest_ip: Some(true),
        ..DeviceClientConnectivity::default()
    };

    let unread = Unread::new(&part).unwrap();

    let device = Device { client_connectivity: Some(unread), ..Device::default() };
    assert_eq!(json!(device), json!({ "clientConnectivity": { "mappingVariesByDestIP": true } }));
    assert_eq!(device.connectivity().unwrap().mapping_varies_by_dest_ip, Some(true));
}
