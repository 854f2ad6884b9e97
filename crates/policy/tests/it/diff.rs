//! Tests of comparing policies by effect.

use proptest::prelude::*;
use tailsteward_policy::{CutOff, DstPorts, Effect, FilterRule, Flow, Policy};

use super::inventory::{inventory, policy};

fn grants(rules: &[&str]) -> String {
    format!("\"grants\": [{}],", rules.join(","))
}

const WEB: &str = r#"{ "src": ["group:all"], "dst": ["tag:web"], "ip": ["tcp:80", "tcp:443"] }"#;
const DB: &str = r#"{ "src": ["group:ops"], "dst": ["tag:db"], "ip": ["tcp:5432"] }"#;
const OWN: &str = r#"{ "src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"] }"#;
const ALL: &str = r#"{ "src": ["*"], "dst": ["*"], "ip": ["*"] }"#;

fn effect(before: &[&str], after: &[&str]) -> Effect {
    let (inventory, before, after) = (inventory(), policy(&grants(before)), policy(&grants(after)));
    Effect::between(&before.compile(&inventory), &after.compile(&inventory))
}

#[test]
fn a_rule_that_comes_or_goes_is_told_by_people_and_ports() {
    let effect = effect(&[WEB, OWN], &[WEB, OWN, DB]);
    assert_eq!(effect.lines(), ["+ group:ops (2 devices) → tag:db (1 device) on tcp:5432"]);

    let effect = self::effect(&[WEB, OWN, DB], &[OWN, DB]);
    let lines = effect.lines();
    assert_eq!(lines, ["- group:all (3 devices) → tag:web (1 device) on tcp:80, tcp:443"]);
}

#[test]
fn what_another_rule_lets_through_anyway_is_no_effect() {
    let lines = |before: &[&str], after: &[&str]| {
        let effect = effect(before, after);
        assert!(effect.gained.is_empty() && effect.lost.is_empty() && !effect.is_equal());
        effect.lines().join("\n")
    };
    let wanted = "+ grants[1]: group:all (3 devices) → tag:web on tcp:80, tcp:443; \
                  no connection between today's devices changes by it";
    assert_eq!(lines(&[ALL], &[ALL, WEB]), wanted);
    assert!(lines(&[ALL, DB], &[ALL]).starts_with("- grants[1]: group:ops"));
    assert_eq!(lines(&[WEB, DB], &[DB, WEB]), "grants: only the order of the rules differs");
    let split = r#"{ "src": ["group:all"], "dst": ["tag:web"], "ip": ["tcp:80"] },
                   { "src": ["group:all"], "dst": ["tag:web"], "ip": ["tcp:443"] }"#;
    let both = lines(&[WEB], &[split]);
    assert!(both.contains("grants[0].ip: removed tcp:443; no connection"), "{both}");
}

#[test]
fn only_the_part_that_is_new_is_told() {
    let wide = r#"{ "src": ["group:all"], "dst": ["tag:web"], "ip": ["tcp:400-500"] }"#;
    let effect = effect(&[WEB], &[WEB, wide]);
    assert_eq!(effect.gained[0].ports, ["tcp:400-442", "tcp:444-500"]);
    assert!(effect.lost.is_empty());
}

#[test]
fn a_change_of_a_group_shows_in_what_its_rules_do() {
    let inventory = inventory();
    let before = policy(&grants(&[DB]));
    let text = before.document().text();
    let text =
        text.replace("\"group:ops\": [\"ann@", "\"group:ops\": [\"bob@example.com\", \"ann@");
    let after = tailsteward_policy::Policy::parse(&text).unwrap();

    let effect = Effect::between(&before.compile(&inventory), &after.compile(&inventory));

    assert_eq!(effect.gained.len(), 1);
    assert_eq!(effect.gained[0].from, ["bob@example.com"]);
    assert_eq!(effect.gained[0].to, ["tag:db"]);
}

#[test]
fn subnets_the_internet_and_ones_own_devices_are_told_as_such() {
    let net = r#"{ "src": ["group:ops"], "dst": ["10.1.0.0/16"], "ip": ["tcp:22"] }"#;
    let out = r#"{ "src": ["group:ops"], "dst": ["autogroup:internet"], "ip": ["*"] }"#;
    let effect = effect(&[], &[net, out, OWN]);
    let to: Vec<&str> = effect.gained.iter().flat_map(|it| &it.to).map(String::as_str).collect();
    assert!(to.contains(&"10.1.0.0/16") && to.contains(&"autogroup:internet"), "{to:?}");
    let is_own = |it: &&Flow| it.to.iter().any(|it| it == "autogroup:self");
    let own = effect.gained.iter().find(is_own).unwrap();
    assert_eq!(
        (own.from[0].as_str(), own.from_devices),
        ("group:ops", 2),
        "Bob has one device only"
    );
}

#[test]
fn ssh_capabilities_attributes_and_approvals_are_told_too() {
    let inventory = inventory();
    let before = policy(&grants(&[]));
    let rest = format!(
        "{} \"ssh\": [{{\"action\": \"accept\", \"src\": [\"group:ops\"], \"dst\": [\"tag:web\"], \"users\": [\"root\"]}}],
         \"nodeAttrs\": [{{\"target\": [\"tag:web\"], \"attr\": [\"funnel\"]}}],
         \"autoApprovers\": {{\"exitNode\": [\"tag:router\"]}},",
        grants(&[r#"{ "src": ["group:ops"], "dst": ["tag:db"], "app": { "example.com/cap/x": [{}] } }"#])
    );
    let after = policy(&rest);
    let lines =
        Effect::between(&before.compile(&inventory), &after.compile(&inventory)).lines().join("\n");
    for wanted in [
        "+ SSH: group:ops (2 devices) → tag:web as root",
        "+ capability example.com/cap/x",
        "+ attribute funnel on web-1 (target tag:web)",
        "+ exit nodes are auto-approved for tag:router",
    ] {
        assert!(lines.contains(wanted), "{wanted}: {lines}");
    }
}

/// A group that an SSH rule names loses a member: the rule is the same, and its effect is not.
#[test]
fn ssh_through_a_group_is_told_when_the_group_changes() {
    let inventory = inventory();
    let file = |ops: &str| {
        format!(
            r#"{{ "groups": {{ "group:ops": [{ops}] }}, "tagOwners": {{ "tag:web": [] }},
              "ssh": [{{ "action": "accept", "src": ["group:ops"], "dst": ["tag:web"], "users": ["root"] }}] }}"#
        )
    };
    let (both, one) =
        (file(r#""ann@example.com", "bob@example.com""#), file(r#""ann@example.com""#));
    let (both, one) = (Policy::parse(&both).unwrap(), Policy::parse(&one).unwrap());
    let line = "SSH: bob@example.com (1 device) → tag:web as root (ssh[0])";

    let lost = Effect::between(&both.compile(&inventory), &one.compile(&inventory)).lines();
    let gained = Effect::between(&one.compile(&inventory), &both.compile(&inventory)).lines();

    assert!(lost.contains(&format!("- {line}")), "{lost:?}");
    assert!(gained.contains(&format!("+ {line}")), "{gained:?}");
    // Where no device is, nobody loses a login today.
    let nowhere = |ops: &str| Policy::parse(&file(ops).replace("tag:web", "tag:none")).unwrap();
    let (both, one) =
        (nowhere(r#""ann@example.com", "bob@example.com""#), nowhere(r#""ann@example.com""#));
    let lost = Effect::between(&both.compile(&inventory), &one.compile(&inventory)).lines();
    let line =
        "no device has this today: - SSH: bob@example.com (1 device) → tag:none as root (ssh[0])";
    assert!(lost.iter().any(|it| it == line), "{lost:?}");
}

#[test]
fn whoever_administers_the_tailnet_and_all_devices_are_not_cut_off_unseen() {
    let inventory = inventory();
    let cut = |before: &[&str], after: &[&str]| {
        let (before, after) = (policy(&grants(before)), policy(&grants(after)));
        CutOff::between(&before.compile(&inventory), &after.compile(&inventory))
    };
    let who: Vec<String> = cut(&[ALL], &[OWN]).into_iter().map(|it| it.who).collect();
    assert_eq!(who, ["all 6 devices", "ann@example.com (owner)"]);
    let only_bob = r#"{ "src": ["bob@example.com"], "dst": ["tag:web"], "ip": ["tcp:80"] }"#;
    let who: Vec<String> =
        cut(&[WEB, OWN], &[only_bob, OWN]).into_iter().map(|it| it.who).collect();
    assert_eq!(who, ["ann@example.com (owner)"]);
    assert!(cut(&[WEB, DB], &[DB]).is_empty(), "she still reaches the database");

    let (before, after) = (policy(&grants(&[WEB, DB])), policy(&grants(&[WEB])));
    let (before, after) = (before.compile(&inventory), after.compile(&inventory));
    let db = before.device("db-1").unwrap();
    let cut = CutOff::of_device(&before, &after, db).unwrap();
    assert_eq!(cut.to_string(), "db-1 would lose every connection to it");
    assert!(CutOff::of_device(&before, &after, before.device("web-1").unwrap()).is_none());
}

#[test]
fn a_rule_that_goes_through_a_router_opens_no_device_any_more() {
    let direct = r#"{ "src": ["group:ops"], "dst": ["tag:db"], "ip": ["tcp:5432"] }"#;
    let through =
        r#"{ "src": ["group:ops"], "dst": ["tag:db"], "ip": ["tcp:5432"], "via": ["tag:router"] }"#;
    let lines = effect(&[direct], &[through]).lines();
    assert!(lines[0].starts_with("THIS CLOSES EVERYTHING"), "{lines:?}");
    assert_eq!(lines[1], "- group:ops (2 devices) → tag:db (1 device) on tcp:5432");
    assert!(lines[2].starts_with("grants[0].via: none → [\"tag:router\"]"), "{lines:?}");

    let inventory = inventory();
    let (before, after) = (policy(&grants(&[direct])), policy(&grants(&[through])));
    let (before, after) = (before.compile(&inventory), after.compile(&inventory));
    let db = before.device("db-1").unwrap();
    assert!(after.packet_filter(db).iter().all(|it| it.dst_ports.is_empty()));
    assert!(CutOff::of_device(&before, &after, db).is_some());
}

/// A random rule out of a few that overlap in many ways.
fn rule() -> impl Strategy<Value = String> {
    let src = prop::sample::select(vec![
        "*",
        "group:all",
        "group:ops",
        "tag:web",
        "tag:db",
        "bob@example.com",
        "autogroup:member",
        "autogroup:tagged",
        "100.64.0.4",
    ]);
    let dst = prop::sample::select(vec![
        "*",
        "group:all",
        "tag:web",
        "tag:db",
        "ann@example.com",
        "autogroup:tagged",
        "100.64.0.5",
    ]);
    let ip =
        prop::sample::select(vec!["*", "22", "tcp:22", "tcp:20-30", "udp:53", "tcp:*", "icmp:*"]);
    let via = prop::sample::select(vec!["", "", "", r#", "via": ["tag:router"]"#]);
    (src, dst, ip, via).prop_map(|(src, dst, ip, via)| {
        format!(r#"{{ "src": ["{src}"], "dst": ["{dst}"], "ip": ["{ip}"]{via} }}"#)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// The effect computed on sets equals the result of asking about each pair of devices.
    #[test]
    fn an_effect_is_what_asking_everybody_about_everybody_says(
        before in prop::collection::vec(rule(), 0..5),
        after in prop::collection::vec(rule(), 0..5),
    ) {
        let inventory = inventory();
        let text = |rules: &[String]| grants(&rules.iter().map(String::as_str).collect::<Vec<_>>());
        let (before, after) = (policy(&text(&before)), policy(&text(&after)));
        let (before, after) = (before.compile(&inventory), after.compile(&inventory));
        let effect = Effect::between(&before, &after);
        let (mut gained, mut lost) = (false, false);
        for from in &inventory.devices {
            for to in &inventory.devices {
                for (protocol, port) in [(6, 22), (6, 25), (6, 443), (17, 22), (17, 53), (1, 0)] {
                    let asked = |policy: &tailsteward_policy::Compiled<'_>| {
                        policy.ask(&from.name, &to.name, Some(protocol), port).unwrap().allowed
                    };
                    match (asked(&before), asked(&after)) {
                        (false, true) => gained = true,
                        (true, false) => lost = true,
                        _ => {}
                    }
                }
            }
        }
        prop_assert!(!gained || !effect.gained.is_empty());
        prop_assert!(!lost || !effect.lost.is_empty());
        if effect.gained.iter().any(|it| it.to_devices > 0 && it.from_devices > 0) {
            prop_assert!(gained, "{:?}", effect.lines());
        }
        if effect.lost.iter().any(|it| it.to_devices > 0 && it.from_devices > 0) {
            prop_assert!(lost, "{:?}", effect.lines());
        }
    }

    /// An answer agrees with the packet filter of the destination device.
    #[test]
    fn an_answer_is_what_the_packet_filter_does(rules in prop::collection::vec(rule(), 0..5)) {
        let inventory = inventory();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let policy = policy(&grants(&rules));
        let compiled = policy.compile(&inventory);
        for (at, to) in inventory.devices.iter().enumerate() {
            let filter = compiled.packet_filter(at);
            for from in &inventory.devices {
                let opened = filter.iter().any(|it| {
                    lets_in(it, &from.addresses[0].to_string(), &to.addresses[0].to_string(), 22)
                });
                let answer = compiled.ask(&from.name, &to.name, Some(6), 22).unwrap();
                prop_assert_eq!(answer.allowed, opened, "{} to {}: {:?}", from.name, to.name, filter);
            }
        }
    }
}

/// Whether a packet filter rule lets TCP through. `*` matches every device.
fn lets_in(rule: &FilterRule, from: &str, to: &str, port: u16) -> bool {
    let tcp = rule.ip_proto.is_empty() || rule.ip_proto.contains(&6);
    let is_source = |it: &String| it == from || it == "*" || it == "100.64.0.0-100.115.91.255";
    let is_target = |it: &DstPorts| {
        (it.ip == to || it.ip == "*") && (it.ports.first..=it.ports.last).contains(&port)
    };
    tcp && rule.src_ips.iter().any(is_source) && rule.dst_ports.iter().any(is_target)
}
