//! Audit and flow logs.

use super::*;

#[tokio::test]
async fn there_is_history() {
    let tailnet = Tailnet::new().await;
    let logs = tailnet.audit("").await;
    assert!(logs.len() > 30);
    let times: Vec<&str> = logs.iter().map(|log| text(&log["eventTime"])).collect();
    assert!(times.is_sorted());
    for log in &logs {
        for key in ["type", "eventGroupID", "origin", "actor", "target", "action"] {
            assert!(log.get(key).is_some(), "{key}");
        }
    }
}

#[tokio::test]
async fn every_change_lands_in_the_audit_log() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let (id, before) = (id_of(&device), tailnet.audit("").await.len());
    let path = format!("/device/{id}");
    let changes = [
        ("name", json!({ "name": "renamed" }), "MACHINE_NAME"),
        ("ip", json!({ "ipv4": "100.80.1.1" }), "ADDRESS"),
        ("routes", json!({ "routes": ["10.0.0.0/8"] }), "ALLOWED_IPS"),
        ("key", json!({ "keyExpiryDisabled": true }), "KEY_EXPIRY"),
        ("attributes/custom:z", json!({ "value": 1, "comment": "why" }), "ATTRIBUTES"),
        ("tags", json!({ "tags": ["tag:web"] }), "ACL_TAGS"),
        ("expire", Value::Null, "KEY_EXPIRY_TIME"),
    ];
    for (call, body, _) in &changes {
        assert_eq!(tailnet.post(&format!("{path}/{call}"), body.clone()).await.status, 200);
    }
    let logs = tailnet.audit("").await;
    assert_eq!(logs.len(), before + changes.len());
    for (log, (_, _, property)) in logs[before..].iter().zip(&changes) {
        assert_eq!(log["target"]["property"], *property);
        assert_eq!(log["target"]["id"], id);
        assert_eq!(log["origin"], "CONFIG_API");
        assert_eq!(log["actor"]["type"], "USER");
        assert_eq!(log["eventTime"], NOW);
    }
    assert_eq!(logs[before]["old"], text(&device["name"]).split('.').next().unwrap());
    assert_eq!(logs[before]["new"], "renamed");
    assert_eq!(logs[before + 4]["actionDetails"], "why");
    // Reads, and writes that change nothing, are not logged.
    tailnet.post(&format!("{path}/name"), json!({ "name": "renamed" })).await.ok_and_empty();
    assert_eq!(tailnet.audit("").await.len(), before + changes.len());
    let token = tailnet.token(Sandbox::OAUTH_CLIENT_SECRET, "").await.ok();
    let token = text(&token["access_token"]);
    tailnet.call_as(token, "DELETE", &path, Value::Null).await.ok_and_empty();
    let last = tailnet.audit("&event=NODE.DELETE").await.pop().unwrap();
    assert_eq!(last["actor"]["type"], "OAUTH_CLIENT");
    assert_eq!(last["actor"]["id"], Sandbox::OAUTH_CLIENT_ID);
}

#[tokio::test]
async fn the_window_is_required_strict_and_inclusive() {
    let tailnet = Tailnet::new().await;
    let path = "/tailnet/-/logging/configuration";
    let z = "2026-06-15T12:00:00Z";
    for query in [
        String::new(),
        format!("start={z}"),
        format!("end={z}"),
        format!("start=2026-06-15&end={z}"),
        format!("start=2026-06-15T12:00:00&end={z}"),
        format!("start=2026-06-15%2012:00:00Z&end={z}"),
        format!("start=2026-06-15T12:00Z&end={z}"),
        format!("start=yesterday&end={z}"),
        format!("start=2026-02-31T00:00:00Z&end={z}"),
    ] {
        for path in [path, "/tailnet/-/logging/network"] {
            let answer = tailnet.get(&format!("{path}?{query}")).await;
            assert_eq!(answer.status, 400, "{query}");
        }
    }
    tailnet.call("PATCH", "/tailnet/-/settings", json!({ "httpsEnabled": false })).await.ok();
    let count = async |start: &str, end: &str| {
        let path = format!("{path}?start={start}&end={end}&event=TAILNET.DISABLE.HTTPS");
        let list = tailnet.get(&path).await.ok();
        assert_eq!((&list["version"], &list["tailnet"]), (&json!("1.1"), &json!("example.com")));
        list["logs"].as_array().unwrap().len()
    };
    assert_eq!(count(z, z).await, 1);
    assert_eq!(count("2026-06-15T14:00:00%2B02:00", "2030-01-01T00:00:00.5-05:00").await, 1);
    assert_eq!(count("2026-06-15T12:00:00.000001Z", "2030-01-01T00:00:00Z").await, 0);
    assert_eq!(count("2027-01-01T00:00:00Z", z).await, 0);
}

#[tokio::test]
async fn the_audit_log_is_filtered() {
    let tailnet = Tailnet::new().await;
    let all = tailnet.audit("").await;
    let log = all.iter().find(|log| log["actor"]["type"] == "USER").unwrap();
    let actor = text(&log["actor"]["id"]);
    let by_id = tailnet.audit(&format!("&actor={actor}")).await;
    assert!(!by_id.is_empty() && by_id.len() < all.len());
    assert!(by_id.iter().all(|log| log["actor"]["id"] == actor));
    let login = text(&log["actor"]["loginName"]).split('@').next().unwrap();
    assert_eq!(tailnet.audit(&format!("&actor=~{}", login.to_uppercase())).await, by_id);
    assert!(tailnet.audit(&format!("&actor={login}")).await.is_empty());
    let (target, part) = (text(&log["target"]["name"]), 4);
    let by_target = tailnet.audit(&format!("&target={}", &target[..part])).await;
    assert!(by_target.iter().any(|found| found == log));
    let two = tailnet.audit("&event=NODE.CREATE&event=USER.SUSPEND").await;
    assert!(two.iter().any(|log| log["action"] == "SUSPEND"));
    assert!(two.iter().all(|log| matches!(text(&log["action"]), "CREATE" | "SUSPEND")));
    assert!(tailnet.audit("&event=NODE.CREATE&actor=nobody").await.is_empty());
}

#[tokio::test]
async fn flow_logs_are_believable_and_repeatable() {
    let tailnet = Tailnet::new().await;
    let path = "/tailnet/-/logging/network?start=2026-06-15T10:00:00Z&end=2026-06-15T12:00:00Z";
    let answer = tailnet.get(path).await;
    assert!(answer.text.starts_with("{\"logs\":["));
    let logs = answer.body["logs"].as_array().unwrap().clone();
    assert!(logs.len() > 40, "{}", logs.len());
    let nodes = tailnet.devices().await;
    for log in &logs {
        assert!(nodes.iter().any(|node| node["nodeId"] == log["nodeId"]));
        assert!(text(&log["logged"]) >= "2026-06-15T10:00:00Z");
        assert!(matches!(log["virtualTraffic"][0]["proto"].as_u64(), Some(1 | 6 | 17)));
        assert_eq!(log["physicalTraffic"][0]["proto"], 0);
    }
    let relayed = |log: &Value| text(&log["physicalTraffic"][0]["dst"]).starts_with("127.3.3.40:");
    assert!(logs.iter().any(relayed));
    assert!(logs.iter().any(|log| log["subnetTraffic"].is_array()));
    assert!(logs.iter().any(|log| log["exitTraffic"].is_array()));
    assert_eq!(tailnet.get(path).await.text, answer.text);
    // Logs are kept for 30 days, and none are from the future.
    let old = path.replace("2026-06-15T1", "2026-05-01T1");
    assert_eq!(tailnet.get(&old).await.ok()["logs"], json!([]));
    let ahead = path.replace("2026-06-15T1", "2026-07-01T1");
    assert_eq!(tailnet.get(&ahead).await.ok()["logs"], json!([]));
    let off = json!({ "networkFlowLoggingOn": false });
    tailnet.call("PATCH", "/tailnet/-/settings", off).await.ok();
    tailnet.get(path).await.refused(403, "feature not available on current billing plan");
}
