//! Posture attributes of devices.

use serde_json::{Value, json};

use super::{agent, first, id};

#[tokio::test]
async fn an_attribute_is_set_read_and_deleted_with_before_and_after() {
    let (_sandbox, _, agent) = agent().await;
    let device = first(&agent, json!({ "external": false })).await;
    let set = |value: &str, dry_run: bool| {
        json!({
            "device": id(&device), "key": "custom:score", "value": value, "type": "number",
            "comment": "weekly scan", "dry_run": dry_run,
        })
    };

    let dry = agent.call("set_device_attribute", set("80", true)).await;
    let none = agent.call("get_device_attributes", json!({ "device": id(&device) })).await;
    let first_time = agent.call("set_device_attribute", set("80", false)).await;
    let second = agent.call("set_device_attribute", set("81", false)).await;
    let there = agent.call("get_device_attributes", json!({ "device": id(&device) })).await;
    let gone = json!({ "device": id(&device), "key": "custom:score" });
    let deleted = agent.call("delete_device_attribute", gone.clone()).await;
    let again = agent.call("delete_device_attribute", gone).await;

    let row = |it: &Value| it["changes"][0].clone();
    assert_eq!((&dry["applied"], &row(&dry)["after"]), (&json!(false), &json!(80)));
    assert!(none["attributes"].get("custom:score").is_none(), "a dry run changed something");
    let change = |before: Value, after: Value| json!({ "field": "custom:score", "before": before, "after": after });
    assert_eq!(row(&first_time), change(Value::Null, json!(80)));
    assert_eq!(row(&second), change(json!(80), json!(81)));
    assert_eq!(there["attributes"]["custom:score"], 81);
    assert_eq!(row(&deleted), change(json!(81), Value::Null));
    assert_eq!(again["applied"], false, "what is not there is not deleted");
    assert_eq!(again["unchanged"], true);
}

#[tokio::test]
async fn every_type_of_value_goes_out_as_itself() {
    let (_sandbox, _, agent) = agent().await;
    let device = first(&agent, json!({ "external": false })).await;
    for (key, kind, text, value) in [
        ("custom:tier", "string", "gold.1", json!("gold.1")),
        ("custom:score", "number", "-7", json!(-7)),
        ("custom:ok", "boolean", "true", json!(true)),
    ] {
        let arguments = json!({ "device": id(&device), "key": key, "value": text, "type": kind });
        assert_eq!(
            agent.call("set_device_attribute", arguments).await["changes"][0]["after"],
            value
        );
    }
}

#[tokio::test]
async fn another_type_is_refused_in_the_dry_run_already() {
    let (_sandbox, _, agent) = agent().await;
    let device = first(&agent, json!({ "external": false })).await;
    let set = |value: &str, kind: &str| json!({ "device": id(&device), "key": "custom:n", "value": value, "type": kind });
    agent.call("set_device_attribute", set("5", "number")).await;

    let mut dry = set("6", "string");
    dry["dry_run"] = json!(true);
    let failure = agent.fail("set_device_attribute", dry).await;
    let same = agent.call("set_device_attribute", set("5", "number")).await;
    let batch = json!({ "devices": [id(&device)], "key": "custom:n", "value": "x" });
    let batch = agent.fail("batch_update_device_attributes", batch).await;

    assert!(failure["message"].as_str().unwrap().contains("use `number`"), "{failure}");
    assert_eq!(batch["kind"], "invalid_input");
    assert_eq!((&same["unchanged"], &same["applied"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn an_attribute_can_expire() {
    let (_sandbox, _, agent) = agent().await;
    let device = first(&agent, json!({ "external": false })).await;
    let until = "2099-01-01T00:00:00Z";
    let arguments =
        json!({ "device": id(&device), "key": "custom:x", "value": "y", "expiry": until });

    agent.call("set_device_attribute", arguments).await;

    let read = agent.call("get_device_attributes", json!({ "device": id(&device) })).await;
    assert_eq!(read["expiries"]["custom:x"], until);
}

#[tokio::test]
async fn a_batch_sets_and_deletes_on_all_devices_at_once() {
    let (_sandbox, _, agent) = agent().await;
    let page = agent.call("list_devices", json!({ "tags": ["tag:web"], "limit": 3 })).await;
    let devices: Vec<Value> =
        page["devices"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    let set = json!({ "devices": devices, "key": "custom:wave", "value": "2" });

    let mut dry = set.clone();
    dry["dry_run"] = json!(true);
    let dry = agent.call("batch_update_device_attributes", dry).await;
    let done = agent.call("batch_update_device_attributes", set).await;
    let delete = json!({ "devices": devices, "key": "custom:wave" });
    let gone = agent.call("batch_update_device_attributes", delete).await;

    let there = json!([{ "field": "custom:wave", "before": null, "after": "2", "on": devices }]);
    assert_eq!((&dry["changes"], &dry["applied"]), (&there, &json!(false)));
    assert_eq!((&done["changes"], &done["applied"]), (&there, &json!(true)));
    assert_eq!(done["total"], 3);
    let away = json!([{ "field": "custom:wave", "before": "2", "after": null, "on": devices }]);
    assert_eq!(gone["changes"], away);
}

#[tokio::test]
async fn a_batch_with_one_unknown_device_changes_none() {
    let (sandbox, _, agent) = agent().await;
    let arguments = json!({ "devices": ["web-01", "nope-99"], "key": "custom:a", "value": "b" });

    let failure = agent.fail("batch_update_device_attributes", arguments).await;

    assert_eq!(failure["kind"], "not_found");
    assert!(sandbox.requests().iter().all(|(method, ..)| method == "GET"));
}

#[tokio::test]
async fn what_the_server_would_refuse_is_refused_before_it_is_sent() {
    let (sandbox, _, agent) = agent().await;
    let cases = [
        (json!({ "key": "score", "value": "1" }), "custom:name"),
        (json!({ "key": "custom:", "value": "1" }), "custom:name"),
        (json!({ "key": "custom:a b", "value": "1" }), "custom:name"),
        (json!({ "key": format!("custom:{}", "x".repeat(122)), "value": "1" }), "128"),
        (json!({ "key": "custom:a", "value": "x".repeat(51) }), "50"),
        (json!({ "key": "custom:a", "value": "" }), "50"),
        (json!({ "key": "custom:a", "value": "a-b" }), "50"),
        (json!({ "key": "custom:a", "value": "1.5", "type": "number" }), "whole number"),
        (json!({ "key": "custom:a", "value": "9007199254740992", "type": "number" }), "between"),
        (json!({ "key": "custom:a", "value": "yes", "type": "boolean" }), "`true`"),
        (json!({ "key": "custom:a", "value": "b", "comment": "c".repeat(201) }), "200"),
        (json!({ "key": "custom:a", "value": "b", "expiry": "soon" }), "`expiry`"),
        (json!({ "key": "custom:a", "value": "b", "expiry": "2020-01-01T00:00:00Z" }), "future"),
    ];
    for (mut arguments, word) in cases {
        arguments["device"] = json!("web-01");
        let failure = agent.fail("set_device_attribute", arguments.clone()).await;
        assert_eq!(failure["kind"], "invalid_input", "{arguments}");
        assert!(failure["message"].as_str().unwrap().contains(word), "{failure}");
    }
    let many: Vec<String> = (0..51).map(|it| format!("web-{it}")).collect();
    let batch = json!({ "devices": many, "key": "custom:a", "value": "b" });
    agent.fail("batch_update_device_attributes", batch).await;
    let none = json!({ "devices": [], "key": "custom:a", "value": "b" });
    agent.fail("batch_update_device_attributes", none).await;
    assert!(sandbox.requests().is_empty(), "{:?}", sandbox.requests());
}
