//! What Tailscale would reject, at which position, and the suggested fix.

use tailsteward_policy::{Inventory, Severity, check};

use super::inventory::{file, judged};

#[test]
fn an_error_has_its_place_its_path_and_a_suggestion() {
    let checked = judged(r#""grants": [{ "src": ["tag:wen"], "dst": ["*"], "ip": ["*"] }],"#);
    let error = checked.errors().next().unwrap();
    assert_eq!(error.message, "src=tag not found: \"tag:wen\"");
    assert_eq!(error.path, "grants[0].src[0]");
    assert_eq!(error.suggestion.as_deref(), Some("did you mean \"tag:web\"?"));
    let at = error.at.unwrap();
    let text = file(r#""grants": [{ "src": ["tag:wen"], "dst": ["*"], "ip": ["*"] }],"#);
    assert!(text.lines().nth(at.line - 1).unwrap()[at.column - 1..].starts_with("\"tag:wen\""));
}

#[test]
fn each_mistake_is_told_in_tailscales_words() {
    for (rest, wanted) in [
        (
            r#""acls": [{"action": "deny", "src": ["*"], "dst": ["*:*"]}]"#,
            "action=\"deny\" is not supported",
        ),
        (
            r#""acls": [{"action": "accept", "proto": "foo", "src": ["*"], "dst": ["*:*"]}]"#,
            "proto name \"foo\" not known; use protocol number 0-255",
        ),
        (
            r#""acls": [{"action": "accept", "src": ["*"], "dst": ["tag:web:90-80"]}]"#,
            "dst=\"tag:web:90-80\": port range \"90-80\": first port must be >= last port",
        ),
        (
            r#""acls": [{"action": "accept", "src": ["*"], "dst": ["tag:web:0"]}]"#,
            "dst=\"tag:web:0\": port range \"0\": first port must be >0, or use '*' for wildcard",
        ),
        (
            r#""acls": [{"action": "accept", "src": ["*"], "dst": ["tag"]}]"#,
            "dst=\"tag\": hostport must contain a colon (\":\")",
        ),
        (
            r#""acls": [{"action": "accept", "src": ["autogroup:internet"], "dst": ["*:*"]}]"#,
            "\"autogroup:internet\" not valid on the src side of a rule",
        ),
        (
            r#""grants": [{"src": ["group:nope"], "dst": ["*"], "ip": ["*"]}]"#,
            "src=group not found: \"group:nope\"",
        ),
        (
            r#""grants": [{"src": ["nohost"], "dst": ["*"], "ip": ["*"]}]"#,
            "src=\"nohost\": invalid address",
        ),
        (
            r#""grants": [{"src": ["*"], "dst": ["10.1.0.0/16"], "ip": ["*"], "via": ["tag:nope"]}]"#,
            "tag \"tag:nope\" not found",
        ),
        (
            r#""grants": [{"src": ["*"], "dst": ["10.1.0.0/16"], "ip": ["*"], "via": ["group:ops"]}]"#,
            "via can only be a tag",
        ),
        (
            r#""grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "srcPosture": ["posture:x"]}]"#,
            "posture not found: \"posture:x\"",
        ),
        (
            r#""ssh": [{"action": "accept", "src": ["*"], "dst": ["tag:web"], "users": ["root"]}]"#,
            "invalid src \"*\"",
        ),
        (
            r#""ssh": [{"action": "accept", "src": ["tag:web"], "dst": ["ann@example.com"], "users": ["root"]}]"#,
            "\"ann@example.com\" in dst: tagged devices cannot log in on devices of people",
        ),
        (
            r#""ssh": [{"action": "check", "checkPeriod": "1h90x", "src": ["group:ops"], "dst": ["tag:web"], "users": ["root"]}]"#,
            "time: invalid duration \"1h90x\"",
        ),
        (
            r#""nodeAttrs": [{"target": ["*"], "ipPool": ["10.0.0.0/8"]}]"#,
            "ipPool \"10.0.0.0/8\": must be within 100.64.0.0/10",
        ),
        (
            r#""autoApprovers": {"routes": {"10.0.0.0/8": ["tag:nope"]}}"#,
            "autoApprovers.routes[\"10.0.0.0/8\"]: tag not found: \"tag:nope\"",
        ),
        (
            r#""ipsets": {"ipset:x": ["nowhere"]}"#,
            "ipsets[\"ipset:x\"]: \"nowhere\": invalid address",
        ),
        (
            r#""tests": [{"src": "ann@example.com", "accept": ["tag:web:80"]}], "grants": []"#,
            "test(s) failed",
        ),
        (r#""grants": "all""#, "grants must be a list, not a text"),
    ] {
        let checked = judged(rest);
        let first = checked.errors().next().map(|it| it.message.as_str());
        assert_eq!(first, Some(wanted), "{rest}");
    }
}

#[test]
fn a_file_that_is_right_has_no_errors_in_either_spelling() {
    for rest in [
        r#""grants": [{"src": ["autogroup:member"], "dst": ["10.1.0.0/16", "printer"], "ip": ["tcp:22", "80", "icmp:*"], "via": ["tag:router"]}]"#,
        r#""ACLs": [{"Action": "accept", "Users": ["group:all"], "Ports": ["tag:web:80,443", "[fd7a:115c:a1e0::4]:22"]}]"#,
        r#""ipsets": {"ipset:x": ["10.1.0.0/16", "remove 10.1.9.0/24", "add printer"]}, "grants": [{"src": ["*"], "dst": ["ipset:x"], "ip": ["*"]}]"#,
        r#""postures": {"posture:mac": ["node:os IN ['macos', 'ios']", "node:tsVersion >= '1.40'", "custom:x IS SET"]}, "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "srcPosture": ["posture:mac"]}]"#,
        r#""grants": [{"src": ["*"], "dst": ["svc:web"], "ip": ["*"]}], "sshTests": [{"src": "ann@example.com", "dst": ["tag:web"], "deny": ["root"]}]"#,
    ] {
        let checked = judged(rest);
        let errors: Vec<String> = checked.errors().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{rest}: {errors:?}");
    }
}

/// The rule of the fidelity review: what is not known here is a warning, since Tailscale may accept it.
#[test]
fn what_is_not_known_here_is_left_to_tailscale() {
    let grant =
        |fields: &str| format!("\"grants\": [{{{fields}, \"dst\": [\"*\"], \"ip\": [\"*\"]}}],");
    for (what, rest) in [
        ("unknown section \"someday\"", r#""grants": [], "someday": { "x": 1 },"#.to_owned()),
        ("unknown field \"someday\"", grant(r#""src": ["*"], "someday": 1"#)),
        ("unknown autogroup \"autogroup:someday\"", grant(r#""src": ["autogroup:someday"]"#)),
        ("unknown selector \"someday:x\"", grant(r#""src": ["someday:x"]"#)),
        (
            "unknown capability \"tailscale.com/cap/someday\"",
            grant(r#""src": ["*"], "app": {"tailscale.com/cap/someday": [{}]}"#),
        ),
        (
            "postures[\"posture:x\"]: \"node:os ~ 'macos'\": expected an operator like ==",
            r#""grants": [], "postures": {"posture:x": ["node:os ~ 'macos'"]},"#.to_owned(),
        ),
        (
            "action \"check\" with the src \"tag:web\", which is no user",
            r#""grants": [], "ssh": [{"action": "check", "src": ["tag:web"], "dst": ["tag:db"], "users": ["root"]}],"#.to_owned(),
        ),
        (
            "\"autogroup:member\" in dst of an SSH rule",
            r#""grants": [], "ssh": [{"action": "accept", "src": ["group:ops"], "dst": ["autogroup:member"], "users": ["root"]}],"#.to_owned(),
        ),
    ] {
        let checked = judged(&rest);
        let errors: Vec<String> = checked.errors().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{rest}: {errors:?}");
        let warnings: Vec<(&str, Option<&str>)> =
            checked.warnings().map(|it| (it.message.as_str(), it.suggestion.as_deref())).collect();
        assert_eq!(warnings, [(what, Some("not known here, Tailscale decides"))], "{rest}");
    }
    for rest in [
        r#""grants": [], "nodeAttrs": [{"target": ["*"], "attr": ["someday"]}],"#,
        r#""grants": [], "postures": {"posture:x": ["someday:x == 1", "node:tsAutoUpdate"]},"#,
        r#""grants": [{"src": ["*"], "dst": ["*"], "app": {"tailscale.com/cap/databases": [{}], "tailscale.com/cap/tailsql": [{}], "tailscale.com/cap/aperture": [{}], "tailscale.com/cap/proxy-to-grafana": [{}]}}],"#,
        r#""grants": [{"src": ["autogroup:member"], "dst": ["tag:db"], "ip": ["icmp:*"]}], "tests": [{"src": "autogroup:member", "proto": "icmp", "accept": ["tag:db:0"]}],"#,
        r#""grants": [], "tests": [{"src": "eve@example.com", "deny": ["tag:db:22"]}],"#,
        r#""Grants": [{"Src": ["*"], "Dst": ["*"], "IP": ["*"]}],"#,
    ] {
        let checked = judged(rest);
        let problems: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{rest}: {problems:?}");
    }
}

#[test]
fn what_tailscale_refuses_in_every_tailnet_is_an_error_without_one() {
    for (rest, wanted) in [
        (r#""tests": [{"src": "tag:web", "accept": ["tag:db:*"]}],"#, "test(s) failed"),
        (r#""tests": [{"src": "tag:web", "deny": ["tag:db"]}],"#, "test(s) failed"),
        (r#""tests": [{"src": "tag:web", "deny": ["ipset:x:443"]}],"#, "test(s) failed"),
        (
            r#""sshTests": [{"src": "ann@example.com", "dst": ["fd7a:115c:a1e0::4"], "deny": ["root"]}],"#,
            "test(s) failed",
        ),
        (
            r#""acls": [{"action": "accept", "src": ["user:*@gmail.com"], "dst": ["*:*"]}],"#,
            "gmail.com is not associated with this Tailnet and cannot be used in user:*@<domain> expressions",
        ),
        (
            r#""acls": [{"action": "accept", "src": ["user:*@passkey"], "dst": ["*:*"]}],"#,
            "passkey is not associated with this Tailnet and cannot be used in user:*@<domain> expressions",
        ),
        (
            r#""grants": [{"src": ["*"], "dst": ["*"], "app": {"tailscale.com/cap/ingress": [{}]}}],"#,
            "capability name must not be in the tailscale.com domain",
        ),
    ] {
        for inventory in [None, Some(super::inventory::inventory())] {
            let checked = check(&file(rest), inventory.as_ref());
            let first = checked.errors().next().map(|it| it.message.clone());
            assert_eq!(first.as_deref(), Some(wanted), "{rest}");
        }
    }
}

/// L14: equal names and names that differ only in case are treated the same.
#[test]
fn a_section_or_field_that_is_there_twice_is_a_warning() {
    let rule = |name: &str| {
        format!(r#"{{ "{name}": ["tag:web"], "src": ["tag:db"], "dst": ["*"], "ip": ["*"] }}"#)
    };
    for rest in [
        format!("\"grants\": [],\n\"grants\": [{}],", rule("via")),
        format!("\"grants\": [],\n\"Grants\": [{}],", rule("via")),
        format!("\"grants\": [\n{}],", rule("src")),
        format!("\"grants\": [\n{}],", rule("SRC")),
    ] {
        let checked = judged(&rest);
        assert!(checked.is_accepted(), "{rest}");
        let warnings: Vec<String> = checked.warnings().map(ToString::to_string).collect();
        assert_eq!(warnings.len(), 1, "{rest}: {warnings:?}");
        assert!(warnings[0].contains("is here twice, first in line"), "{warnings:?}");
        let policy = checked.policy.unwrap();
        let rules = &policy.model().rules;
        assert_eq!((rules.len(), rules[0].src[0].text.as_str()), (1, "tag:db"), "{rest}");
    }
}

#[test]
fn warnings_are_apart_from_errors() {
    let checked = judged(r#""someday": { "x": 1 },"#);
    assert!(checked.is_accepted());
    let warnings: Vec<&str> = checked.warnings().map(|it| it.message.as_str()).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("\"someday\"") && warnings[1].contains("everything is allowed"));
    assert!(checked.problems.iter().all(|it| it.severity == Severity::Warning));
}

#[test]
fn without_a_tailnet_only_the_file_is_judged() {
    let text =
        file(r#""grants": [], "tests": [{"src": "eve@else.org", "accept": ["tag:web:80"]}],"#);
    assert!(check(&text, None).is_accepted());
    assert!(!check(&text, Some(&Inventory::named("example.com"))).is_accepted());
}

#[test]
fn postures_hold_or_do_not() {
    use serde_json::json;
    let rest = |condition: &str| {
        format!(
            "\"postures\": {{\"posture:p\": [{condition:?}]}},
             \"grants\": [{{\"src\": [\"*\"], \"dst\": [\"tag:web\"], \"ip\": [\"*\"], \"srcPosture\": [\"posture:p\"]}}],"
        )
    };
    let mut inventory = super::inventory::inventory();
    let attributes =
        [("node:os", json!("macos")), ("node:tsVersion", json!("1.40.3")), ("custom:n", json!(5))];
    inventory.devices[0].posture =
        Some(attributes.into_iter().map(|(name, it)| (name.to_owned(), it)).collect());
    for (condition, holds) in [
        ("node:os == 'macos'", true),
        ("node:os != 'macos'", false),
        ("node:os IN ['linux', 'macos']", true),
        ("node:os NOT IN ['linux']", true),
        ("node:tsVersion >= '1.9'", true),
        ("node:tsVersion < '1.40.10'", true),
        ("custom:n > 4", true),
        ("custom:n IS SET", true),
        ("custom:m IS SET", false),
        ("custom:m NOT SET", true),
        ("custom:m != 'x'", false),
    ] {
        let policy = super::inventory::policy(&rest(condition));
        let answer = policy.compile(&inventory).ask("ann-laptop", "web-1", None, 80).unwrap();
        assert_eq!(answer.allowed, holds, "{condition}");
    }
}
