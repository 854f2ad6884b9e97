//! H2: nothing that differs between two files goes without a line, and only for files that are equal it is
//! proved that no access is gained or lost.

use proptest::prelude::*;
use serde_json::{Value, json};
use tailsteward_policy::{Effect, Inventory, Policy};

use super::inventory::inventory;

/// A file with one entry of every section.
fn full() -> Value {
    json!({
        "groups": { "group:ops": ["ann@example.com"], "group:all": ["ann@example.com", "bob@example.com"] },
        "hosts": { "printer": "10.1.2.3" },
        "ipsets": { "ipset:lan": ["10.1.0.0/16"] },
        "tagOwners": { "tag:web": ["group:ops"], "tag:db": [], "tag:new": ["group:ops"] },
        "postures": { "posture:mac": ["node:os == 'macos'"] },
        "grants": [
            { "src": ["group:ops"], "dst": ["tag:db"], "ip": ["tcp:5432"], "srcPosture": ["posture:mac"] },
            { "src": ["group:all"], "dst": ["tag:web"], "ip": ["tcp:443"], "app": { "example.com/cap/x": [{}] } },
            { "src": ["group:all"], "dst": ["ipset:lan"], "ip": ["*"], "via": ["tag:router"] },
        ],
        "acls": [{ "action": "accept", "src": ["tag:web"], "dst": ["tag:db:5432"] }],
        "ssh": [{
            "action": "check", "src": ["group:ops"], "dst": ["tag:web"], "users": ["root"],
            "checkPeriod": "12h", "recorder": ["tag:db"], "enforceRecorder": true, "acceptEnv": ["LANG"],
        }],
        "nodeAttrs": [
            { "target": ["tag:web"], "attr": ["funnel"] },
            { "target": ["group:ops"], "ipPool": ["100.81.0.0/16"] },
        ],
        "autoApprovers": { "routes": { "10.0.0.0/8": ["tag:router"] }, "exitNode": ["tag:router"] },
        "tests": [{ "src": "bob@example.com", "accept": ["tag:web:443"] }],
        "sshTests": [{ "src": "ann@example.com", "dst": ["tag:web"], "check": ["root"] }],
        "derpMap": { "Regions": { "900": { "RegionID": 900 } } },
        "disableIPv4": false,
        "OneCGNATRoute": "mac-always",
        "randomizeClientPort": false,
        "attrConfig": { "custom:tier": { "type": "string" } },
    })
}

fn between(before: &Value, after: &Value) -> Effect {
    let inventory = inventory();
    let parse = |value: &Value| Policy::parse(&value.to_string()).unwrap();
    let (before, after) = (parse(before), parse(after));
    Effect::between(&before.compile(&inventory), &after.compile(&inventory))
}

/// The lines for a change of one place, which is removed if the new value is `null`.
fn lines(place: &str, value: Value) -> Vec<String> {
    let (before, mut after) = (full(), full());
    let (parent, name) = place.rsplit_once('/').unwrap();
    match (after.pointer_mut(parent).unwrap(), value) {
        (Value::Object(map), Value::Null) => drop(map.remove(name).unwrap()),
        (Value::Object(map), value) => drop(map.insert(name.to_owned(), value)),
        (Value::Array(list), Value::Null) => drop(list.remove(name.parse().unwrap())),
        (Value::Array(list), value) => list.push(value),
        _ => unreachable!(),
    }
    let effect = between(&before, &after);
    assert!(!effect.is_equal(), "{place}");
    effect.lines()
}

#[test]
fn each_kind_of_change_has_its_line() {
    for (place, value, wanted) in [
        (
            "/grants/0/srcPosture",
            Value::Null,
            "+ group:ops (2 devices) → tag:db on tcp:5432 no longer needs posture:mac (grants[0])",
        ),
        (
            "/postures/posture:mac",
            json!(["node:os != 'nothing'"]),
            "posture:mac: added node:os != 'nothing'; removed node:os == 'macos'",
        ),
        (
            "/defaultSrcPosture",
            json!(["posture:mac"]),
            "defaultSrcPosture, for rules without srcPosture: none → [\"posture:mac\"]",
        ),
        (
            "/ssh/0/recorder",
            Value::Null,
            "SSH group:ops (2 devices) → tag:web as root: sessions are no longer recorded; \
             recorder: [\"tag:db\"] → none (ssh[0])",
        ),
        (
            "/ssh/0/enforceRecorder",
            json!(false),
            "SSH group:ops (2 devices) → tag:web as root: sessions that cannot be recorded are no \
             longer refused (ssh[0])",
        ),
        (
            "/ssh/0/checkPeriod",
            json!("168h"),
            "SSH group:ops (2 devices) → tag:web as root: the check period is 168h, was 12h (ssh[0])",
        ),
        (
            "/ssh/0/checkPeriod",
            Value::Null,
            "SSH group:ops (2 devices) → tag:web as root: the check period is 12h (the default), was \
             12h (ssh[0])",
        ),
        (
            "/ssh/0/action",
            json!("accept"),
            "SSH group:ops (2 devices) → tag:web as root: no longer needs SSH check mode (ssh[0])",
        ),
        (
            "/ssh/0/acceptEnv",
            json!(["LANG", "AWS_*"]),
            "SSH group:ops (2 devices) → tag:web as root: environment variables that the client may \
             send: added AWS_* (ssh[0])",
        ),
        ("/ssh/0/someday", json!(1), "changed, not judged: ssh[0].someday"),
        (
            "/derpMap/OmitDefaultRegions",
            json!(true),
            "DERP RELAYS CHANGE (Tailscale's own relays are no longer used): \
             derpMap.OmitDefaultRegions: none → true",
        ),
        (
            "/derpMap/Regions/901",
            json!({ "Nodes": [{ "HostName": "evil.example" }] }),
            "DERP RELAYS CHANGE: derpMap.Regions.901: none → \
             {\"Nodes\":[{\"HostName\":\"evil.example\"}]}",
        ),
        ("/disableIPv4", json!(true), "disableIPv4: false → true"),
        ("/OneCGNATRoute", json!(""), "OneCGNATRoute: mac-always → "),
        ("/randomizeClientPort", json!(true), "randomizeClientPort: false → true"),
        (
            "/attrConfig/custom:tier/type",
            json!("bool"),
            "changed, not judged: attrConfig.custom:tier.type",
        ),
        ("/newSection", json!({}), "changed, not judged: newSection"),
        ("/tests/0", Value::Null, "- test removed: bob@example.com: accept tag:web:443"),
        (
            "/sshTests/0",
            Value::Null,
            "- SSH test removed: ann@example.com: check root, dst tag:web",
        ),
        (
            "/nodeAttrs/1/ipPool",
            json!(["100.82.0.0/16"]),
            "IP pool of group:ops: added 100.82.0.0/16; removed 100.81.0.0/16",
        ),
        ("/tagOwners/tag:web", json!([]), "+ only admins can assign tag:web"),
        ("/tagOwners/tag:db", json!(["group:ops"]), "+ tag:db is owned by group:ops"),
        (
            "/groups/group:ops",
            json!(["ann@example.com", "eve@example.com"]),
            "no device has this today: group:ops: added eve@example.com",
        ),
        (
            "/grants/0/dst",
            json!(["tag:db", "tag:new"]),
            "no device has this today: + group:ops → tag:new on tcp:5432 (grants[0])",
        ),
    ] {
        let lines = lines(place, value);
        assert!(lines.iter().any(|line| line == wanted), "{place}: {lines:#?}");
    }
}

#[test]
fn a_capability_and_an_approval_are_told_with_their_targets() {
    let (before, mut after) = (full(), full());
    after["grants"][1]["app"]["example.com/cap/x"] = json!([{ "admin": true }]);
    after["autoApprovers"]["routes"] = json!({});
    let lines = between(&before, &after).lines();
    for wanted in [
        "+ capability example.com/cap/x [{\"admin\":true}]: group:all (3 devices) at tag:web",
        "- capability example.com/cap/x [{}]: group:all (3 devices) at tag:web",
        "- 10.0.0.0/8 is auto-approved for tag:router",
    ] {
        assert!(lines.iter().any(|line| line == wanted), "{wanted}: {lines:#?}");
    }
}

#[test]
fn opening_and_closing_everything_is_said_first() {
    let (restricted, open) = (json!({ "grants": [] }), json!({}));
    let some = json!({ "grants": [{ "src": ["*"], "dst": ["*"], "ip": ["22"] }] });
    let first = |before: &Value, after: &Value| between(before, after).lines()[0].clone();
    assert!(first(&restricted, &open).starts_with("THIS OPENS EVERYTHING: a file without acls"));
    assert!(first(&some, &restricted).starts_with("THIS CLOSES EVERYTHING"));
    let all = json!({ "grants": [{ "src": ["*"], "dst": ["*"], "ip": ["*"] }] });
    assert!(first(&some, &all).starts_with("THIS OPENS EVERYTHING: grants[0] lets"));
}

#[test]
fn a_long_value_is_shortened_and_who_changed_in_a_group_is_said() {
    let (before, mut after) = (full(), full());
    after["derpMap"]["Regions"]["901"] = json!({ "x": "y".repeat(100_000) });
    after["groups"]["group:ops"] = json!(["bob@example.com"]);
    let lines = between(&before, &after).lines();
    assert!(lines.iter().all(|line| line.chars().count() < 400), "{lines:#?}");
    let wanted = "group:ops: added bob@example.com; removed ann@example.com";
    let listed = lines.iter().any(|line| line == wanted)
        || (lines.iter().any(|line| line == "group:ops: added bob@example.com")
            && lines.iter().any(|line| line == "group:ops: removed ann@example.com"));
    assert!(listed, "{lines:#?}");
}

#[test]
fn the_first_lines_say_how_many_more_there_are() {
    let (before, mut after) = (full(), full());
    for number in 0..100 {
        after["hosts"][format!("h{number}")] = json!("10.1.2.3");
    }
    after["ssh"][0]["checkPeriod"] = json!("168h");
    after["attrConfig"] = json!({});
    let lines = between(&before, &after).first_lines(40);
    assert_eq!((lines.len(), lines[40].as_str()), (41, "and 62 more effects"));
    // What decides about access is not hidden by what does not.
    assert!(lines[0].contains("the check period is 168h"), "{lines:?}");
    assert!(lines[39].starts_with("changed, not judged: attrConfig"), "{lines:?}");
}

/// A small random policy.
fn policy() -> impl Strategy<Value = Value> {
    let pick = |all: &'static [&'static str]| prop::sample::subsequence(all, 0..=2);
    let who = || pick(&["group:ops", "tag:web", "bob@example.com", "*", "ipset:lan", "tag:new"]);
    let grant = (who(), who(), pick(&["*", "tcp:22", "udp:53"]), any::<u8>()).prop_map(
        |(src, dst, ip, luck)| {
            let mut grant = json!({ "src": src, "dst": dst, "ip": ip });
            if luck % 3 == 0 {
                grant["srcPosture"] = json!(["posture:mac"]);
            }
            if luck % 5 == 0 {
                grant["app"] = json!({ "example.com/cap/x": [{ "luck": luck }] });
            }
            if luck % 7 == 0 {
                grant["via"] = json!(["tag:router"]);
            }
            grant
        },
    );
    let grants = prop::collection::vec(grant, 0..4);
    (
        grants,
        prop::sample::subsequence(
            full().as_object().unwrap().keys().cloned().collect::<Vec<_>>(),
            5..=17,
        ),
    )
        .prop_map(|(grants, sections)| {
            let mut policy = full();
            policy.as_object_mut().unwrap().retain(|name, _| sections.contains(name));
            policy["grants"] = json!(grants);
            policy
        })
}

/// All places in a value, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(index, it)| places(it, &format!("{at}/{index}"), found));
        }
        Value::Object(map) => {
            for (name, it) in map {
                let name = name.replace('~', "~0").replace('/', "~1");
                places(it, &format!("{at}/{name}"), found);
            }
        }
        _ => {}
    }
}

/// Changes one place: removes, adds, reverses, or replaces.
fn mutated(before: &Value, at: prop::sample::Index, how: u8) -> Value {
    let mut all = Vec::new();
    places(before, "", &mut all);
    let mut after = before.clone();
    let value = after.pointer_mut(at.get(&all).as_str()).unwrap();
    match (value, how % 4) {
        (Value::Array(list), 0) => drop(list.pop()),
        (Value::Array(list), 1) => list.reverse(),
        (Value::Array(list), _) => list.push(json!("tag:web")),
        (Value::Object(map), 0) => {
            let first = map.keys().next().cloned();
            first.and_then(|name| map.remove(&name));
        }
        (Value::Object(map), _) => drop(map.insert("someday".to_owned(), json!("x"))),
        (Value::String(text), 0) => "tag:db".clone_into(text),
        (Value::String(text), _) => text.push('x'),
        (Value::Bool(on), _) => *on = !*on,
        (other, _) => *other = json!(77),
    }
    after
}

/// Everything that Tailscale would send to the devices.
fn compiled(policy: &Policy, inventory: &Inventory) -> Vec<Value> {
    let compiled = policy.compile(inventory);
    let device = |at: usize| {
        json!([compiled.packet_filter(at), compiled.ssh_rules(at), compiled.attributes(at)])
    };
    (0..inventory.devices.len()).map(device).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn whatever_differs_has_a_line(before in policy(), at in any::<prop::sample::Index>(), how in any::<u8>()) {
        let inventory = inventory();
        let after = mutated(&before, at, how);
        let effect = between(&before, &after);
        let parse = |value: &Value| Policy::parse(&value.to_string()).unwrap();
        let (old, new) = (parse(&before), parse(&after));
        prop_assert_eq!(effect.is_equal(), before == after);
        prop_assert_eq!(effect.lines().is_empty(), effect.is_equal(), "{} {}", before, after);
        if effect.is_equal() {
            prop_assert_eq!(compiled(&old, &inventory), compiled(&new, &inventory));
            prop_assert_eq!(format!("{:?}", old.model().tests), format!("{:?}", new.model().tests));
        }
    }

    #[test]
    fn comments_and_the_order_of_names_are_no_difference(policy in policy(), comments in 0_usize..20) {
        let plain = policy.to_string();
        let mut text = "// a comment\n".repeat(comments);
        let mut sections: Vec<_> = policy.as_object().unwrap().iter().collect();
        sections.reverse();
        let sections: Vec<String> =
            sections.into_iter().map(|(name, value)| format!("{:?}: {value}", name.to_uppercase())).collect();
        text += &["{\n/* all */ ", &sections.join(",\n"), " }"].concat();
        let inventory = inventory();
        let (old, new) = (Policy::parse(&plain).unwrap(), Policy::parse(&text).unwrap());
        let effect = Effect::between(&old.compile(&inventory), &new.compile(&inventory));
        prop_assert!(effect.is_equal() && effect.lines().is_empty(), "{:?}", effect.lines());
    }
}
