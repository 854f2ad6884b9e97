//! Tests of findings.

use tailsteward_policy::Weight;

use super::inventory::{inventory, policy};

fn kinds(rest: &str) -> Vec<(&'static str, String)> {
    let (policy, mut inventory) = (policy(rest), inventory());
    inventory.devices[4].tags.push("tag:stray".to_owned());
    let found = policy.compile(&inventory).findings();
    assert!(found.is_sorted_by_key(|it| it.weight), "the most serious first");
    found.into_iter().map(|it| (it.kind, it.path)).collect()
}

#[test]
fn what_is_too_open_dead_repeated_or_left_over_is_found() {
    let found = kinds(
        r#""grants": [
            { "src": ["*"], "dst": ["*"], "ip": ["*"] },
            { "src": ["group:ops"], "dst": ["tag:web"], "ip": ["tcp:22"] },
            { "src": ["group:ops"], "dst": ["tag:web"], "ip": ["tcp:22"] },
            { "src": ["eve@example.com"], "dst": ["tag:web"], "ip": ["tcp:22"] },
            { "src": ["autogroup:danger-all"], "dst": ["tag:web"], "ip": ["tcp:80"] },
        ],
        "ssh": [{ "action": "accept", "src": ["group:ops"], "dst": ["tag:web"], "users": ["root"] }],
        "nodeAttrs": [{ "target": ["*"], "attr": ["funnel"] }],"#,
    );
    for (kind, path) in [
        ("open_to_all", "grants[0]"),
        ("danger_all", "grants[4]"),
        ("funnel_for_all", "nodeAttrs[0]"),
        ("root_unchecked", "ssh[0]"),
        ("shadowed", "grants[1]"),
        ("duplicate", "grants[2]"),
        ("dead_rule", "grants[3]"),
        ("unknown_user", "grants[3]"),
        ("undeclared_tag", "tagOwners"),
        ("unused_host", "hosts[\"printer\"]"),
        ("unused_group", "groups[\"group:all\"]"),
        ("no_tests", "tests"),
    ] {
        let is_there = found.iter().any(|(a, b)| *a == kind && b == path);
        assert!(is_there, "{kind} {path}: {found:?}");
    }
}

#[test]
fn of_two_equal_rules_the_later_one_is_the_duplicate() {
    let found = kinds(
        r#""grants": [
            { "src": ["group:ops"], "dst": ["tag:web"], "ip": ["tcp:22"] },
            { "src": ["ann@example.com"], "dst": ["tag:web"], "ip": ["tcp:22"] },
        ],"#,
    );
    let repeated: Vec<_> = found.iter().filter(|(kind, _)| *kind == "duplicate").collect();
    assert_eq!(repeated, [&("duplicate", "grants[1]".to_owned())]);
}

#[test]
fn a_tidy_file_has_nothing_grave() {
    let (policy, inventory) = (
        policy(
            r#""grants": [{ "src": ["group:all"], "dst": ["tag:web", "printer"], "ip": ["tcp:443"] }],
               "tests": [{ "src": "bob@example.com", "accept": ["tag:web:443"], "deny": ["tag:web:22"] }],"#,
        ),
        inventory(),
    );
    let found = policy.compile(&inventory).findings();
    assert!(found.iter().all(|it| it.weight == Weight::Low), "{found:?}");
}

#[test]
fn a_file_without_rules_is_the_most_serious_of_all() {
    let (policy, inventory) = (policy(""), inventory());
    assert_eq!(policy.compile(&inventory).findings()[0].kind, "no_rules");
}
