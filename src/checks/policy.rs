//! The checks of the policy file, P1 to P10.

use super::{
    Check, Facts, Known, Looked, Seen, Severity, Subject, Unknown, facts::Policy, settings::setting,
};
use crate::policy::{Selector, SelectorKind, model::Text};

const P1: Check = Check {
    id: "P1",
    title: "Everything reaches everything",
    severity: Severity::Critical,
    fails: "there are no rules, or a rule is for all sources, destinations and ports",
    remedy: "allow only what is needed",
    source: "best practices (kb/1196); access control (kb/1393)",
    of_devices: false,
    look: |facts| found(&P1, facts, &["no_rules", "open_to_all"]),
};

const P2: Check = Check {
    id: "P2",
    title: "Rules for addresses outside the tailnet",
    severity: Severity::Critical,
    fails: "a source is `autogroup:danger-all`",
    remedy: "name the sources",
    source: "policy syntax (kb/1337)",
    of_devices: false,
    look: |facts| found(&P2, facts, &["danger_all"]),
};

const P3: Check = Check {
    id: "P3",
    title: "Root over SSH without check mode",
    severity: Severity::High,
    fails: "an SSH rule lets root in with the action `accept`",
    remedy: "use the action `check`",
    source: "Tailscale SSH (kb/1193); best practices (kb/1196)",
    of_devices: false,
    look: |facts| found(&P3, facts, &["root_unchecked"]),
};

const P4: Check = Check {
    id: "P4",
    title: "Everybody logs in to tagged devices as any user but root",
    severity: Severity::Critical,
    fails: "an SSH rule to a tag has `autogroup:nonroot`, and all members or a domain as its source",
    remedy: "list the accounts, or a group as the source",
    source: "Tailscale SSH (kb/1193)",
    of_devices: false,
    look: nonroot,
};

const P5: Check = Check {
    id: "P5",
    title: "Everybody owns a tag",
    severity: Severity::Critical,
    fails: "an owner of a tag is `autogroup:member` or `*`",
    remedy: "make admins or a group its owner",
    source: "tags (kb/1068)",
    of_devices: false,
    look: tag_owners,
};

const P6: Check = Check {
    id: "P6",
    title: "Auto-approvers that are too broad",
    severity: Severity::Medium,
    fails: "an approver is all members, or a default route is approved as a route",
    remedy: "let only tags of routers approve",
    source: "auto approvers (kb/1018)",
    of_devices: false,
    look: approvers,
};

const P7: Check = Check {
    id: "P7",
    title: "Funnel for all devices",
    severity: Severity::High,
    fails: "the attribute `funnel` has the target `*`",
    remedy: "give it to tags only",
    source: "Funnel (kb/1223)",
    of_devices: false,
    look: |facts| found(&P7, facts, &["funnel_for_all"]),
};

const P8: Check = Check {
    id: "P8",
    title: "No tests",
    severity: Severity::Low,
    fails: "the policy file has no `tests`",
    remedy: "write tests of what must be denied",
    source: "policy syntax, tests (kb/1337)",
    of_devices: false,
    look: |facts| found(&P8, facts, &["no_tests"]),
};

const P9: Check = Check {
    id: "P9",
    title: "Rules that match nothing",
    severity: Severity::Low,
    fails: "a user is unknown, a tag in use is not declared, or a rule has no effect",
    remedy: "remove what is not needed any more",
    source: "best practices (kb/1196)",
    of_devices: false,
    look: nobody,
};

const P10: Check = Check {
    id: "P10",
    title: "Managed elsewhere, edited by hand",
    severity: Severity::Medium,
    fails: "the policy file is managed elsewhere, and was saved in the admin console in 30 days",
    remedy: "bring the change into the repository",
    source: "API document (aclsExternallyManagedOn)",
    of_devices: false,
    look: edited_by_hand,
};

pub(super) const CHECKS: &[Check] = &[P1, P2, P3, P4, P5, P6, P7, P8, P9, P10];

fn policy(facts: &Facts) -> Known<&Policy> {
    facts.policy.as_ref().map_err(Clone::clone)
}

/// Fails for each finding of these kinds.
fn found(check: &Check, facts: &Facts, kinds: &[&str]) -> Looked {
    let findings = policy(facts)?.findings.iter().filter(|it| kinds.contains(&it.kind));
    let subjects = findings.map(|it| {
        let place = if it.path.is_empty() { "policy file" } else { &it.path };
        Subject::new(check, place, place, format!("line {}: {}", it.at.line, it.message))
    });
    Ok(Seen::of(subjects.collect()))
}

/// Whether a selector is everybody, not a group that somebody chose.
fn is_everybody(it: &Selector) -> bool {
    matches!(it.kind, SelectorKind::Any | SelectorKind::Domain(_))
        || ["member", "danger-all"].iter().any(|name| it.is_autogroup(name))
}

fn selector(text: &Text) -> Selector {
    Selector::parse(&text.value, text.at.clone())
}

fn at(policy: &Policy, offset: usize) -> String {
    format!("line {}", policy.policy.document().place(offset).line)
}

fn nonroot(facts: &Facts) -> Looked {
    let policy = policy(facts)?;
    let rules = policy.policy.model().ssh.iter().filter(|rule| {
        let tag = rule.dst.iter().any(|it| matches!(it.kind, SelectorKind::Tag(_)));
        let users = rule.users.iter().any(|it| it.value == "autogroup:nonroot");
        tag && users && rule.src.iter().any(is_everybody)
    });
    let subjects = rules.map(|rule| {
        let place = format!("ssh[{}]", rule.index);
        let from: Vec<&str> = rule.src.iter().map(|it| it.text.as_str()).collect();
        let text = format!("{}: from {}", at(policy, rule.at.start), from.join(", "));
        Subject::new(&P4, &place, &place, text)
    });
    Ok(Seen::of(subjects.collect()))
}

fn tag_owners(facts: &Facts) -> Looked {
    let policy = policy(facts)?;
    let mut subjects = Vec::new();
    for tag in &policy.policy.model().tag_owners {
        if let Some(owner) = tag.value.iter().find(|it| is_everybody(&selector(it))) {
            let text = format!("{}: owner {}", at(policy, owner.at.start), owner.value);
            subjects.push(Subject::new(&P5, &tag.name.value, &tag.name.value, text));
        }
    }
    Ok(Seen::of(subjects))
}

fn approvers(facts: &Facts) -> Looked {
    let policy = policy(facts)?;
    let approvers = &policy.policy.model().approvers;
    let mut subjects = Vec::new();
    let mut add = |name: &str, offset: usize, why: &str| {
        subjects.push(Subject::new(&P6, name, name, format!("{}: {why}", at(policy, offset))));
    };
    for route in &approvers.routes {
        let (name, offset) = (&route.name.value, route.name.at.start);
        if matches!(name.as_str(), "0.0.0.0/0" | "::/0") {
            add(name, offset, "a default route, and with it every other route");
        } else if let Some(all) = route.value.iter().find(|it| is_everybody(it)) {
            add(name, offset, &format!("approved for {}", all.text));
        }
    }
    if let Some(all) = approvers.exit_node.iter().find(|it| is_everybody(it)) {
        add("exitNode", all.at.start, &format!("approved for {}", all.text));
    }
    Ok(Seen::of(subjects))
}

fn nobody(facts: &Facts) -> Looked {
    policy(facts)?.inventory.clone()?;
    found(&P9, facts, &["unknown_user", "undeclared_tag", "dead_rule"])
}

fn edited_by_hand(facts: &Facts) -> Looked {
    let managed = setting(facts, |it| it.externally_managed, "policy_file:read")?;
    if !managed {
        return Ok(Seen::nothing("the policy file is not marked as managed elsewhere"));
    }
    let log = facts.log.as_ref().map_err(Unknown::clone)?;
    let edits = log.iter().filter(|it| {
        it.origin == "ADMIN_CONSOLE" && it.property == "ACL" && it.action == "UPDATE" && !it.failed
    });
    let subjects = edits.map(|it| {
        let when = it.at.map(|at| at.strftime("%Y-%m-%d %H:%MZ").to_string()).unwrap_or_default();
        Subject::new(&P10, &it.actor, &it.actor, format!("saved in the admin console {when}"))
    });
    Ok(Seen::of(subjects.collect()))
}
