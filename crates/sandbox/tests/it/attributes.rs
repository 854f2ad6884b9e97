//! Posture attributes.

use super::*;

async fn attributes(tailnet: &Tailnet, id: &str) -> Value {
    tailnet.get(&format!("/device/{id}/attributes")).await.ok()
}

#[tokio::test]
async fn a_device_reports_its_own() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let posture = attributes(&tailnet, id_of(&device)).await;
    let reported = &posture["attributes"];
    assert_eq!(reported["node:os"], device["os"]);
    assert!(text(&device["clientVersion"]).starts_with(text(&reported["node:tsVersion"])));
    assert!(reported["node:tsAutoUpdate"].is_boolean());
    assert!(posture["expiries"].is_object());
}

#[tokio::test]
async fn custom_ones_are_set_changed_and_deleted() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let path = format!("/device/{}/attributes/custom:score", id_of(&device));
    let expiry = "2026-06-15T13:00:00Z";
    let set = json!({ "value": 80, "expiry": expiry, "comment": "first" });
    let after = tailnet.post(&path, set).await.ok();
    assert_eq!(after["attributes"]["custom:score"], 80);
    assert_eq!(after["expiries"]["custom:score"], expiry);
    // What the official Go client sends for "no expiry".
    let zero = json!({ "value": 81, "expiry": "0001-01-01T00:00:00Z", "comment": "" });
    let after = tailnet.post(&path.replace(':', "%3A"), zero).await.ok();
    assert_eq!(after["attributes"]["custom:score"], 81);
    assert!(after["expiries"].get("custom:score").is_none());
    tailnet.call("DELETE", &path, Value::Null).await.ok_and_object();
    tailnet.call("DELETE", &path, Value::Null).await.ok_and_object();
    let left = attributes(&tailnet, id_of(&device)).await;
    assert!(left["attributes"].get("custom:score").is_none());
}

#[tokio::test]
async fn they_expire() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let path = format!("/device/{}/attributes/custom:brief", id_of(&device));
    let set = json!({ "value": true, "expiry": "2026-06-15T12:10:00Z" });
    tailnet.post(&path, set).await.ok();
    tailnet.sandbox.advance(Duration::from_mins(11));
    let left = attributes(&tailnet, id_of(&device)).await;
    assert!(left["attributes"].get("custom:brief").is_none());
    assert!(left["expiries"].get("custom:brief").is_none());
}

#[tokio::test]
async fn keys_and_values_are_checked() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let base = format!("/device/{}/attributes", id_of(&device));
    let before = attributes(&tailnet, id_of(&device)).await;
    let long = format!("custom:{}", "a".repeat(122));
    for key in ["node:os", "custom:", "custom:a-b", long.as_str(), "score"] {
        let answer = tailnet.post(&format!("{base}/{key}"), json!({ "value": 1 })).await;
        assert_eq!(answer.status, 400, "{key}");
    }
    let number = 9_007_199_254_740_992_u64;
    for value in
        [json!("a b"), json!("a".repeat(51)), json!(1.5), json!(number), json!([]), json!(null)]
    {
        let answer = tailnet.post(&format!("{base}/custom:x"), json!({ "value": value })).await;
        assert_eq!(answer.status, 400, "{value}");
    }
    for extra in [json!({ "comment": "c".repeat(201) }), json!({ "expiry": "tomorrow" })] {
        let mut body = extra;
        body["value"] = json!(1);
        assert_eq!(tailnet.post(&format!("{base}/custom:x"), body).await.status, 400);
    }
    assert_eq!(attributes(&tailnet, id_of(&device)).await, before);
    tailnet.post(&format!("{base}/custom:x"), json!({ "value": "still_any.type" })).await.ok();
}

#[tokio::test]
async fn the_first_write_fixes_type_and_spelling_for_the_tailnet() {
    let tailnet = Tailnet::new().await;
    let devices = tailnet.devices().await;
    let path = |at: usize, key: &str| format!("/device/{}/attributes/{key}", id_of(&devices[at]));
    tailnet.post(&path(0, "custom:Level"), json!({ "value": "high" })).await.ok();
    for (key, value) in [("custom:Level", json!(3)), ("custom:level", json!("high"))] {
        let answer = tailnet.post(&path(1, key), json!({ "value": value })).await;
        assert_eq!(answer.status, 400, "{key}");
    }
    tailnet.post(&path(1, "custom:Level"), json!({ "value": "low" })).await.ok();
}

#[tokio::test]
async fn a_batch_merges_into_many_devices_or_none() {
    let tailnet = Tailnet::new().await;
    let devices = tailnet.devices().await;
    let (one, two) = (id_of(&devices[0]), id_of(&devices[1]));
    let path = "/tailnet/-/device-attributes";
    let batch = json!({ "nodes": {
        one: { "custom:a": { "value": "x" }, "custom:b": { "value": 1 } },
        two: { "custom:a": { "value": "y", "expiry": "2027-01-01T00:00:00Z" } },
    }, "comment": "rollout" });
    let answer = tailnet.call("PATCH", path, batch).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "null"));
    let merge = json!({ "nodes": { one: { "custom:a": null } } });
    tailnet.call("PATCH", path, merge).await.ok();
    let left = attributes(&tailnet, one).await;
    assert!(left["attributes"].get("custom:a").is_none());
    assert_eq!(left["attributes"]["custom:b"], 1);
    let other = attributes(&tailnet, two).await;
    assert_eq!(other["attributes"]["custom:a"], "y");
    assert_eq!(other["expiries"]["custom:a"], "2027-01-01T00:00:00Z");
    for bad in [
        json!({ one: { "custom:c": { "value": 1 } }, "n0CNTRL": {} }),
        json!({ one: { "custom:c": { "value": 1 } }, two: { "custom:c": { "value": "1" } } }),
        json!({ one: { "custom:c": { "value": 1 }, "node:os": null } }),
    ] {
        let answer = tailnet.call("PATCH", path, json!({ "nodes": bad })).await;
        assert!(matches!(answer.status, 400 | 404), "{}", answer.text);
        assert_eq!(attributes(&tailnet, one).await, left);
    }
    // A rejected batch does not fix the type of an attribute.
    let path = format!("/device/{one}/attributes/custom:c");
    tailnet.post(&path, json!({ "value": true })).await.ok();
}
