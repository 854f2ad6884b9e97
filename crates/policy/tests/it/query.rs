//! Tests of queries: who reaches what, by which rule, and if not, why not.

use proptest::prelude::*;
use serde_json::json;

use super::inventory::{inventory, policy};

const RULES: &str = r#""grants": [
    { "src": ["group:all"], "dst": ["tag:web"], "ip": ["tcp:80", "tcp:443"] },
    { "src": ["group:ops"], "dst": ["tag:db"], "ip": ["tcp:5432"] },
    { "src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"] },
    { "src": ["bob@example.com"], "dst": ["printer"], "ip": ["tcp:631"] },
    { "src": ["tag:web"], "dst": ["tag:db"], "ip": ["tcp:5432"], "app": { "example.com/cap/db": [{ "role": "rw" }] } },
],
"ssh": [
    { "action": "check", "src": ["group:ops"], "dst": ["tag:web"], "users": ["root", "autogroup:nonroot"] },
    { "action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": ["localpart:*@example.com"] },
],
"nodeAttrs": [{ "target": ["tag:web"], "attr": ["funnel"] }],"#;

#[test]
fn an_allowed_connection_is_told_with_its_rule_and_line() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);

    let answer = compiled.ask("bob-laptop", "web-1", None, 443).unwrap();

    assert!(answer.allowed);
    assert_eq!(answer.by.len(), 1);
    assert_eq!(answer.by[0].rule, "grants[0]");
    let line = policy.document().text().lines().nth(answer.by[0].at.line - 1).unwrap();
    assert!(line.contains("tcp:443"), "{line}");
    assert!(answer.because.is_empty() && answer.smallest_grant.is_none());
}

#[test]
fn the_widest_reach_the_most_devices_their_own_included() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);

    let all: Vec<(String, usize)> =
        compiled.widest(10).into_iter().map(|it| (it.who, it.devices)).collect();
    let first = compiled.widest(1);

    let expected = [("ann@example.com", 4), ("bob@example.com", 2), ("tag:web", 1)];
    assert_eq!(all, expected.map(|(who, devices)| (who.to_owned(), devices)));
    assert_eq!(first.len(), 1);
}

#[test]
fn a_refused_connection_is_told_why_and_what_would_let_it() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);

    let answer = compiled.ask("bob-laptop", "db-1", None, 5432).unwrap();

    assert!(!answer.allowed);
    let because = answer.because.join("\n");
    assert!(
        because.contains("grants[1]") && because.contains("is for group:ops only"),
        "{because}"
    );
    assert!(because.contains("bob@example.com (member), who is in group:all"), "{because}");
    let grant = json!({ "src": ["bob@example.com"], "dst": ["tag:db"], "ip": ["tcp:5432"] });
    assert_eq!(serde_json::to_value(answer.smallest_grant).unwrap(), grant);

    let answer = compiled.ask("ann@example.com", "tag:web", None, 22).unwrap();
    assert!(answer.because[0].contains("on tcp:80, tcp:443 only"), "{:?}", answer.because);
}

#[test]
fn the_start_of_a_name_is_told_in_full_and_is_never_a_guess() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);

    let answer = compiled.ask("bob-l", "web-1", None, 443).unwrap();
    let both = compiled.ask("bob", "web-1", None, 443).unwrap_err();
    let user = compiled.ask("ann@exa", "web-1", None, 443).unwrap_err();

    assert_eq!((&*answer.from, &*answer.to), ("bob-laptop", "web-1"));
    assert_eq!(both, "`bob` matches devices and users: bob-laptop, bob@example.com");
    assert!(user.contains("did you mean ann@example.com?"), "{user}");
    assert!(compiled.check_end("web").is_ok() && compiled.check_end("nobody").is_err());
}

#[test]
fn the_smallest_grant_lets_just_that() {
    let inventory = inventory();
    let before = policy(RULES);
    let grant =
        before.compile(&inventory).ask("web-1", "printer", None, 631).unwrap().smallest_grant;

    let after =
        policy(&RULES.replacen("\"grants\": [", &format!("\"grants\": [{},", grant.unwrap()), 1));

    let after = after.compile(&inventory);
    assert!(after.ask("web-1", "10.1.2.3", None, 631).unwrap().allowed);
    assert!(!after.ask("web-1", "10.1.2.4", None, 631).unwrap().allowed);
    assert!(!after.ask("web-1", "printer", None, 632).unwrap().allowed);
}

#[test]
fn people_reach_their_own_devices_and_nobody_elses() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);
    for (from, to, allowed) in [
        ("ann-laptop", "ann-phone", true),
        ("ann@example.com", "ann-phone", true),
        ("ann-laptop", "bob-laptop", false),
        ("web-1", "ann-laptop", false),
    ] {
        assert_eq!(compiled.ask(from, to, None, 22).unwrap().allowed, allowed, "{from} {to}");
    }
}

#[test]
fn all_of_a_group_have_to_reach() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);
    assert!(compiled.ask("group:all", "tag:web", None, 80).unwrap().allowed);
    assert!(!compiled.ask("group:all", "tag:db", None, 5432).unwrap().allowed);
    assert!(compiled.ask("group:ops", "db-1", None, 5432).unwrap().allowed);
}

#[test]
fn a_name_that_means_nobody_is_an_error() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);
    for name in ["nobody", "tag:nope", "group:nope", "eve@example.com", "10.0.0.0/33"] {
        let message = compiled.ask(name, "web-1", None, 80).unwrap_err();
        assert!(message.contains("name a device"), "{name}: {message}");
    }
}

#[test]
fn what_keeps_apart_besides_the_file_is_noted() {
    let policy = policy(RULES);
    let mut inventory = inventory();
    inventory.devices[3].troubles.push("it is not connected now".to_owned());
    let compiled = policy.compile(&inventory);

    let answer = compiled.ask("bob-laptop", "web-1", None, 80).unwrap();
    assert!(answer.allowed);
    assert_eq!(answer.notes, ["web-1: it is not connected now"]);
    let nowhere = compiled.ask("bob-laptop", "10.9.9.9", None, 80).unwrap();
    assert!(nowhere.notes[0].contains("no device serves a route"), "{:?}", nowhere.notes);
}

#[test]
fn lists_name_every_rule_with_its_devices() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);

    let who = compiled.who_reaches("db-1").unwrap();
    let rules: Vec<(&str, usize)> =
        who.iter().map(|it| (it.by.rule.as_str(), it.devices)).collect();
    assert_eq!(rules, [("grants[1]", 2), ("grants[4]", 1)]);

    let what = compiled.reached_by("bob@example.com").unwrap();
    let names: Vec<&str> = what.iter().map(|it| it.who[0].as_str()).collect();
    assert_eq!(names, ["tag:web", "autogroup:self", "printer"]);
    assert_eq!(what[1].devices, 1, "his own");
}

#[test]
fn capabilities_are_found_in_grants_and_attributes() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);

    let all = compiled.capabilities_named(None);
    assert_eq!(all.len(), 2);
    let db = compiled.capabilities_named(Some("example.com/cap/db"));
    assert_eq!((db[0].held_by[0].as_str(), db[0].on[0].as_str()), ("tag:web", "tag:db"));
    assert_eq!(db[0].values, json!([{ "role": "rw" }]));
    let web = compiled.device("web-1").unwrap();
    assert!(compiled.attributes(web).contains_key("funnel"));
    assert!(!compiled.attributes(compiled.device("db-1").unwrap()).contains_key("funnel"));
}

#[test]
fn logins_over_ssh_are_judged_by_user_and_action() {
    let (policy, inventory) = (policy(&with_port_22()), inventory());
    let compiled = policy.compile(&inventory);
    for (from, to, user, allowed) in [
        ("ann-laptop", "web-1", "root", true),
        ("ann-laptop", "web-1", "ubuntu", true),
        ("bob-laptop", "web-1", "root", false),
        ("bob-laptop", "bob-laptop", "bob", true),
        ("bob-laptop", "bob-laptop", "root", false),
        ("bob-laptop", "ann-laptop", "bob", false),
    ] {
        let answer = compiled.ask_ssh(from, to, user).unwrap();
        assert_eq!(answer.allowed, allowed, "{from} {to} {user}: {answer:?}");
        assert_eq!(answer.because.is_empty(), allowed);
    }
    let answer = compiled.ask_ssh("ann-laptop", "web-1", "root").unwrap();
    assert!(answer.notes[0].contains("requires SSH check mode"), "{:?}", answer.notes);
}

/// The rules, and one that opens port 22 of the web server to Ann.
fn with_port_22() -> String {
    let grant = r#"{ "src": ["ann@example.com"], "dst": ["tag:web"], "ip": ["tcp:22"] }"#;
    RULES.replacen("\"grants\": [", &format!("\"grants\": [{grant},"), 1)
}

/// Model use 2: an SSH rule alone lets nobody in.
#[test]
fn a_login_needs_the_network_too() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);
    let answer = compiled.ask_ssh("ann-laptop", "web-1", "root").unwrap();
    assert!(!answer.allowed && answer.by.is_empty());
    let parts = answer.ssh.unwrap();
    assert!(parts.ssh_rule && !parts.network_rule);
    assert_eq!(answer.because[0], "the network part is missing: no rule allows tcp:22");
    let grant = json!({ "src": ["ann@example.com"], "dst": ["tag:web"], "ip": ["tcp:22"] });
    assert_eq!(serde_json::to_value(answer.smallest_grant).unwrap(), grant);
    let answer = compiled.ask_ssh("bob-laptop", "bob-laptop", "root").unwrap();
    let parts = answer.ssh.unwrap();
    assert!(!answer.allowed && !parts.ssh_rule && parts.network_rule);
    assert!(answer.smallest_grant.is_none());
    // Neither part is there: a grant alone would not let anybody log in.
    let answer = compiled.ask_ssh("bob-laptop", "web-1", "root").unwrap();
    let parts = answer.ssh.unwrap();
    assert!(!parts.ssh_rule && !parts.network_rule && answer.smallest_grant.is_none());
}

/// First use 3: one end and a user.
#[test]
fn who_logs_in_and_where_to_is_listed_by_rule() {
    let inventory = inventory();
    let (without, with) = (policy(RULES), policy(&with_port_22()));
    let counts =
        |list: Vec<tailsteward_policy::Login>| -> Vec<(String, String, usize, usize, bool)> {
            let row = |it: tailsteward_policy::Login| {
                (it.by.rule, it.who.join(","), it.devices, it.without_network, it.check_mode)
            };
            list.into_iter().map(row).collect()
        };
    let row = |rule: &str, who: &str, devices, without, check| {
        (rule.to_owned(), who.to_owned(), devices, without, check)
    };
    let (without, with) = (without.compile(&inventory), with.compile(&inventory));
    let who = |policy: &tailsteward_policy::Compiled<'_>, user: &str| {
        counts(policy.who_logs_in("tag:web", user).unwrap())
    };
    assert_eq!(who(&with, "root"), [row("ssh[0]", "group:ops", 2, 0, true)]);
    assert_eq!(who(&without, "root"), [row("ssh[0]", "group:ops", 0, 2, true)]);
    assert_eq!(
        counts(with.logs_in_to("ann-laptop", "ann").unwrap()),
        [row("ssh[0]", "tag:web", 1, 0, true), row("ssh[1]", "autogroup:self", 2, 0, false)]
    );
    assert!(with.logs_in_to("bob-laptop", "root").unwrap().is_empty());
    assert!(with.who_logs_in("tag:db", "root").unwrap().is_empty());
}

/// First use 4: the suggested grant is about what was asked, not about one member of it.
#[test]
fn the_smallest_grant_for_a_group_is_for_the_group() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);
    for (from, to, src, dst) in [
        ("group:all", "tag:db", "group:all", "tag:db"),
        ("autogroup:member", "tag:db", "autogroup:member", "tag:db"),
        ("tag:web", "group:all", "tag:web", "group:all"),
        ("bob-laptop", "db-1", "bob@example.com", "tag:db"),
    ] {
        let answer = compiled.ask(from, to, None, 22).unwrap();
        let grant = json!({ "src": [src], "dst": [dst], "ip": ["tcp:22"] });
        assert_eq!(serde_json::to_value(answer.smallest_grant).unwrap(), grant, "{from} {to}");
    }
    let answer = compiled.ask("group:all", "tag:db", None, 5432).unwrap();
    assert_eq!(answer.because[0], "bob@example.com does not reach tag:db");
    let is_there = answer.because.iter().any(|it| it == "bob@example.com (member) is in group:all");
    assert!(is_there, "{:?}", answer.because);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// First use 4
    #[test]
    fn the_smallest_grant_makes_the_answer_yes(
        from in prop::sample::select(ENDS.to_vec()), to in prop::sample::select(ENDS.to_vec()),
        port in prop::sample::select(vec![22, 443, 5432]), rest in prop::sample::select(vec![RULES, "\"grants\": [],"]),
    ) {
        let inventory = inventory();
        let before = policy(rest);
        let Ok(answer) = before.compile(&inventory).ask(from, to, None, port) else { return Ok(()) };
        let Some(grant) = answer.smallest_grant else {
            let has_none = to.starts_with("autogroup:") || from == "autogroup:self" || from == "svc:x";
            prop_assert!(answer.allowed || has_none, "{} {}", from, to);
            return Ok(());
        };
        prop_assert!(!answer.allowed);
        let text = rest.replacen("\"grants\": [", &format!("\"grants\": [{grant},"), 1);
        let checked = super::inventory::judged(&text);
        let errors: Vec<_> = checked.errors().collect();
        prop_assert!(errors.is_empty(), "{:?}", errors);
        let after = checked.policy.unwrap();
        let answer = after.compile(&inventory).ask(from, to, None, port).unwrap();
        prop_assert!(answer.allowed, "{} {} {}: {:?}", from, to, grant, answer.because);
    }
}

const ENDS: &[&str] = &[
    "ann-laptop",
    "ann-phone",
    "bob-laptop",
    "web-1",
    "db-1",
    "router",
    "ann@example.com",
    "bob@example.com",
    "group:ops",
    "group:all",
    "tag:web",
    "tag:db",
    "autogroup:member",
    "autogroup:tagged",
    "autogroup:owner",
    "autogroup:self",
    "autogroup:danger-all",
    "*",
    "printer",
    "10.1.9.9",
    "8.8.8.8",
    "user:*@example.com",
    "svc:x",
];

#[test]
fn a_preview_lists_the_rules_of_a_user_or_of_a_destination() {
    let (policy, inventory) = (policy(RULES), inventory());
    let compiled = policy.compile(&inventory);
    let users: Vec<_> =
        compiled.preview_user("bob@example.com").into_iter().map(|rule| rule.users).collect();
    assert_eq!(users, [["group:all"], ["autogroup:member"], ["bob@example.com"]]);
    assert!(compiled.preview_user("eve@else.org").is_empty());
    let found = compiled.preview_destination("10.1.2.3:631".parse().unwrap());
    let shown = serde_json::to_value(&found).unwrap();
    let line = policy.model().rules[3].at.start;
    let line = policy.document().place(line).line;
    let rule = json!({"users": ["bob@example.com"], "ports": ["printer:631"], "lineNumber": line});
    assert_eq!(shown, json!([rule]));
    assert!(compiled.preview_destination("10.1.2.3:80".parse().unwrap()).is_empty());
}

#[test]
fn routes_are_approved_for_those_whom_the_file_names() {
    let rest = r#""grants": [],
        "autoApprovers": { "routes": { "10.0.0.0/8": ["tag:router"] }, "exitNode": ["group:ops"] },"#;
    let (policy, inventory) = (policy(rest), inventory());
    let compiled = policy.compile(&inventory);
    let by = |device: &str, route: &str| {
        compiled.approver(compiled.device(device).unwrap(), &route.parse().unwrap())
    };
    assert_eq!(by("router", "10.1.0.0/16").as_deref(), Some("tag:router"));
    assert_eq!(by("router", "192.168.0.0/16"), None);
    assert_eq!(by("router", "0.0.0.0/0"), None);
    assert_eq!(by("ann-laptop", "::/0").as_deref(), Some("group:ops"));
}

#[test]
fn what_goes_through_a_router_reaches_subnets_and_no_device() {
    let inventory = inventory();
    let policy = policy(
        r#""grants": [{ "src": ["group:all"], "dst": ["tag:db", "10.1.0.0/16"], "ip": ["*"], "via": ["tag:router"] }],"#,
    );
    let compiled = policy.compile(&inventory);

    assert!(compiled.ask("bob-laptop", "printer", None, 631).unwrap().allowed);
    for to in ["db-1", "tag:db"] {
        let answer = compiled.ask("bob-laptop", to, None, 22).unwrap();
        assert!(!answer.allowed, "{to}");
        assert!(answer.because[0].contains("goes through tag:router"), "{:?}", answer.because);
        assert!(compiled.who_reaches(to).unwrap().is_empty(), "{to}");
    }
    assert_eq!(compiled.reached_by("bob-laptop").unwrap()[0].devices, 0);
}

#[test]
fn what_a_set_of_addresses_takes_away_is_not_in_it() {
    let inventory = inventory();
    let policy = policy(
        r#""ipsets": { "ipset:office": ["10.1.0.0/16", "remove 10.1.2.0/24"] },
        "grants": [{ "src": ["group:all"], "dst": ["ipset:office"], "ip": ["*"] }],"#,
    );
    let compiled = policy.compile(&inventory);

    for (to, allowed) in [("10.1.1.255", true), ("10.1.2.3", false), ("10.1.3.0", true)] {
        assert_eq!(compiled.ask("bob-laptop", to, None, 22).unwrap().allowed, allowed, "{to}");
    }
}

#[test]
fn a_tag_is_a_device_with_nothing_else_and_what_others_reach_is_a_note() {
    let (policy, mut inventory) = (policy(RULES), inventory());
    let db = inventory.devices.iter().position(|it| it.name == "db-1").unwrap();
    inventory.devices[db].tags.push("tag:web".to_owned());
    let compiled = policy.compile(&inventory);

    let answer = compiled.ask("bob-laptop", "tag:db", None, 443).unwrap();

    assert!(!answer.allowed);
    assert!(answer.notes[0].contains("bob-laptop reaches db-1 all the same, by grants[0]"));
    assert!(compiled.ask("bob-laptop", "tag:db", None, 5432).unwrap().notes.is_empty());
    // One member of the group does reach the tag; that must not be noted about the member who does not.
    let group = compiled.ask("group:all", "tag:db", None, 5432).unwrap();
    assert!(!group.allowed && group.notes.is_empty(), "{:?}", group.notes);
}
