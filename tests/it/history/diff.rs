//! What one look changes of what is known.

use std::collections::HashMap;

use serde_json::{Value, json};
use tailsteward::history::{
    Known, Look, Seconds,
    diff::{Implausible, diff},
};

/// Looks again and again, and tells what changed as `key field=value@at`.
#[derive(Default)]
struct Watcher(Known);

impl Watcher {
    fn try_look(&mut self, devices: &Value, now: Seconds) -> Result<Vec<String>, Implausible> {
        let body = json!({ "devices": devices }).to_string();
        let look = Look::devices(body.as_bytes(), true).unwrap();
        let found = diff(&self.0, &look, now)?;
        let mut said: Vec<String> = Vec::new();
        for (key, facts) in &found.facts {
            for fact in facts {
                said.push(format!("{key} {}={}@{}", fact.field.name(), fact.value, fact.at));
            }
        }
        said.extend(found.gone.iter().map(|(key, at)| format!("{key} gone@{at}")));
        self.0.apply(&found, &HashMap::new(), now);
        Ok(said)
    }

    fn look(&mut self, devices: &Value, now: Seconds) -> Vec<String> {
        self.try_look(devices, now).unwrap()
    }
}

fn time(at: Seconds) -> String {
    jiff::Timestamp::from_second(at).unwrap().to_string()
}

fn up() -> Value {
    json!({ "nodeId": "n1", "connectedToControl": true })
}

fn down(seen: Seconds) -> Value {
    json!({ "nodeId": "n1", "connectedToControl": false, "lastSeen": time(seen) })
}

#[test]
fn the_end_of_a_connection_has_the_time_of_the_api() {
    let mut watcher = Watcher::default();
    assert_eq!(watcher.look(&json!([up()]), 1000), ["n1 online=1@1000"]);
    assert!(watcher.look(&json!([up()]), 1060).is_empty());
    assert_eq!(watcher.look(&json!([down(1075)]), 1120), ["n1 online=0@1075"]);
    assert!(watcher.look(&json!([down(1075)]), 1180).is_empty());
    assert_eq!(watcher.look(&json!([up()]), 1240), ["n1 online=1@1240"]);
    // By the API's clock it went before it was last seen connected.
    assert_eq!(watcher.look(&json!([down(1239)]), 1300), ["n1 online=0@1240"]);
    // It was there for a moment between two looks.
    assert_eq!(watcher.look(&json!([down(1330)]), 1360), ["n1 online=0@1330"]);
    // A time that is still to come.
    watcher.look(&json!([up()]), 1420);
    assert_eq!(watcher.look(&json!([down(9999)]), 1480), ["n1 online=0@1480"]);
    assert!(watcher.look(&json!([down(9999)]), 1540).is_empty());
    // The API's clock is 3 s ahead: still the same end of the same connection.
    watcher.look(&json!([up()]), 1600);
    assert_eq!(watcher.look(&json!([down(1663)]), 1660), ["n1 online=0@1660"]);
    assert!(watcher.look(&json!([down(1663)]), 1720).is_empty());
}

#[test]
fn a_device_that_never_came_up_is_known_since_it_was_added() {
    let mut watcher = Watcher::default();
    let device = json!({ "nodeId": "n1", "created": time(300) });
    assert_eq!(watcher.look(&json!([device]), 1000), ["n1 online=n@300"]);
    assert_eq!(watcher.look(&json!([up()]), 1060), ["n1 online=1@1060"]);
    // It was connected, so it cannot be that it never was.
    assert_eq!(watcher.look(&json!([device]), 1120), ["n1 online=d@1120"]);
}

#[test]
fn absent_null_and_empty_are_one_value_and_the_order_of_a_list_is_none() {
    let mut watcher = Watcher::default();
    let with = |tags: Value, error: Value| {
        let mut device = up();
        device["tags"] = tags;
        device["tailnetLockError"] = error;
        json!([device])
    };
    watcher.look(&with(json!([]), json!("")), 1);
    for (at, tags) in (2..).zip([json!(null), json!([])]) {
        assert!(watcher.look(&with(tags, json!(null)), at).is_empty());
    }
    let two = json!(["tag:b", "tag:a"]);
    assert_eq!(watcher.look(&with(two, json!(null)), 10), ["n1 tags=tag:a,tag:b@10"]);
    let turned = json!(["tag:a", "tag:b"]);
    assert!(watcher.look(&with(turned, json!(null)), 11).is_empty());
    assert_eq!(watcher.look(&json!([up()]), 12), ["n1 tags=@12"]);
}

#[test]
fn one_odd_value_costs_neither_the_device_nor_the_list() {
    let mut watcher = Watcher::default();
    let odd = json!({
        "nodeId": "n1", "connectedToControl": "yes", "hostname": 7, "os": "linux",
        "tags": "tag:x", "lastSeen": time(500), "unknown": { "a": [1] },
    });
    let said = watcher.look(&json!([odd, { "hostname": "without an ID" }, { "id": "9" }]), 1000);
    assert_eq!(said, ["n1 online=0@500", "n1 os=linux@1000", "9 online=n@1000"]);
    // A time that cannot be read does not say that a device never connected.
    for odd in [json!(17), json!("yesterday")] {
        let device = json!([{ "nodeId": "n1", "lastSeen": odd }]);
        assert_eq!(Watcher::default().look(&device, 1000), ["n1 online=d@1000"]);
    }
    let zero = json!([{ "nodeId": "n1", "lastSeen": "0001-01-01T00:00:00Z" }]);
    assert_eq!(Watcher::default().look(&zero, 1000), ["n1 online=n@1000"]);
}

#[test]
fn a_device_is_gone_when_two_looks_in_a_row_miss_it() {
    let mut watcher = Watcher::default();
    let others = |with: bool| {
        let ids = ["a", "b", "c", "d"].iter().filter(|id| with || **id != "d");
        json!(ids.map(|id| json!({ "nodeId": id })).collect::<Vec<_>>())
    };
    watcher.look(&others(true), 1);
    assert!(watcher.look(&others(false), 2).is_empty(), "one look may be wrong");
    assert!(watcher.look(&others(true), 3).is_empty());
    assert!(watcher.look(&others(false), 4).is_empty());
    assert_eq!(watcher.look(&others(false), 5), ["d gone@4"]);
    assert_eq!(watcher.look(&others(true), 6), ["d online=n@6"], "and it may come back");
}

#[test]
fn a_list_that_cannot_be_is_believed_when_it_is_said_twice() {
    let mut watcher = Watcher::default();
    let many: Vec<Value> = (0..10).map(|it| json!({ "nodeId": format!("n{it}") })).collect();
    watcher.look(&json!(many), 1);
    for odd in [json!([]), json!(many[..4])] {
        let error = watcher.try_look(&odd, 2).unwrap_err();
        assert_eq!(error.known, 10);
    }
    watcher.0.doubt();
    assert!(watcher.look(&json!([]), 3).is_empty(), "believed, and all are missing once");
    assert!(watcher.try_look(&json!([]), 4).is_err(), "each drop is doubted anew");
    watcher.0.doubt();
    assert_eq!(watcher.look(&json!([]), 5).len(), 10);
}

#[test]
fn a_list_without_all_fields_says_nothing_about_the_others() {
    let mut known = Known::default();
    let body = json!({ "devices": [{
        "nodeId": "n1", "enabledRoutes": ["10.0.0.0/8"], "sshEnabled": true, "os": "linux",
    }] })
    .to_string();
    let look = Look::devices(body.as_bytes(), true).unwrap();
    let first = diff(&known, &look, 1).unwrap();
    known.apply(&first, &HashMap::new(), 1);

    let body = json!({ "devices": [{ "nodeId": "n1", "os": "linux" }] }).to_string();
    let usual = Look::devices(body.as_bytes(), false).unwrap();
    assert!(diff(&known, &usual, 2).unwrap().facts.is_empty());
    let all = Look::devices(body.as_bytes(), true).unwrap();
    assert_eq!(diff(&known, &all, 2).unwrap().facts[0].1.len(), 2);
}
