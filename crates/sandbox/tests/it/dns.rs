//! DNS: one configuration behind five endpoints.

use tailsteward_sandbox::{Fault, FaultKind};

use super::*;

const CONFIGURATION: &str = "/tailnet/-/dns/configuration";

async fn put(tailnet: &Tailnet, method: &str, what: &str, body: Value) -> Answer {
    tailnet.call(method, &format!("/tailnet/-/dns/{what}"), body).await
}

async fn look(tailnet: &Tailnet, what: &str) -> Value {
    tailnet.get(&format!("/tailnet/-/dns/{what}")).await.ok()
}

#[tokio::test]
async fn nameservers_are_replaced_in_order_and_show_everywhere() {
    let tailnet = Tailnet::new().await;
    let answer = put(&tailnet, "POST", "nameservers", json!({"dns": ["9.9.9.9", "1.1.1.1"]})).await;
    assert_eq!(answer.ok(), json!({"dns": ["9.9.9.9", "1.1.1.1"], "magicDNS": true}));
    assert_eq!(look(&tailnet, "nameservers").await, json!({"dns": ["9.9.9.9", "1.1.1.1"]}));
    let configuration = look(&tailnet, "configuration").await;
    assert_eq!(
        configuration["nameservers"],
        json!([{"address": "9.9.9.9"}, {"address": "1.1.1.1"}])
    );
    let events = tailnet.audit("&event=TAILNET.UPDATE.DNS_CONFIG").await;
    assert_eq!(events[0]["new"]["nameservers"], configuration["nameservers"]);
}

#[tokio::test]
async fn magic_dns_goes_with_the_last_nameserver() {
    let tailnet = Tailnet::new().await;
    let answer = put(&tailnet, "POST", "nameservers", json!({ "dns": null })).await;
    assert_eq!(answer.ok(), json!({"dns": [], "magicDNS": false}));
    assert_eq!(look(&tailnet, "preferences").await, json!({ "magicDNS": false }));
    assert_eq!(tailnet.audit("&event=TAILNET.DISABLE.MAGIC_DNS").await.len(), 1);
    put(&tailnet, "POST", "nameservers", json!({"dns": ["9.9.9.9"]})).await.ok();
    // It is not enabled again automatically.
    assert_eq!(look(&tailnet, "preferences").await, json!({ "magicDNS": false }));
    put(&tailnet, "POST", "preferences", json!({ "magicDNS": true })).await.ok();
    put(&tailnet, "POST", "preferences", json!({})).await.refused(400, "magicDNS is required");
}

/// T3: upstream's own clients enable it in an empty configuration.
#[tokio::test]
async fn t3_magic_dns_needs_no_nameserver() {
    let tailnet = Tailnet::new().await;
    let only = json!({"preferences": {"magicDNS": true}});
    let stored = tailnet.post(CONFIGURATION, only).await.ok();
    assert_eq!(stored["preferences"], json!({"overrideLocalDNS": false, "magicDNS": true}));
    put(&tailnet, "POST", "nameservers", json!({ "dns": [] })).await.ok();
    assert_eq!(look(&tailnet, "preferences").await, json!({ "magicDNS": false }));
    put(&tailnet, "POST", "preferences", json!({ "magicDNS": true })).await.ok();
    assert_eq!(look(&tailnet, "preferences").await, json!({ "magicDNS": true }));
}

/// T3: the refusal in the API documentation is a fault that a test can ask for.
#[tokio::test]
async fn t3_a_fault_refuses_magic_dns_as_documented() {
    let tailnet = Tailnet::new().await;
    let message = "need at least one nameserver to enable MagicDNS".to_owned();
    let kind = FaultKind::Refused { status: 400, message: message.clone() };
    tailnet.sandbox.fail(Fault::new(kind).on("setDnsPreferences").times(1));
    let wanted = json!({ "magicDNS": false });
    put(&tailnet, "POST", "preferences", wanted.clone()).await.refused(400, &message);
    assert_eq!(look(&tailnet, "preferences").await, json!({ "magicDNS": true }));
    put(&tailnet, "POST", "preferences", wanted).await.ok();
}

#[tokio::test]
async fn split_dns_is_merged_by_patch_and_replaced_by_put() {
    let tailnet = Tailnet::new().await;
    let first = json!({"a.example": ["10.0.0.1"], "B.Example.": ["10.0.0.2"]});
    let stored = json!({"a.example": ["10.0.0.1"], "b.example": ["10.0.0.2"]});
    assert_eq!(put(&tailnet, "PUT", "split-dns", first).await.ok(), stored);
    let change = json!({"a.example": null, "c.example": ["10.0.0.3"]});
    let merged = json!({"b.example": ["10.0.0.2"], "c.example": ["10.0.0.3"]});
    assert_eq!(put(&tailnet, "PATCH", "split-dns", change).await.ok(), merged);
    assert_eq!(look(&tailnet, "split-dns").await, merged);
    assert_eq!(put(&tailnet, "PUT", "split-dns", json!({})).await.ok(), json!({}));
    assert_eq!(look(&tailnet, "configuration").await["splitDNS"], Value::Null);
}

#[tokio::test]
async fn search_paths_are_replaced() {
    let tailnet = Tailnet::new().await;
    let paths = json!({"searchPaths": ["b.example", "a.example"]});
    assert_eq!(put(&tailnet, "POST", "searchpaths", paths.clone()).await.ok(), paths);
    assert_eq!(look(&tailnet, "searchpaths").await, paths);
}

#[tokio::test]
async fn the_configuration_is_replaced_as_a_whole() {
    let tailnet = Tailnet::new().await;
    let resolver = json!({"address": "9.9.9.9", "useWithExitNode": true});
    let wanted = json!({
        "nameservers": [resolver, {"address": "8.8.8.8", "useWithExitNode": false}],
        "splitDNS": {"a.example": [resolver], "empty.example": null},
        "preferences": {"overrideLocalDNS": true, "magicDNS": true},
    });
    let stored = json!({
        "nameservers": [resolver, {"address": "8.8.8.8"}],
        "splitDNS": {"a.example": [resolver]},
        "preferences": {"overrideLocalDNS": true, "magicDNS": true},
    });
    assert_eq!(tailnet.post(CONFIGURATION, wanted).await.ok(), stored);
    assert_eq!(tailnet.get(CONFIGURATION).await.ok(), stored);
    // A nameserver kept through an older endpoint keeps its other settings.
    put(&tailnet, "POST", "nameservers", json!({"dns": ["9.9.9.9"]})).await.ok();
    assert_eq!(tailnet.get(CONFIGURATION).await.ok()["nameservers"], json!([resolver]));
}

/// T4: the lists of an emptied configuration are absent, not empty.
#[tokio::test]
async fn t4_an_emptied_configuration_has_no_lists() {
    let tailnet = Tailnet::new().await;
    let emptied = json!({"preferences": {"overrideLocalDNS": false, "magicDNS": false}});
    let lists = json!({"nameservers": [], "splitDNS": {}, "searchPaths": []});
    assert_eq!(tailnet.post(CONFIGURATION, lists).await.ok(), emptied);
    assert_eq!(tailnet.get(CONFIGURATION).await.ok(), emptied);
    // The older endpoints still have empty lists.
    assert_eq!(look(&tailnet, "nameservers").await, json!({"dns": []}));
    assert_eq!(look(&tailnet, "searchpaths").await, json!({"searchPaths": []}));
    assert_eq!(look(&tailnet, "split-dns").await, json!({}));
}

#[tokio::test]
async fn what_is_no_address_or_domain_changes_nothing() {
    let tailnet = Tailnet::new().await;
    let before = tailnet.get(CONFIGURATION).await.ok();
    for (method, what, body) in [
        ("POST", "nameservers", json!({"dns": ["1.1.1.1", "nowhere"]})),
        ("POST", "searchpaths", json!({"searchPaths": ["a..b"]})),
        ("PATCH", "split-dns", json!({"a.example": ["10.0.0.1"], "-": ["10.0.0.1"]})),
        ("PUT", "split-dns", json!({"a.example": ["10.0.0.300"]})),
        ("POST", "configuration", json!([])),
    ] {
        let answer = put(&tailnet, method, what, body.clone()).await;
        assert_eq!(answer.status, 400, "{what} {body}");
        assert!(!answer.message().is_empty());
    }
    assert_eq!(tailnet.get(CONFIGURATION).await.ok(), before);
    assert!(tailnet.audit("&event=TAILNET.UPDATE.DNS_CONFIG").await.is_empty());
}
