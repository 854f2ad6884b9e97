//! Tests in a policy file, and the validate and preview endpoints.

use super::*;

async fn send(tailnet: &Tailnet, path: &str, body: &str) -> Answer {
    let request = tailnet.bare("POST", path).bearer_auth(Sandbox::API_KEY);
    tailnet.send(request.header("content-type", "application/hujson").body(body.to_owned())).await
}

async fn validate(tailnet: &Tailnet, body: &str) -> Value {
    send(tailnet, "/tailnet/-/acl/validate", body).await.ok()
}

async fn login(tailnet: &Tailnet, at: usize) -> String {
    let users = tailnet.get("/tailnet/-/users").await.ok();
    text(&users["users"][at]["loginName"]).to_owned()
}

#[tokio::test]
async fn a_write_with_failing_tests_changes_nothing() {
    let tailnet = Tailnet::new().await;
    let before = tailnet.get("/tailnet/-/acl").await;
    let policy = r#"{"tagOwners": {"tag:a": [], "tag:b": []}, "grants": [],
        "tests": [{"src": "tag:a", "accept": ["tag:b:22"]}]}"#;
    let refused = send(&tailnet, "/tailnet/-/acl", policy).await;
    refused.refused(400, "test(s) failed");
    let errors = json!(["address \"tag:b:22\": want: Accept, got: Drop"]);
    assert_eq!(refused.body["data"], json!([{ "user": "tag:a", "errors": errors }]));
    let after = tailnet.get("/tailnet/-/acl").await;
    assert_eq!((after.header("etag"), &after.text), (before.header("etag"), &before.text));
    // The validate endpoint returns the same error with status 200.
    let answer = validate(&tailnet, policy).await;
    assert_eq!(
        (&answer["message"], &answer["data"]),
        (&json!("test(s) failed"), &refused.body["data"])
    );
}

#[tokio::test]
async fn validating_takes_a_policy_or_tests_for_the_live_one() {
    let tailnet = Tailnet::new().await;
    assert_eq!(validate(&tailnet, "{}").await, json!({}));
    let live = tailnet.get("/tailnet/-/acl").await.text;
    assert_eq!(validate(&tailnet, &live).await, json!({}));
    let good = r#"[{"src": "tag:web", "accept": ["tag:db:5432"], "deny": ["tag:db:22"]}]"#;
    assert_eq!(validate(&tailnet, good).await, json!({}));
    let bad = r#"[{"src": "tag:web", "accept": ["tag:db:22"]}]"#;
    assert_eq!(validate(&tailnet, bad).await["message"], "test(s) failed");
    assert!(validate(&tailnet, "{\"acl\": []}").await["message"].is_string());
    let empty = send(&tailnet, "/tailnet/-/acl/validate", "").await;
    empty.refused(400, "unexpected end of JSON input");
    let odd = [
        "null",
        "3",
        "[null]",
        r#"[{"src": 3}]"#,
        r#"[{"src": "tag:web", "accept": [], "deny": [null]}]"#,
        r#"[{"src": "tag:web", "accept": [3], "deny": []}]"#,
        r#"[{"src": "tag:web", "accept": [], "srcPostureAttrs": {"node:os": null}}]"#,
        r#"[{"src": "tag:web", "accept": [], "srcPostureAttrs": {"node:os": {}}}]"#,
        r#"[{"src": "tag:web", "accept": [], "srcPostureAttrs": {"node:os": []}}]"#,
    ];
    for odd in odd {
        assert_eq!(send(&tailnet, "/tailnet/-/acl/validate", odd).await.status, 400, "{odd}");
    }
}

#[tokio::test]
async fn every_kind_of_selector_is_understood() {
    let tailnet = Tailnet::new().await;
    let (owner, other) = (login(&tailnet, 0).await, login(&tailnet, 3).await);
    let base = json!({
        "groups": {"group:a": [owner]},
        "tagOwners": {"tag:a": [], "tag:b": []},
        "hosts": {"box": "10.1.2.3", "net": "10.1.0.0/16"},
    });
    // Source, destination and ports of the rule; then source, `accept` and `deny` of the test.
    for (src, dst, ports, from, accept, deny) in [
        ("*", "*", "*", "tag:a", "tag:b:1", ""),
        (owner.as_str(), "tag:a", "22", owner.as_str(), "tag:a:22", "tag:a:23"),
        (owner.as_str(), "tag:a", "22", other.as_str(), "", "tag:a:22"),
        ("group:a", "box", "80-90", owner.as_str(), "box:85", "box:91"),
        ("group:a", "net", "443", owner.as_str(), "10.1.255.1:443", "10.2.0.1:443"),
        ("tag:a", "10.1.2.0/24", "*", "tag:a", "box:1", "10.1.3.1:1"),
        ("tag:a", "10.1.2.1-10.1.2.5", "*", "tag:a", "box:1", "10.1.2.6:1"),
        (
            "autogroup:member",
            "autogroup:self",
            "*",
            owner.as_str(),
            "autogroup:self:22",
            "tag:a:22",
        ),
        ("autogroup:member", "autogroup:internet", "*", owner.as_str(), "8.8.8.8:53", "box:53"),
        ("autogroup:owner", "tag:a", "*", owner.as_str(), "tag:a:1", ""),
        ("autogroup:owner", "tag:a", "*", other.as_str(), "", "tag:a:1"),
        ("autogroup:tagged", "tag:b", "*", "tag:a", "tag:b:1", "tag:a:1"),
        ("user:*@example.com", "tag:b", "*", owner.as_str(), "tag:b:1", ""),
        ("box", "tag:b", "*", "box", "tag:b:1", ""),
        ("tag:a", "svc:web", "443", "tag:a", "svc:web:443", "svc:web:80"),
        ("autogroup:danger-all", "tag:b", "*", "1.2.3.4", "tag:b:1", "tag:a:1"),
        ("tag:a", "fd7a:115c:a1e0::/48", "*", "tag:a", "[fd7a:115c:a1e0::5]:1", "[fd00::1]:1"),
    ] {
        let list = |text: &str| if text.is_empty() { json!([]) } else { json!([text]) };
        let tests = json!([{ "src": from, "accept": list(accept), "deny": list(deny) }]);
        let mut grants = base.clone();
        grants["grants"] = json!([{ "src": [src], "dst": [dst], "ip": [ports] }]);
        let mut acls = base.clone();
        let target = if dst.contains("::") { format!("[{dst}]") } else { dst.to_owned() };
        acls["acls"] =
            json!([{ "action": "accept", "src": [src], "dst": [format!("{target}:{ports}")] }]);
        for mut policy in [grants, acls] {
            policy["tests"] = tests.clone();
            assert_eq!(validate(&tailnet, &policy.to_string()).await, json!({}), "{policy}");
        }
    }
}

#[tokio::test]
async fn protocols_postures_and_older_names_count() {
    let tailnet = Tailnet::new().await;
    let head = r#""tagOwners": {"tag:a": [], "tag:b": []},
        "postures": {"posture:x": ["node:os == 'linux'"]}"#;
    for (rules, test, passes) in [
        (
            r#""grants": [{"src": ["*"], "dst": ["tag:b"], "ip": ["udp:53"]}]"#,
            r#""proto": "udp", "accept": ["tag:b:53"]"#,
            true,
        ),
        // Without a protocol, either TCP or UDP is enough.
        (
            r#""grants": [{"src": ["*"], "dst": ["tag:b"], "ip": ["udp:53"]}]"#,
            r#""accept": ["tag:b:53"]"#,
            true,
        ),
        (
            r#""grants": [{"src": ["*"], "dst": ["tag:b"], "ip": ["udp:53"]}]"#,
            r#""proto": "tcp", "accept": ["tag:b:53"]"#,
            false,
        ),
        // A test needs a single port, which is 0 for a protocol that has none.
        (
            r#""acls": [{"action": "accept", "proto": "icmp", "src": ["*"], "dst": ["tag:b:*"]}]"#,
            r#""proto": "icmp", "accept": ["tag:b:0"]"#,
            true,
        ),
        (
            r#""acls": [{"action": "accept", "src": ["*"], "dst": ["tag:b:*"]}]"#,
            r#""accept": ["tag:b:80-90"]"#,
            false,
        ),
        (
            r#""acls": [{"action": "accept", "users": ["*"], "ports": ["tag:b:1"]}]"#,
            r#""accept": ["tag:b:1"]"#,
            true,
        ),
        (
            r#""grants": [{"src": ["*"], "dst": ["tag:b"], "app": {"a.example/b": [{}]}}]"#,
            r#""accept": ["tag:b:1"]"#,
            false,
        ),
        (
            r#""grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "srcPosture": ["posture:x"]}]"#,
            r#""accept": ["tag:b:1"]"#,
            false,
        ),
        (
            r#""grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "srcPosture": ["posture:x"]}]"#,
            r#""srcPostureAttrs": {"node:os": "linux"}, "accept": ["tag:b:1"]"#,
            true,
        ),
        (
            r#""grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "srcPosture": ["posture:x"]}]"#,
            r#""srcPostureAttrs": {"node:os": "macos"}, "accept": ["tag:b:1"]"#,
            false,
        ),
        // Without either section everything is allowed; with an empty one, nothing is.
        (r#""hosts": {}"#, r#""accept": ["tag:b:1"]"#, true),
        (r#""acls": []"#, r#""deny": ["tag:b:1"]"#, true),
        (r#""acls": []"#, r#""deny": ["tag:none:1"]"#, false),
    ] {
        let policy = format!("{{ {head}, {rules}, \"tests\": [{{\"src\": \"tag:a\", {test} }}] }}");
        let answer = validate(&tailnet, &policy).await;
        assert_eq!(answer == json!({}), passes, "{policy}\n{answer}");
    }
}

#[tokio::test]
async fn rules_that_make_no_sense_are_refused() {
    let tailnet = Tailnet::new().await;
    for (policy, message) in [
        (
            r#"{"acls": [{"action": "accept", "src": ["tag:x"], "dst": ["*:*"]}]}"#,
            "src=tag not found: \"tag:x\"",
        ),
        (
            r#"{"acls": [{"action": "accept", "src": ["*"], "dst": ["tag:x:1"]}]}"#,
            "dst=\"tag:x\": tag not found: \"tag:x\"",
        ),
        (
            r#"{"acls": [{"action": "drop", "src": ["*"], "dst": ["*:*"]}]}"#,
            "action=\"drop\" is not supported",
        ),
        (
            r#"{"acls": [{"action": "accept", "src": ["*"], "dst": ["h:ssh"]}]}"#,
            "dst=\"h:ssh\": port range \"ssh\": invalid first integer",
        ),
        (
            r#"{"acls": [{"action": "accept", "src": ["autogroup:self"], "dst": ["*:*"]}]}"#,
            "\"autogroup:self\" not valid on the src side of a rule",
        ),
        (r#"{"grants": [{"src": ["*"], "dst": ["*"]}]}"#, "ip and app can not both be empty"),
        (
            r#"{"grants": [{"src": ["*"], "dst": ["::/0"], "ip": ["*"]}]}"#,
            "dst \"::/0\": to allow all IP addresses, use \"*\" or \"autogroup:internet\"",
        ),
        (
            r#"{"grants": [{"src": ["*"], "dst": ["autogroup:self"], "ip": ["*"]}]}"#,
            "autogroup:self can only be used with users, groups, or supported autogroups",
        ),
        (
            r#"{"grants": [{"src": ["*"], "dst": ["*"], "app": {"https://a.example/b": [{}]}}]}"#,
            "capability name must have the form {domain}/{path}",
        ),
        (
            r#"{"grants": [{"src": ["*"], "dst": ["autogroup:internet"], "app": {"a.example/b": [{}]}}]}"#,
            "cannot use app grants with autogroup:internet",
        ),
        (
            r#"{"groups": {"group:a": ["group:b"]}}"#,
            "groups[\"group:a\"]: \"group:b\": group members cannot be recursive",
        ),
    ] {
        send(&tailnet, "/tailnet/-/acl", policy).await.refused(400, message);
        assert_eq!(validate(&tailnet, policy).await["message"], message);
    }
}

#[tokio::test]
async fn a_preview_names_the_rules_and_their_lines() {
    let tailnet = Tailnet::new().await;
    let owner = login(&tailnet, 0).await;
    let policy = format!(
        "{{\n  // People\n  \"grants\": [\n    {{\"src\": [\"{owner}\"], \"dst\": [\"10.0.0.1\"], \"ip\": [\"tcp:22\"]}},\n\
         \n    {{\"src\": [\"tag:a\"], \"dst\": [\"10.0.0.2\"], \"ip\": [\"*\"]}},\n  ],\n\
         \"tagOwners\": {{\"tag:a\": []}},\n}}"
    );
    let path = "/tailnet/-/acl/preview";
    let user = send(&tailnet, &format!("{path}?type=user&previewFor={owner}"), &policy).await.ok();
    let first = json!({"users": [owner], "ports": ["10.0.0.1:22"], "lineNumber": 4});
    assert_eq!(user, json!({"matches": [first], "type": "user", "previewFor": owner}));
    let port = send(&tailnet, &format!("{path}?type=ipport&previewFor=10.0.0.2:80"), &policy).await;
    let second = json!({"users": ["tag:a"], "ports": ["10.0.0.2:*"], "lineNumber": 6});
    assert_eq!(port.ok()["matches"], json!([second]));
    for query in ["", "?type=user", "?type=ipport&previewFor=nowhere", "?type=x&previewFor=y"] {
        assert_eq!(send(&tailnet, &format!("{path}{query}"), &policy).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn ssh_tests_and_ip_sets_are_understood() {
    let tailnet = Tailnet::new().await;
    let owner = login(&tailnet, 0).await;
    let ssh = |test: &str| {
        format!(
            r#"{{"grants": [], "tagOwners": {{"tag:a": []}},
                "ssh": [{{"action": "check", "src": ["{owner}"], "dst": ["tag:a"], "users": ["root"]}}],
                "sshTests": [{{"src": "{owner}", "dst": ["tag:a"], {test}}}]}}"#
        )
    };
    assert_eq!(validate(&tailnet, &ssh(r#""check": ["root"], "deny": ["ann"]"#)).await, json!({}));
    let answer = validate(&tailnet, &ssh(r#""accept": ["ann"]"#)).await;
    let errors = json!(["user \"ann\": want: Accept, got: Drop"]);
    assert_eq!(answer["data"], json!([{ "user": owner, "errors": errors }]));
    let set = |entry: &str| {
        format!(
            r#"{{"ipsets": {{"ipset:lab": ["10.1.0.0/16", "remove {entry}"]}}, "tagOwners": {{"tag:a": []}},
                "grants": [{{"src": ["tag:a"], "dst": ["ipset:lab"], "ip": ["*"]}}],
                "tests": [{{"src": "tag:a", "accept": ["10.1.2.3:22"]}}]}}"#
        )
    };
    assert_eq!(validate(&tailnet, &set("10.1.9.0/24")).await, json!({}));
    assert_eq!(validate(&tailnet, &set("10.1.2.0/24")).await["message"], "test(s) failed");
}
