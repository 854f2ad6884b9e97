//! Tailscale Services, their hosts, and the older paths.

use super::*;

const ALL: &str = "/tailnet/-/services";

async fn put(tailnet: &Tailnet, name: &str, body: Value) -> Answer {
    tailnet.call("PUT", &format!("{ALL}/{name}"), body).await
}

#[tokio::test]
async fn a_service_is_created_with_two_addresses() {
    let tailnet = Tailnet::new().await;
    let body = json!({
        "ports": ["tcp:443", "8000-8010"], "comment": "Git", "tags": ["tag:web"],
        "annotations": {"team": "infra"}, "displayName": "Git server",
    });
    let made = put(&tailnet, "svc:git", body).await.ok();
    assert_eq!(made["name"], "svc:git");
    assert_eq!(made["addrs"].as_array().unwrap().len(), 2);
    assert_eq!(tailnet.get(&format!("{ALL}/svc%3Agit")).await.ok(), made);
    assert_eq!(tailnet.get("/tailnet/-/vip-services/svc:git").await.ok(), made);
    let all = tailnet.get(ALL).await.ok();
    assert!(all["vipServices"].as_array().unwrap().contains(&made));
    let wanted = json!({"addrs": ["100.99.1.1"], "ports": ["do-not-validate"]});
    assert_eq!(put(&tailnet, "svc:b", wanted).await.ok()["addrs"][0], "100.99.1.1");
}

#[tokio::test]
async fn the_rules_for_addresses_differ_for_new_and_old_ones() {
    let tailnet = Tailnet::new().await;
    let ports = json!(["tcp:1"]);
    let new = "when creating a new service, addrs must be empty or contain 1 IPv4 address";
    for addrs in [json!(["100.99.1.1", "100.99.1.2"]), json!(["fd7a::1"])] {
        put(&tailnet, "svc:a", json!({"addrs": addrs, "ports": ports})).await.refused(400, new);
    }
    let made = put(&tailnet, "svc:a", json!({ "ports": ports })).await.ok();
    let old = "when updating a service, addrs must contain 2 elements";
    put(&tailnet, "svc:a", json!({ "ports": ports })).await.refused(400, old);
    let ipv6 = &made["addrs"][1];
    let moved =
        put(&tailnet, "svc:a", json!({"addrs": ["100.99.1.9", ipv6], "ports": ports})).await;
    assert_eq!(moved.ok()["addrs"], json!(["100.99.1.9", ipv6]));
    let device = tailnet.personal().await;
    let taken = &device["addresses"][0];
    let answer = put(&tailnet, "svc:a", json!({"addrs": [taken, ipv6], "ports": ports})).await;
    answer.refused(400, &format!("{} is already in use", text(taken)));
    let other = json!({"addrs": ["100.99.1.9", "fd7a:115c:a1e0::9"], "ports": ports});
    assert_eq!(put(&tailnet, "svc:a", other).await.status, 400);
}

#[tokio::test]
async fn another_name_in_the_body_renames() {
    let tailnet = Tailnet::new().await;
    let web = tailnet.get(&format!("{ALL}/svc:web")).await.ok();
    let mut body = web.clone();
    body["name"] = json!("svc:site");
    assert_eq!(put(&tailnet, "svc:web", body.clone()).await.ok(), body);
    tailnet.get(&format!("{ALL}/svc:web")).await.refused(404, "service not found");
    body["name"] = json!("svc:orders-db");
    let refusal = "cannot rename \"svc:site\" to \"svc:orders-db\"";
    put(&tailnet, "svc:site", body).await.refused(400, refusal);
}

#[tokio::test]
async fn names_ports_and_tags_are_checked() {
    let tailnet = Tailnet::new().await;
    let before = tailnet.get(ALL).await.ok();
    let empty = "ports are empty, use \"do-not-validate\" to opt out of port validation";
    put(&tailnet, "svc:a", json!({})).await.refused(400, empty);
    for (name, body) in [
        ("web", json!({"ports": ["tcp:1"]})),
        ("svc:-a", json!({"ports": ["tcp:1"]})),
        ("svc:a", json!({"ports": ["udp:1"]})),
        ("svc:a", json!({"ports": ["tcp:0"]})),
        ("svc:a", json!({"ports": ["tcp:9-1"]})),
        ("svc:a", json!({"ports": ["tcp:1"], "tags": ["tag:unknown"]})),
    ] {
        assert_eq!(put(&tailnet, name, body.clone()).await.status, 400, "{name} {body}");
    }
    assert_eq!(tailnet.get(ALL).await.ok(), before);
}

#[tokio::test]
async fn devices_with_its_tag_host_a_service_once_approved() {
    let tailnet = Tailnet::new().await;
    let path = format!("{ALL}/svc:web/devices");
    let hosts = tailnet.get(&path).await.ok()["hosts"].as_array().unwrap().clone();
    assert!(!hosts.is_empty());
    assert!(hosts.iter().all(|host| host["approvalLevel"] == "not-approved"));
    let id = text(&hosts[0]["stableNodeID"]);
    let tags = tailnet.device(id).await["tags"].clone();
    assert!(tags.as_array().unwrap().contains(&json!("tag:web")));
    let approval = format!("{ALL}/svc:web/device/{id}/approved");
    let no = json!({"approved": false, "autoApproved": false});
    assert_eq!(tailnet.get(&approval).await.ok(), no);
    let yes = json!({"approved": true, "autoApproved": false});
    assert_eq!(tailnet.post(&approval, json!({ "approved": true })).await.ok(), yes);
    assert_eq!(tailnet.get(&approval).await.ok(), yes);
    let level = &tailnet.get(&path).await.ok()["hosts"][0]["approvalLevel"];
    assert_eq!(level, "approved:manual");
    tailnet.post(&approval, json!({})).await.refused(400, "approved is required");
    // Removing a device also removes it as a host.
    tailnet.call("DELETE", &format!("/device/{id}"), Value::Null).await.ok_and_empty();
    assert_eq!(tailnet.get(&path).await.ok()["hosts"].as_array().unwrap().len(), hosts.len() - 1);
}

#[tokio::test]
async fn the_policy_can_approve_by_itself() {
    let tailnet = Tailnet::new().await;
    let policy = r#"{"tagOwners": {"tag:web": []},
        "autoApprovers": {"services": {"svc:web": ["tag:web"]}}}"#;
    let request = tailnet.bare("POST", "/tailnet/-/acl").bearer_auth(Sandbox::API_KEY);
    tailnet.send(request.body(policy)).await.ok();
    let hosts = tailnet.get(&format!("{ALL}/svc:web/devices")).await.ok();
    assert_eq!(hosts["hosts"][0]["approvalLevel"], "approved:auto");
    let id = text(&hosts["hosts"][0]["stableNodeID"]).to_owned();
    let approval = tailnet.get(&format!("{ALL}/svc:web/device/{id}/approved")).await.ok();
    assert_eq!(approval, json!({"approved": true, "autoApproved": true}));
}

#[tokio::test]
async fn a_deleted_one_is_gone_on_both_paths() {
    let tailnet = Tailnet::new().await;
    let old = "/tailnet/-/vip-services/svc:web";
    tailnet.call("DELETE", &format!("{ALL}/svc:web"), Value::Null).await.ok_and_empty();
    tailnet.call("DELETE", old, Value::Null).await.refused(404, "service not found");
    tailnet.get(&format!("{ALL}/svc:web")).await.refused(404, "service not found");
    let events = tailnet.audit("&target=TsandboxCNTRL").await;
    assert!(events.iter().any(|it| it["action"] == "DELETE" && it["old"]["name"] == "svc:web"));
}
