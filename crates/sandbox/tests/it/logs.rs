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

/// Two hours of flow logs.
async fn flows(tailnet: &Tailnet) -> Vec<Value> {
    tailnet.get(FLOWS).await.ok()["logs"].as_array().unwrap().clone()
}

const FLOWS: &str =
    "/tailnet/-/logging/network?start=2026-06-15T10:00:00Z&end=2026-06-15T12:00:00Z";

fn counts<'a>(log: &'a Value, kind: &str) -> &'a [Value] {
    log[kind].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn seconds(value: &Value) -> i64 {
    text(value).parse::<jiff::Timestamp>().unwrap().as_second()
}

#[tokio::test]
async fn a_record_is_what_one_node_saw_in_five_seconds_and_says_who_it_is() {
    let tailnet = Tailnet::new().await;
    let (logs, nodes) = (flows(&tailnet).await, tailnet.devices().await);
    assert!(logs.len() > 200, "{}", logs.len());
    for log in &logs {
        let node = nodes.iter().find(|node| node["nodeId"] == log["nodeId"]).unwrap();
        let named = &log["srcNode"];
        assert_eq!((&named["nodeId"], &named["name"]), (&node["nodeId"], &node["name"]));
        assert_eq!((&named["os"], &named["addresses"]), (&node["os"], &node["addresses"]));
        // A tagged device belongs to nobody.
        assert_eq!(named.get("tags").is_some(), named.get("user").is_none());
        assert!(!log["dstNodes"].as_array().unwrap().is_empty());
        assert_eq!(seconds(&log["end"]) - seconds(&log["start"]), 5);
        assert!(seconds(&log["logged"]) > seconds(&log["end"]));
        for count in counts(log, "virtualTraffic") {
            assert!(matches!(count["proto"].as_u64(), Some(1 | 6 | 17 | 99)), "{count}");
            let own = text(&node["addresses"][0]);
            assert!(text(&count["src"]).starts_with(&format!("{own}:")), "{count}");
        }
        for count in counts(log, "physicalTraffic") {
            assert!(count["proto"] == 0 && text(&count["src"]).ends_with(":0"), "{count}");
        }
    }
    // Some records take minutes to arrive.
    assert!(logs.iter().any(|log| seconds(&log["logged"]) - seconds(&log["end"]) > 60));
}

#[tokio::test]
async fn both_ends_report_a_connection_as_each_sees_it() {
    let tailnet = Tailnet::new().await;
    let logs = flows(&tailnet).await;
    let mut pairs = 0;
    for log in &logs {
        for count in counts(log, "virtualTraffic").iter().filter(|it| it["proto"] != 99) {
            let mirror = logs.iter().filter(|it| it["start"] == log["start"]).find_map(|other| {
                let mut all = counts(other, "virtualTraffic").iter();
                let mirrors = |it: &&Value| {
                    (&it["src"], &it["dst"], &it["proto"])
                        == (&count["dst"], &count["src"], &count["proto"])
                };
                all.find(mirrors)
            });
            let Some(mirror) = mirror else { continue };
            pairs += 1;
            let (sent, arrived) =
                (count["txBytes"].as_f64().unwrap(), mirror["rxBytes"].as_f64().unwrap());
            let (more, less) = (sent.max(arrived), sent.min(arrived));
            assert!(less >= more * 0.99, "{count} {mirror}");
        }
    }
    assert!(pairs > 100, "{pairs}");
}

#[tokio::test]
async fn exits_are_anonymous_refusals_are_told_and_some_paths_are_relayed() {
    let tailnet = Tailnet::new().await;
    let logs = flows(&tailnet).await;
    let all = |kind: &'static str| logs.iter().flat_map(move |log| counts(log, kind));

    assert!(all("exitTraffic").count() > 0);
    assert!(all("exitTraffic").all(|it| it.get("src").is_none() && it.get("dst").is_none()));
    assert!(all("subnetTraffic").count() > 0);
    // A refusal comes from the node that refused, and has no port.
    let notices = all("virtualTraffic").filter(|it| it["proto"] == 99 && it["txPkts"] == 1);
    assert!(notices.clone().count() > 0);
    assert!(notices.clone().all(|it| text(&it["src"]).ends_with(":0")));
    let relayed = all("physicalTraffic").filter(|it| text(&it["dst"]).starts_with("127.3.3.40:"));
    let (relayed, paths) = (relayed.count(), all("physicalTraffic").count());
    assert!(relayed > 0 && relayed * 2 < paths, "{relayed} of {paths}");
}

#[tokio::test]
async fn late_records_arrive_later_and_the_others_stay_as_they_are() {
    let tailnet = Tailnet::new().await;
    let before = flows(&tailnet).await;
    tailnet.sandbox.advance(std::time::Duration::from_mins(15));
    let after = flows(&tailnet).await;

    assert!(after.len() > before.len(), "{} {}", after.len(), before.len());
    assert!(before.iter().all(|log| after.contains(log)));
}

#[tokio::test]
async fn flow_logs_are_repeatable_and_kept_for_thirty_days() {
    let tailnet = Tailnet::new().await;
    let path = FLOWS;
    let answer = tailnet.get(path).await;
    assert!(answer.text.starts_with("{\"logs\":["));
    assert_eq!(tailnet.get(path).await.text, answer.text);
    let half = path.replace("T10:", "T11:");
    let part = tailnet.get(&half).await.ok()["logs"].clone();
    let later = |log: &&Value| text(&log["start"]) >= "2026-06-15T11:00:00Z";
    let all = answer.body["logs"].as_array().unwrap();
    assert_eq!(part, json!(all.iter().filter(later).collect::<Vec<_>>()));
    // Logs are kept for 30 days, and none are from the future.
    let old = path.replace("2026-06-15T1", "2026-05-01T1");
    assert_eq!(tailnet.get(&old).await.ok()["logs"], json!([]));
    let ahead = path.replace("2026-06-15T1", "2026-07-01T1");
    assert_eq!(tailnet.get(&ahead).await.ok()["logs"], json!([]));
    let off = json!({ "networkFlowLoggingOn": false });
    tailnet.call("PATCH", "/tailnet/-/settings", off).await.ok();
    tailnet.get(path).await.refused(403, "feature not available on current billing plan");
}
