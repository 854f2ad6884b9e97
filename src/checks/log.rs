//! The checks of the audit log, A1 and A2.

use std::collections::BTreeMap;

use super::{Check, Facts, Looked, Seen, Severity, Subject, records::Event};

const A1: Check = Check {
    id: "A1",
    title: "Security settings weakened recently",
    severity: Severity::High,
    fails: "in 30 days: approval, Tailnet Lock or logging turned off, a secret leaked, or a user made \
            owner or admin",
    remedy: "ask the person who did it, and undo it if it was a mistake",
    source: "audit log (kb/1203)",
    of_devices: false,
    look: lowered,
};

const A2: Check = Check {
    id: "A2",
    title: "Many refused requests of one actor",
    severity: Severity::Medium,
    fails: "more than 20 failed requests in 30 days",
    remedy: "find out what the credential is used for; replace it if that is not known",
    source: "audit log (kb/1203)",
    of_devices: false,
    look: refused,
};

pub(super) const CHECKS: &[Check] = &[A1, A2];

/// Refused requests of one actor that are normal.
const FEW: usize = 20;

/// Properties that must not be turned off unnoticed.
const GUARDS: &[&str] = &[
    "TKA",
    "MACHINE_APPROVAL_NEEDED",
    "MACHINE_AUTH_NEEDED",
    "USER_APPROVAL_REQUIRED",
    "NETWORK_FLOW_LOGGING",
];

const NOTE: &str = "looked at 30 days";

fn lowered(facts: &Facts) -> Looked {
    let log = facts.log.as_ref().map_err(Clone::clone)?;
    let subjects = log.iter().filter(|it| !it.failed).filter_map(|it| {
        let what = lowered_by(it)?;
        let when = it.at.map(|at| at.strftime("%Y-%m-%d ").to_string()).unwrap_or_default();
        let name = if it.target.is_empty() { &it.property } else { &it.target };
        Some(Subject::new(&A1, name, name, format!("{when}{what}, by {}", it.actor)))
    });
    Ok(Seen::of(subjects.collect()).noted(NOTE))
}

/// What an entry lowers, in words.
fn lowered_by(it: &Event) -> Option<String> {
    if it.actor_kind == "SECRET_SCANNER" {
        return Some(format!("a leaked secret was found ({})", it.action));
    }
    let (property, action) = (it.property.as_str(), it.action.as_str());
    if action == "DISABLE" && GUARDS.contains(&property) {
        return Some(format!("{property} turned off"));
    }
    if property == "LOGSTREAM_ENDPOINT" && matches!(action, "DELETE" | "DISABLE") {
        return Some("log streaming turned off".to_owned());
    }
    let role = it.new.trim_matches('"').to_lowercase();
    let is_admin = matches!(role.as_str(), "owner" | "admin");
    (property == "USER_ROLE" && is_admin).then(|| format!("made {role}"))
}

fn refused(facts: &Facts) -> Looked {
    let log = facts.log.as_ref().map_err(Clone::clone)?;
    let mut by_actor: BTreeMap<&str, usize> = BTreeMap::new();
    for event in log.iter().filter(|it| it.target_kind == "FAILED_REQUEST") {
        *by_actor.entry(&event.actor).or_default() += 1;
    }
    let many = by_actor.into_iter().filter(|(_, count)| *count > FEW);
    let subjects =
        many.map(|(actor, count)| Subject::new(&A2, actor, actor, format!("{count} refused")));
    Ok(Seen::of(subjects.collect()).noted(NOTE))
}
