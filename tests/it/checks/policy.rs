//! Cases of the checks of the policy file.

use serde_json::json;
use tailsteward::checks::{Facts, Policy};

use super::{
    healthy::{POLICY, log, policy, scope},
    table::Case,
};

/// The policy file with another section.
fn with(facts: &mut Facts, section: &str) {
    let text = POLICY.replacen('{', &format!("{{ {section},"), 1);
    facts.policy = Ok(policy(&text));
}

fn hidden(facts: &mut Facts) {
    facts.policy = Err(scope());
}

pub const CASES: &[Case] = &[
    Case {
        id: "P1",
        fails: |it| with(it, r#""acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]"#),
        because: "acls[0]: line 1: everything reaches everything",
        unknown: hidden,
    },
    Case {
        id: "P2",
        fails: |it| {
            with(
                it,
                r#""acls": [{"action": "accept", "src": ["autogroup:danger-all"], "dst": ["tag:router:80"]}]"#,
            );
        },
        because: "acls[0]: line 1: autogroup:danger-all",
        unknown: hidden,
    },
    Case {
        id: "P3",
        fails: |it| {
            with(
                it,
                r#""ssh": [{"action": "accept", "src": ["ada@example.com"], "dst": ["tag:router"], "users": ["root"]}]"#,
            );
        },
        because: "ssh[0]: line 1: root",
        unknown: hidden,
    },
    Case {
        id: "P4",
        fails: |it| {
            with(
                it,
                r#""ssh": [{"action": "check", "src": ["autogroup:member"], "dst": ["tag:router"], "users": ["autogroup:nonroot"]}]"#,
            );
        },
        because: "ssh[0]: line 1: from autogroup:member",
        unknown: hidden,
    },
    Case {
        id: "P5",
        fails: |it| {
            it.policy = Ok(policy(&POLICY.replace("autogroup:admin", "autogroup:member")));
        },
        because: "tag:router: line 2: owner autogroup:member",
        unknown: hidden,
    },
    Case {
        id: "P6",
        fails: |it| with(it, r#""autoApprovers": {"exitNode": ["autogroup:member"]}"#),
        because: "exitNode: line 1: approved for autogroup:member",
        unknown: hidden,
    },
    Case {
        id: "P7",
        fails: |it| with(it, r#""nodeAttrs": [{"target": ["*"], "attr": ["funnel"]}]"#),
        because: "nodeAttrs[0]: line 1: every device",
        unknown: hidden,
    },
    Case {
        id: "P8",
        fails: |it| it.policy = Ok(policy(&POLICY.replace("\"tests\"", "\"extra\""))),
        because: "tests: line 1: the file has no tests",
        unknown: hidden,
    },
    Case {
        id: "P9",
        fails: |it| with(it, r#""groups": {"group:eng": ["zed@example.com"]}"#),
        because: "zed@example.com is not in the tailnet",
        // The file was read, and the users and devices were not.
        unknown: |it| it.policy = Policy::of(POLICY, Err(scope())),
    },
    Case {
        id: "P10",
        fails: |it| log(it, json!({ "action": "UPDATE", "property": "ACL" })),
        because: "ada@example.com: saved in the admin console 2026-10-30",
        unknown: |it| it.log = Err(scope()),
    },
];

/// The other checks of the file need neither users nor devices.
#[test]
fn without_users_and_devices_a_wide_open_file_still_fails() {
    use tailsteward::checks::Verdict;

    use super::healthy::after;

    let text = r#"{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}"#;
    let open = |it: &mut Facts| it.policy = Policy::of(text, Err(scope()));
    assert_eq!(after("P1", open).verdict, Verdict::Fail);
    assert_eq!(after("P2", open).verdict, Verdict::Ok);
    assert_eq!(after("P8", open).verdict, Verdict::Fail);
    assert_eq!(after("P9", open).verdict, Verdict::Unknown);
}
