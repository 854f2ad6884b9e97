//! The device checks D4 to D12. D9 is no check: a device that is shared in cannot open connections to the
//! tailnet that it is shared into, and `*` does not contain it.

use super::{Check, DAY, Facts, Looked, Seen, Severity, Subject, Unknown, days, records::Device};
use crate::words::counted;

const D4: Check = Check {
    id: "D4",
    title: "Devices of users whose key never expires",
    severity: Severity::High,
    fails: "untagged, and key expiry is off",
    remedy: "turn key expiry on",
    source: "best practices (kb/1196)",
    of_devices: true,
    look: |facts| {
        each(&D4, facts, |it| {
            let fails = !it.is_tagged() && it.key_expiry_disabled;
            fails.then(|| format!("belongs to {}; key expiry is off", it.user))
        })
    },
};

const D5: Check = Check {
    id: "D5",
    title: "Tagged devices about to lose their key",
    severity: Severity::High,
    fails: "tagged, and the key expires within 14 days or has expired",
    remedy: "log in on it again, or turn its key expiry off knowingly",
    source: "key expiry (kb/1028)",
    of_devices: true,
    look: expiring,
};

const D6: Check = Check {
    id: "D6",
    title: "One node key on several machines",
    severity: Severity::Critical,
    fails: "several machines connect with one key at once",
    remedy: "find the clone, and log in on it again; expire the key if it was stolen",
    source: "API document (multipleConnections)",
    of_devices: true,
    look: cloned,
};

const D7: Check = Check {
    id: "D7",
    title: "Tailnet Lock errors",
    severity: Severity::High,
    fails: "the signature of its node key is not accepted",
    remedy: "sign the device on a signing node (`tailscale lock sign`)",
    source: "API document (tailnetLockError); Tailnet Lock (kb/1226)",
    of_devices: true,
    look: |facts| {
        each(&D7, facts, |it| Some(it.lock_error.clone()).filter(|text| !text.is_empty()))
    },
};

const D8: Check = Check {
    id: "D8",
    title: "Devices that have needed approval for more than a day",
    severity: Severity::Low,
    fails: "not approved, and added more than 24 hours ago",
    remedy: "approve or remove it",
    source: "device approval (kb/1099)",
    of_devices: true,
    look: waiting,
};

const D11: Check = Check {
    id: "D11",
    title: "Tags on phones",
    severity: Severity::Low,
    fails: "iOS or Android, and tagged: its user's access and offboarding do not apply to it",
    remedy: "let its user log in on it; a tag is for servers",
    source: "tags (kb/1068)",
    of_devices: true,
    look: |facts| {
        each(&D11, facts, |it| {
            let is_phone = ["ios", "android"].iter().any(|os| it.os.eq_ignore_ascii_case(os));
            (is_phone && it.is_tagged()).then(|| format!("{} with {}", it.os, it.owner()))
        })
    },
};

const D12: Check = Check {
    id: "D12",
    title: "Tagged devices whose key never expires",
    severity: Severity::Info,
    fails: "tagged, and key expiry is off, as is usual: who copies its key stays in",
    remedy: "turn key expiry on where somebody can log in again",
    source: "key expiry (kb/1028)",
    of_devices: true,
    look: |facts| {
        each(&D12, facts, |it| {
            let fails = it.is_tagged() && it.key_expiry_disabled;
            fails.then(|| it.owner())
        })
    },
};

pub(super) const CHECKS: &[Check] = &[D4, D5, D6, D7, D8, D11, D12];

/// Days before its expiry from which the key of a tagged device is reported.
const SOON: i64 = 14;

/// Fails for each device for which `wrong` returns evidence.
fn each(check: &Check, facts: &Facts, wrong: impl Fn(&Device) -> Option<String>) -> Looked {
    let subjects =
        facts.looked_at()?.filter_map(|it| Some(Subject::new(check, &it.id, &it.name, wrong(it)?)));
    Ok(Seen::of(subjects.collect()))
}

fn expiring(facts: &Facts) -> Looked {
    let undated = facts
        .looked_at()?
        .filter(|it| it.is_tagged() && !it.key_expiry_disabled && it.expires.is_none())
        .count();
    let seen = each(&D5, facts, |it| {
        let expires = it.expires.filter(|_| it.is_tagged() && !it.key_expiry_disabled)?;
        let left = expires.duration_since(facts.now).as_hours();
        match left {
            ..=0 => Some(format!("{}; expired {} d ago", it.owner(), -left / DAY)),
            _ if left < SOON * DAY => Some(format!("{}; expires in {} d", it.owner(), left / DAY)),
            _ => None,
        }
    })?;
    let devices = counted(undated, "tagged device", "tagged devices");
    let missing = (undated > 0)
        .then(|| Unknown::not_reported(format!("no expiry is reported for {devices}")));
    Ok(seen.missing(missing))
}

fn cloned(facts: &Facts) -> Looked {
    let lately = facts.cloned_lately.as_ref();
    let seen = each(&D6, facts, |it| {
        if it.multiple_connections {
            return Some("several machines connect with its key now".to_owned());
        }
        let was = lately.is_some_and(|ids| ids.contains(&it.id));
        was.then(|| "several machines connected with its key in the last 7 days".to_owned())
    })?;
    Ok(seen.noted(match lately {
        Some(_) => "looked at now and at the last 7 days",
        None => "looked at now only: a clone that connects by turns is not seen",
    }))
}

fn waiting(facts: &Facts) -> Looked {
    let undated = facts.looked_at()?.filter(|it| it.waits && it.created.is_none()).count();
    let seen = each(&D8, facts, |it| {
        let age = days(it.created.filter(|_| it.waits)?, facts.now);
        (age >= 1).then(|| format!("{}; added {age} d ago", it.owner()))
    })?;
    let devices = counted(undated, "device waits", "devices wait");
    let missing = (undated > 0)
        .then(|| Unknown::not_reported(format!("since when {devices} is not reported")));
    Ok(seen.missing(missing))
}
