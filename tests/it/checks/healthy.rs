//! A tailnet that passes all checks, and what tests change in it.

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tailsteward::{
    checks::{
        self, Contacts, Device, Event, Facts, KeyKind, Keys, Outcome, Policy, Report, Settings,
        Stream, Unknown, Verdict, Why,
    },
    policy::Inventory,
};

pub const POLICY: &str = r#"{
    "tagOwners": { "tag:router": ["autogroup:admin"] },
    "grants": [{ "src": ["autogroup:member"], "dst": ["tag:router"], "ip": ["443"] }],
    "tests": [{ "src": "ada@example.com", "accept": ["tag:router:443"] }],
}"#;

pub fn now() -> Timestamp {
    "2026-11-01T12:00:00Z".parse().unwrap()
}

/// The time so many days ago; in so many days if it is negative.
pub fn ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(days * 24)
}

pub fn of<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub fn scope() -> Unknown {
    Unknown::new(Why::Scope, "the credential may not read this")
}

pub fn device(id: &str, fields: Value) -> Device {
    let mut all = json!({
        "id": id, "name": id, "hostname": id, "os": "linux", "user": "ada@example.com",
        "version": "1.104.0-t1-g2", "online": true, "created": ago(100), "expires": ago(-100),
    });
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    of(all)
}

pub fn event(fields: Value) -> Event {
    let mut all = json!({ "at": ago(2), "origin": "ADMIN_CONSOLE", "actor": "ada@example.com" });
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    of(all)
}

pub fn policy(text: &str) -> Policy {
    let user = tailsteward::policy::inventory::User::new("ada@example.com", "owner");
    let mut inventory = Inventory::named("example.com");
    inventory.users = vec![user];
    let addresses = vec!["100.64.0.1".parse().unwrap()];
    let mut router = tailsteward::policy::inventory::Device::new("router-1", addresses);
    router.tags = vec!["tag:router".to_owned()];
    inventory.devices = vec![router];
    let addresses = vec!["100.64.0.2".parse().unwrap()];
    let mut laptop = tailsteward::policy::inventory::Device::new("laptop", addresses);
    laptop.user = "ada@example.com".into();
    inventory.devices.push(laptop);
    Policy::of(text, Ok(inventory)).unwrap()
}

pub fn healthy() -> Facts {
    let router = json!({
        "tags": ["tag:router"], "advertised": ["10.0.0.0/8"], "enabled": ["10.0.0.0/8"],
    });
    let mut facts = Facts::unknown(now(), &scope());
    facts.devices = Ok(vec![
        device("laptop", json!({ "os": "macOS" })),
        device("router-1", router.clone()),
        device("router-2", router),
    ]);
    facts.users = Ok(of(json!([
        { "id": "u1", "login": "ada@example.com", "role": "owner", "connected": true },
        { "id": "u2", "login": "bo@example.com", "role": "admin", "last_seen": ago(1) },
        { "id": "u3", "login": "cy@example.com", "role": "member", "last_seen": ago(80),
          "devices": 2 },
    ])));
    facts.keys = Ok(Keys {
        list: of(json!([
            { "id": "k1", "kind": "auth", "user": "u1", "created": ago(5), "expires": ago(-30),
              "preauthorized": true, "tags": ["tag:router"] },
            { "id": "k2", "kind": "client", "scopes": ["devices:core", "dns:read"],
              "tags": ["tag:router"] },
            { "id": "k3", "kind": "api", "user": "u2", "created": ago(10), "expires": ago(-20) },
        ])),
        readable: KeyKind::ALL.into(),
    });
    facts.policy = Ok(policy(POLICY));
    facts.settings = Ok(of::<Settings>(json!({
        "externally_managed": true, "device_approval": true, "auto_updates": true,
        "key_days": 90, "user_approval": true, "may_join_others": "admin", "flow_logs": true,
    })));
    facts.has_flow_logs = Ok(true);
    facts.stream = Ok(Some(of::<Stream>(json!({ "destination": "splunk", "last_error": "" }))));
    facts.webhooks = Ok(of(json!([{ "id": "w1", "events": [
        "userRoleUpdated", "policyUpdate", "nodeCreated", "nodeKeyExpired", "nodeNeedsApproval",
    ] }])));
    facts.contacts = Ok(of::<Contacts>(
        json!({ "account": "ada@example.com", "security": "security@example.com" }),
    ));
    facts.posture = Ok(of(json!([
        { "id": "p1", "provider": "intune", "last_sync": ago(0), "matched": 9, "possible": 10 },
    ])));
    facts.invites = Ok(of(json!([{ "id": "i1", "email": "di@example.com", "mailed": ago(1) }])));
    facts.log = Ok(vec![event(json!({ "action": "LOGIN", "target_kind": "ADMIN_CONSOLE" }))]);
    facts
}

pub fn outcome<'r>(report: &'r Report, id: &str) -> &'r Outcome {
    report.outcomes.iter().find(|it| it.check.id == id).unwrap()
}

/// The outcome of a check of the healthy tailnet after a change.
pub fn after(id: &str, change: impl FnOnce(&mut Facts)) -> Outcome {
    let mut facts = healthy();
    change(&mut facts);
    outcome(&checks::run(&facts, &[]), id).clone()
}

/// A change of the first device.
pub fn first(facts: &mut Facts) -> &mut Device {
    &mut facts.devices.as_mut().unwrap()[0]
}

pub fn tags(facts: &mut Facts) -> &mut Vec<String> {
    &mut first(facts).tags
}

pub fn log(facts: &mut Facts, fields: Value) {
    facts.log.as_mut().unwrap().push(event(fields));
}

#[test]
fn a_healthy_tailnet_passes_everything_with_100_points() {
    let report = checks::run(&healthy(), &[]);
    for it in &report.outcomes {
        let seen = (&it.subjects, &it.unknown, &it.does_not_apply);
        assert_eq!(it.verdict, Verdict::Ok, "{}: {seen:?}", it.check.id);
    }
    let of = checks::all().count();
    assert_eq!(
        report.score.to_string(),
        format!("100 of 100; {of} of {of} checks looked at, 0 unknown")
    );
    assert!(of >= 40);
}
