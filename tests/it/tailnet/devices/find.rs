//! Finding a device by its names.

use serde_json::json;
use tailsteward::{
    ErrorKind, Operation,
    client::Action,
    tailnet::devices::{Device, find::find},
};

use super::{agent, first, id};

fn device(name: &str, id: &str, ip: &str) -> Device {
    serde_json::from_value(json!({
        "name": format!("{name}.tail1.ts.net"), "nodeId": id, "id": format!("1{id}"),
        "hostname": name, "addresses": [ip, "fd7a:115c:a1e0::1"],
    }))
    .unwrap()
}

fn some() -> Vec<Device> {
    vec![
        device("web", "n1CNTRL", "100.64.0.1"),
        device("web-1", "n2CNTRL", "100.64.0.2"),
        device("web-2", "n3CNTRL", "100.64.0.3"),
        device("db", "n4CNTRL", "100.64.0.4"),
    ]
}

#[tokio::test]
async fn a_device_answers_to_all_its_names() {
    let (_sandbox, _, agent) = agent().await;
    let device = first(&agent, json!({ "external": false, "name": "web" })).await;
    let full = device["name"].as_str().unwrap();
    let short = full.split('.').next().unwrap();
    let ip4 = device["addresses"][0].as_str().unwrap();
    let ip6 = device["addresses"][1].as_str().unwrap().to_uppercase();
    let upper = short.to_uppercase();

    for name in [id(&device), device["id"].as_str().unwrap(), full, short, &upper, ip4, &ip6] {
        let found = agent.call("get_device_details", json!({ "device": name })).await;
        assert_eq!(found["nodeId"], device["nodeId"], "{name}");
    }
}

#[test]
fn an_exact_name_wins_over_a_beginning() {
    let list = some();
    assert_eq!(find(&list, "web").unwrap().key(), "n1CNTRL");
    assert_eq!(find(&list, "d").unwrap().key(), "n4CNTRL");
    assert_eq!(find(&list, "web-2.tail1.ts.net.").unwrap().key(), "n3CNTRL");
}

#[test]
fn the_beginning_of_a_name_is_no_whole_name() {
    use tailsteward::tailnet::devices::find::find_exact;
    let list = some();
    for whole in ["web", "WEB-1", "n2CNTRL", "1n2CNTRL", "100.64.0.2", "web-1.tail1.ts.net."] {
        assert!(find_exact(&list, whole).is_ok(), "{whole}");
    }
    let error = find_exact(&list, "d").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.remedy().unwrap().contains("`db`"), "{error}");
}

#[test]
fn an_ambiguous_beginning_lists_the_candidates() {
    let error = find(&some(), "we").unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    assert_eq!(error.candidates(), ["web (n1CNTRL)", "web-1 (n2CNTRL)", "web-2 (n3CNTRL)"]);
    assert!(error.remedy().unwrap().contains("an ID"));
}

#[test]
fn many_candidates_are_counted() {
    let list: Vec<Device> =
        (0..25).map(|it| device(&format!("a{it}"), &format!("n{it}"), "100.64.0.9")).collect();
    let error = find(&list, "a").unwrap_err();

    assert_eq!(error.candidates().len(), 11);
    assert_eq!(error.candidates()[10], "and 15 more");
}

#[test]
fn an_address_that_several_share_is_ambiguous() {
    assert_eq!(find(&some(), "fd7a:115c:a1e0::1").unwrap_err().kind(), ErrorKind::Ambiguous);
}

#[test]
fn an_unknown_name_suggests_those_that_are_close() {
    let error = find(&some(), "wep-1").unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.remedy().unwrap(), "did you mean web-1?");
    assert_eq!(
        find(&some(), "printer").unwrap_err().actions(),
        [Action::Call(Operation::ListTailnetDevices)]
    );
    assert_eq!(find(&some(), " ").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(find(&[], "web").unwrap_err().kind(), ErrorKind::NotFound);
}
