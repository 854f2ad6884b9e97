//! The checks of routes, R1 to R3.

use std::collections::BTreeMap;

use super::{Check, Facts, Looked, Seen, Severity, Subject, Unknown, days, records::Device};
use crate::words::counted;

const R1: Check = Check {
    id: "R1",
    title: "Routes without a second router",
    severity: Severity::Low,
    fails: "one device serves it; high if no router of it is connected",
    remedy: "approve the route on a second router",
    source: "high availability (kb/1115)",
    of_devices: false,
    look: single,
};

const R2: Check = Check {
    id: "R2",
    title: "Routes that are offered and not approved",
    severity: Severity::Low,
    fails: "offered, not enabled, and the device is older than 24 hours",
    remedy: "approve the route, or stop offering it",
    source: "subnet routers (kb/1019)",
    of_devices: false,
    look: unapproved,
};

const R3: Check = Check {
    id: "R3",
    title: "Routers that refuse connections",
    severity: Severity::Medium,
    fails: "a route is enabled, and the device blocks incoming connections (shields up)",
    remedy: "allow incoming connections on it (`tailscale set --shields-up=false`)",
    source: "API document (blocksIncomingConnections)",
    of_devices: false,
    look: shielded,
};

pub(super) const CHECKS: &[Check] = &[R1, R2, R3];

fn is_exit(route: &str) -> bool {
    matches!(route, "0.0.0.0/0" | "::/0")
}

fn single(facts: &Facts) -> Looked {
    let mut routers: BTreeMap<&str, Vec<&Device>> = BTreeMap::new();
    for device in facts.own()? {
        // An exit node is chosen by name: another one does not stand in for it.
        for route in device.enabled.iter().filter(|it| !is_exit(it)) {
            routers.entry(route).or_default().push(device);
        }
    }
    if routers.is_empty() {
        return Ok(Seen::nothing("no subnet route is enabled"));
    }
    let mut subjects = Vec::new();
    for (route, by) in routers {
        let names: Vec<&str> = by.iter().map(|it| it.name.as_str()).collect();
        if by.iter().all(|it| !it.online) {
            let text = format!("no router is connected: {}", names.join(", "));
            subjects.push(Subject::new(&R1, route, route, text).rated(Severity::High));
        } else if let [only] = names.as_slice() {
            subjects.push(Subject::new(&R1, route, route, format!("only by {only}")));
        }
    }
    Ok(Seen::of(subjects))
}

fn unapproved(facts: &Facts) -> Looked {
    let (mut subjects, mut undated) = (Vec::new(), 0);
    for device in facts.own()? {
        let waits = device.advertised.iter().filter(|it| !device.enabled.contains(it));
        let waits: Vec<&str> = waits.map(String::as_str).collect();
        match device.created.map(|then| days(then, facts.now)) {
            _ if waits.is_empty() => {}
            None => undated += 1,
            Some(0) => {}
            Some(_) => {
                subjects.push(Subject::new(&R2, &device.id, &device.name, waits.join(", ")));
            }
        }
    }
    let devices = counted(undated, "device", "devices");
    let missing = (undated > 0)
        .then(|| Unknown::not_reported(format!("the age of {devices} is not reported")));
    let note = "since when a route is offered is not reported: the age of the device counts";
    Ok(Seen::of(subjects).missing(missing).noted(note))
}

fn shielded(facts: &Facts) -> Looked {
    let routers = facts.own()?.filter(|it| !it.enabled.is_empty());
    if routers.clone().next().is_none() {
        return Ok(Seen::nothing("no route is enabled"));
    }
    let shut = routers.filter(|it| it.blocks_incoming);
    let subjects = shut.map(|it| Subject::new(&R3, &it.id, &it.name, it.enabled.join(", ")));
    Ok(Seen::of(subjects.collect()))
}
