//! The device checks D1 to D3 and D10: what the fleet looks like over time. The others are in
//! [`devices`](super::devices).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    BULLETINS, Check, DAY, Facts, Looked, Seen, Severity, Subject, Unknown, bulletins::Match, days,
    records::Device,
};
use crate::{version::Version, words::counted};

const D1: Check = Check {
    id: "D1",
    title: "Clients without a security fix",
    severity: Severity::Critical,
    fails: "a bulletin names the version; high if the API does not say whether its condition is met",
    remedy: "update the client",
    source: "Tailscale security bulletins; best practices (kb/1196). Versions and conditions were not \
             compared with the bulletins again",
    of_devices: true,
    look: vulnerable,
};

const D2: Check = Check {
    id: "D2",
    title: "Clients far behind",
    severity: Severity::Medium,
    fails: "more than 3 stable releases behind the newest of the fleet or of a bulletin",
    remedy: "update the client; let clients update themselves",
    source: "best practices (kb/1196)",
    of_devices: true,
    look: behind,
};

const D3: Check = Check {
    id: "D3",
    title: "Stale devices",
    severity: Severity::Medium,
    fails: "not connected for 60 days, or never connected and older than 7 days; not if ephemeral",
    remedy: "remove devices that nobody uses",
    source: "tailscale/tailscale#4662",
    of_devices: true,
    look: stale,
};

const D10: Check = Check {
    id: "D10",
    title: "Duplicate registrations",
    severity: Severity::Low,
    fails: "same host name, system and owner, and all but one silent for 7 days",
    remedy: "remove the silent ones",
    source: "tailscale/tailscale#4371, #8564",
    of_devices: true,
    look: duplicates,
};

pub(super) const CHECKS: &[Check] = &[D1, D2, D3, D10];

/// How far behind a client may be, in minor versions: stable releases have even ones.
const MAX_BEHIND: u32 = 6;
/// Days of silence after which a device is stale.
const STALE: i64 = 60;
/// Days after which a device that never connected is stale, and a duplicate is silent.
const WEEK: i64 = 7;

/// What is missing if some devices do not report their version. One that never connected runs nothing.
fn unversioned<'f>(devices: impl Iterator<Item = &'f Device>) -> Option<Unknown> {
    let count = devices.filter(|it| it.version().is_none() && !it.never_connected()).count();
    let devices = counted(count, "device reports", "devices report");
    (count > 0).then(|| Unknown::not_reported(format!("{devices} no version")))
}

fn vulnerable(facts: &Facts) -> Looked {
    let devices = facts.looked_at()?;
    let missing = unversioned(devices.clone());
    let subjects: Vec<Subject> =
        devices.filter_map(|it| vulnerability(it, it.version()?)).collect();
    let certain = subjects.iter().filter(|it| it.severity == Severity::Critical).count();
    let note = format!("{certain} vulnerable, {} may be affected", subjects.len() - certain);
    let seen = Seen::of(subjects).missing(missing);
    Ok(if seen.subjects.is_empty() { seen } else { seen.noted(note) })
}

/// The bulletins that concern a device. Those that may concern it are named only if no other does.
fn vulnerability(device: &Device, version: Version) -> Option<Subject> {
    let (mut certain, mut perhaps) = (Vec::new(), Vec::new());
    let mut fixed = version;
    for bulletin in BULLETINS {
        match bulletin.concerns(device, version) {
            Some(Match::Affected) => {
                certain.push(bulletin.id);
                fixed = fixed.max(bulletin.fixed);
            }
            Some(Match::MayBe(when)) => perhaps.push(format!("{} {when}", bulletin.id)),
            None => {}
        }
    }
    let subject = |text| Subject::new(&D1, &device.id, &device.name, text);
    if !certain.is_empty() {
        let ids = certain.join(", ");
        return Some(subject(format!("{version} is vulnerable ({ids}); update to {fixed}")));
    }
    let may = || format!("{version} may be affected: {}", perhaps.join("; "));
    (!perhaps.is_empty()).then(|| subject(may()).rated(Severity::High))
}

fn behind(facts: &Facts) -> Looked {
    let is_stable = |it: &Version| it.numbers()[1].is_multiple_of(2);
    let fleet = facts.own()?.filter_map(Device::version).filter(is_stable);
    let known = BULLETINS.iter().map(|it| it.fixed);
    let Some(newest) = fleet.chain(known).max() else { return Ok(Seen::default()) };
    let devices = facts.looked_at()?;
    let missing = unversioned(devices.clone());
    let far = |it: Version| {
        let ([major, minor, _], [newest_major, newest_minor, _]) = (it.numbers(), newest.numbers());
        major < newest_major || minor.saturating_add(MAX_BEHIND) < newest_minor
    };
    let subjects = devices.filter_map(|device| {
        let version = device.version().filter(|it| far(*it))?;
        let text = format!("{version}; the newest known is {newest}");
        Some(Subject::new(&D2, &device.id, &device.name, text))
    });
    Ok(Seen::of(subjects.collect()).missing(missing))
}

fn stale(facts: &Facts) -> Looked {
    let (mut subjects, mut undated) = (Vec::new(), 0);
    for device in facts.looked_at()?.filter(|it| !it.ephemeral) {
        let text = match (device.silence(facts.now), device.created) {
            (Some(silence), _) if silence.as_hours() > STALE * DAY => {
                format!("last connected {} d ago", silence.as_hours() / DAY)
            }
            (None, Some(created)) if days(created, facts.now) >= WEEK => {
                format!("never connected; added {} d ago", days(created, facts.now))
            }
            (None, None) => {
                undated += 1;
                continue;
            }
            _ => continue,
        };
        subjects.push(Subject::new(&D3, &device.id, &device.name, text));
    }
    let devices = counted(undated, "device", "devices");
    let missing = (undated > 0)
        .then(|| Unknown::not_reported(format!("when {devices} joined or connected is not known")));
    Ok(Seen::of(subjects).missing(missing))
}

fn duplicates(facts: &Facts) -> Looked {
    let mut groups: BTreeMap<(String, &str, String), Vec<&Device>> = BTreeMap::new();
    let chosen: BTreeSet<&str> = facts.looked_at()?.map(|it| it.id.as_str()).collect();
    for device in facts.own()?.filter(|it| !it.ephemeral && !it.hostname.is_empty()) {
        let key = (device.hostname.to_lowercase(), device.os.as_str(), device.owner());
        groups.entry(key).or_default().push(device);
    }
    let silent = |it: &Device| match it.silence(facts.now) {
        Some(silence) => silence.as_hours() > WEEK * DAY,
        None => it.created.is_some_and(|created| days(created, facts.now) >= WEEK),
    };
    let mut subjects = Vec::new();
    for group in groups.values() {
        // Phones and containers often share a name: only one that replaced the others is a duplicate.
        let (quiet, alive): (Vec<&Device>, Vec<&Device>) = group.iter().partition(|it| silent(it));
        let (Some(kept), 1) = (alive.first(), alive.len()) else { continue };
        for device in quiet.into_iter().filter(|it| chosen.contains(it.id.as_str())) {
            let text = format!("same host name, system and owner as {}, and silent", kept.name);
            subjects.push(Subject::new(&D10, &device.id, &device.name, text));
        }
    }
    Ok(Seen::of(subjects))
}
