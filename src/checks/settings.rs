//! The checks of settings, contacts and what reports to elsewhere, S1 to S10.

use super::{
    Check, DAY, Facts, Known, Looked, Seen, Severity, Subject, Unknown, records::Settings,
};

/// The scope of most settings.
const FEATURES: &str = "feature_settings:read";

const S1: Check = Check {
    id: "S1",
    title: "New devices need no approval",
    severity: Severity::Medium,
    fails: "device approval is off, and Tailnet Lock was turned off; without a sign of either: unknown",
    remedy: "turn device approval on, or use Tailnet Lock",
    source: "device approval (kb/1099). That it and Tailnet Lock exclude each other was not verified",
    of_devices: false,
    look: device_approval,
};

const S2: Check = Check {
    id: "S2",
    title: "New users need no approval",
    severity: Severity::Medium,
    fails: "user approval is off, and the audit log has no event of SCIM in 30 days",
    remedy: "turn user approval on",
    source: "user approval (kb/1239). That it and SCIM exclude each other was not verified",
    of_devices: false,
    look: user_approval,
};

const S3: Check = Check {
    id: "S3",
    title: "Keys last longer than 90 days",
    severity: Severity::Low,
    fails: "more than 90 days; a change counts for new logins only",
    remedy: "set 90 days or fewer",
    source: "best practices (kb/1196); key expiry (kb/1028)",
    of_devices: false,
    look: |facts| {
        let days = setting(facts, |it| it.key_days, FEATURES)?;
        Ok(tailnet(&S3, days > 90, &format!("{days} days")))
    },
};

const S4: Check = Check {
    id: "S4",
    title: "Clients do not update themselves",
    severity: Severity::Low,
    fails: "auto-updates are off",
    remedy: "turn auto-updates on",
    source: "best practices (kb/1196); auto-updates (kb/1067)",
    of_devices: false,
    look: |facts| {
        let on = setting(facts, |it| it.auto_updates, FEATURES)?;
        Ok(tailnet(&S4, !on, "auto-updates are off"))
    },
};

const S5: Check = Check {
    id: "S5",
    title: "Network flow logs are off",
    severity: Severity::Low,
    fails: "off, although the plan has them",
    remedy: "turn network flow logs on",
    source: "network flow logs (kb/1219)",
    of_devices: false,
    look: flow_logs,
};

const S6: Check = Check {
    id: "S6",
    title: "The audit log is kept nowhere else",
    severity: Severity::Medium,
    fails: "it is not streamed, or streaming fails: Tailscale keeps 90 days",
    remedy: "stream the configuration log, or fix the destination",
    source: "log streaming (kb/1255)",
    of_devices: false,
    look: streaming,
};

const S7: Check = Check {
    id: "S7",
    title: "No webhook for important events",
    severity: Severity::Low,
    fails: "no webhook has a new role, the policy file, a new device, an expiring key or a device that \
            needs approval or a signature",
    remedy: "create a webhook for them",
    source: "webhooks (kb/1213)",
    of_devices: false,
    look: webhooks,
};

const S8: Check = Check {
    id: "S8",
    title: "Security mail reaches nobody else",
    severity: Severity::Medium,
    fails: "the security contact is not verified, missing, or the same as the account's",
    remedy: "set a security contact that several people read, and verify it",
    source: "contacts (kb/1224); deployment checklist (kb/1344)",
    of_devices: false,
    look: contacts,
};

const S9: Check = Check {
    id: "S9",
    title: "A posture integration does not work",
    severity: Severity::Medium,
    fails: "the last sync failed or is older than 24 hours, or found fewer than 80 % of the devices",
    remedy: "fix the access to the provider",
    source: "API document (PostureIntegration.status)",
    of_devices: false,
    look: posture,
};

const S10: Check = Check {
    id: "S10",
    title: "All members may join other tailnets",
    severity: Severity::Low,
    fails: "the role that may is `member`",
    remedy: "let only admins, or nobody",
    source: "API document (usersRoleAllowedToJoinExternalTailnets)",
    of_devices: false,
    look: |facts| {
        let role = setting(facts, |it| it.may_join_others.clone(), FEATURES)?;
        Ok(tailnet(&S10, role == "member", &format!("allowed for: {role}")))
    },
};

pub(super) const CHECKS: &[Check] = &[S1, S2, S3, S4, S5, S6, S7, S8, S9, S10];

/// A setting; unknown if the credential may not see it, which leaves it out.
pub(super) fn setting<T>(
    facts: &Facts,
    value: impl Fn(&Settings) -> Option<T>,
    scope: &str,
) -> Known<T> {
    let settings = facts.settings.as_ref().map_err(Clone::clone)?;
    value(settings).ok_or_else(|| Unknown::scope("this setting", scope))
}

/// A check of the tailnet itself.
fn tailnet(check: &Check, fails: bool, evidence: &str) -> Seen {
    let subject = || Subject::new(check, "tailnet", "tailnet", evidence);
    Seen::of(fails.then(subject).into_iter().collect())
}

fn device_approval(facts: &Facts) -> Looked {
    if setting(facts, |it| it.device_approval, FEATURES)? {
        return Ok(Seen::default());
    }
    // Only an error of a device shows that Tailnet Lock is on.
    let locked = facts.own().is_ok_and(|mut it| it.any(|it| !it.lock_error.is_empty()));
    let log = facts.log.iter().flatten();
    let switched = log.filter(|it| it.property == "TKA" && !it.failed).max_by_key(|it| it.at);
    match switched.map(|it| it.action.as_str()) {
        _ if locked => Ok(Seen::default().noted("Tailnet Lock is on instead")),
        Some("ENABLE") => Ok(Seen::default().noted("Tailnet Lock is on instead")),
        Some("DISABLE") => {
            Ok(tailnet(&S1, true, "device approval is off, and Tailnet Lock was turned off"))
        }
        _ => Err(Unknown::not_reported(
            "device approval is off; the API does not say whether Tailnet Lock is on instead",
        )),
    }
}

fn user_approval(facts: &Facts) -> Looked {
    if setting(facts, |it| it.user_approval, FEATURES)? {
        return Ok(Seen::default());
    }
    let log = facts.log.as_ref().map_err(Clone::clone)?;
    if log.iter().any(|it| it.actor_kind == "SCIM") {
        return Ok(Seen::default().noted("off, but users come from SCIM"));
    }
    Ok(tailnet(&S2, true, "user approval is off; no event of SCIM in 30 days"))
}

fn flow_logs(facts: &Facts) -> Looked {
    if setting(facts, |it| it.flow_logs, "logs:network:read")? {
        return Ok(Seen::default());
    }
    // A plan that had them on has them.
    let mut log = facts.log.iter().flatten();
    let was_on = log.any(|it| it.property == "NETWORK_FLOW_LOGGING" && !it.failed);
    if was_on || facts.has_flow_logs.clone()? {
        return Ok(tailnet(&S5, true, "network flow logs are off"));
    }
    Ok(Seen::nothing("the tailnet's plan has no network flow logs"))
}

fn streaming(facts: &Facts) -> Looked {
    let stream = facts.stream.as_ref().map_err(Clone::clone)?;
    let Some(stream) = stream else {
        return Ok(tailnet(&S6, true, "the audit log is not streamed"));
    };
    match &stream.last_error {
        None => Err(Unknown::not_reported("the status of the stream cannot be read")),
        Some(error) => {
            let evidence = format!("the stream to {} fails: {error}", stream.destination);
            Ok(tailnet(&S6, !error.is_empty(), &evidence))
        }
    }
}

/// Events that an administrator should hear of: what it is, and the events of which one is enough.
const IMPORTANT: &[(&str, &[&str])] = &[
    ("new role", &["userRoleUpdated"]),
    ("policy file", &["policyUpdate"]),
    ("new device", &["nodeCreated"]),
    ("expiring key", &["nodeKeyExpiringInOneDay", "nodeKeyExpired"]),
    ("needs approval or signature", &["nodeNeedsApproval", "nodeNeedsSignature"]),
];

fn webhooks(facts: &Facts) -> Looked {
    let webhooks = facts.webhooks.as_ref().map_err(Clone::clone)?;
    let has = |event: &&str| webhooks.iter().any(|it| it.events.iter().any(|it| it == event));
    let missing = IMPORTANT.iter().filter(|(_, events)| !events.iter().any(has));
    let missing: Vec<&str> = missing.map(|(what, _)| *what).collect();
    Ok(tailnet(&S7, !missing.is_empty(), &format!("no webhook for: {}", missing.join(", "))))
}

fn contacts(facts: &Facts) -> Looked {
    let contacts = facts.contacts.as_ref().map_err(Clone::clone)?;
    if contacts.security.is_empty() {
        return Ok(tailnet(&S8, true, "there is no security contact"));
    }
    if contacts.security_unverified {
        let evidence = format!("{} is not verified", contacts.security);
        return Ok(tailnet(&S8, true, &evidence));
    }
    let same = contacts.security.eq_ignore_ascii_case(&contacts.account);
    let evidence = format!("{} is the contact for the account, too", contacts.security);
    Ok(tailnet(&S8, same, &evidence))
}

fn posture(facts: &Facts) -> Looked {
    let integrations = facts.posture.as_ref().map_err(Clone::clone)?;
    if integrations.is_empty() {
        return Ok(Seen::nothing("there is no posture integration"));
    }
    let (mut subjects, mut missing) = (Vec::new(), None);
    for it in integrations {
        let age = it.last_sync.map(|then| facts.now.duration_since(then).as_hours());
        let few = it.matched.zip(it.possible).filter(|(matched, of)| matched * 100 < of * 80);
        let wrong = match (it.error.is_empty(), age, few) {
            (false, ..) => format!("the last sync failed: {}", it.error),
            (_, Some(age), _) if age > DAY => format!("the last sync was {age} h ago"),
            (_, _, Some((matched, of))) => format!("{matched} of {of} devices found"),
            (_, None, _) => {
                let text = format!("when {} was synced is not reported", it.provider);
                missing = Some(Unknown::not_reported(text));
                continue;
            }
            _ => continue,
        };
        subjects.push(Subject::new(&S9, &it.id, &it.provider, wrong));
    }
    Ok(Seen::of(subjects).missing(missing))
}
