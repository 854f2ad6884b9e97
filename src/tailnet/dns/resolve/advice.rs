//! Notes on a resolution, and advice for a name that does not resolve.

use std::net::{IpAddr, SocketAddr};

use super::{Attempt, Found, Kind, path::Paths};
use crate::client::is_private;

/// Remarks, for example on why devices may get another answer.
pub(super) fn notes(paths: &Paths<'_>, attempt: &Attempt, others: &[Attempt]) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(error) = &paths.known.unlisted {
        notes.push(format!("device names could not be read: {error}"));
    }
    if !paths.now.preferences.magic_dns && paths.suffix(&attempt.name).is_some() {
        notes.push("MagicDNS is off: device names do not resolve".to_owned());
    }
    let skips = |it: &&Attempt| it.result == Found::NotAsked;
    if attempt.result != Found::NotAsked && others.iter().any(|it| skips(&it)) {
        notes.push(
            "devices may ask another resolver first, which was not asked from here".to_owned(),
        );
    }
    if attempt.resolver.is_some() && attempt.split_dns.is_none() && is_local_first(paths) {
        notes.push("devices may ask their network's own resolver before this one".to_owned());
    }
    notes
}

fn is_local_first(paths: &Paths<'_>) -> bool {
    !paths.now.preferences.override_local_dns
        && matches!(paths.way.own, super::Own::None | super::Own::Detect)
        && !paths.known.is_here()
}

/// What to do next if the name did not resolve.
pub(super) fn next(paths: &Paths<'_>, attempt: &Attempt, kind: Kind) -> Option<String> {
    let at = attempt.resolver.as_deref().and_then(|it| it.parse::<SocketAddr>().ok());
    Some(match attempt.result {
        Found::Answered => return None,
        Found::NoSuchName => unknown(attempt),
        Found::NoSuchRecords if matches!(kind, Kind::A | Kind::Aaaa) => {
            "the name exists, but has no such address: try the other of A and AAAA".to_owned()
        }
        Found::NoSuchRecords => "the name exists: try another record type".to_owned(),
        Found::Refused => {
            "that resolver does not answer for this name, or not to this machine: check whether \
             the domain needs a split DNS nameserver"
                .to_owned()
        }
        Found::Failed => "check that resolver: it responds with a failure".to_owned(),
        Found::Timeout | Found::Unreachable => match (at, &attempt.resolver) {
            (Some(at), _) => lost(paths, at.ip()),
            (None, Some(url)) => format!("check whether this machine can reach {url}"),
            (None, None) => "try again".to_owned(),
        },
        Found::NotAsked => {
            format!("run `tailscale dns query {}` on a device of the tailnet", attempt.name)
        }
    })
}

fn unknown(attempt: &Attempt) -> String {
    match (&attempt.split_dns, &attempt.resolver) {
        (Some(domain), _) => {
            format!("check the spelling; the resolver of {domain} does not know the name")
        }
        (None, None) => "check the spelling: no device or service has that name".to_owned(),
        (None, Some(_)) => {
            "check the spelling; a name that only a private resolver knows needs split DNS"
                .to_owned()
        }
    }
}

/// Why a resolver may not be reachable.
fn lost(paths: &Paths<'_>, address: IpAddr) -> String {
    if let Some(device) = paths.known.owner(address) {
        let (name, is) =
            (device.short_name(), if device.is_online() { "online" } else { "offline" });
        return format!(
            "{address} is the device {name}, which is {is}: only devices of the tailnet can reach \
             it, if the policy file allows them port 53"
        );
    }
    let routers = paths.known.routers(address);
    if !routers.is_empty() {
        let state = |it: bool| if it { "online" } else { "offline" };
        let of = |(it, route): &(&crate::tailnet::devices::Device, &str)| {
            format!("{} ({route}, {})", it.short_name(), state(it.is_online()))
        };
        let list: Vec<String> = routers.iter().map(of).collect();
        return format!(
            "{address} is behind {}: only devices of the tailnet can reach it, if the policy file \
             allows them port 53",
            list.join(", ")
        );
    }
    if is_private(address) {
        return format!(
            "{address} is private, and no subnet router of the tailnet serves it: devices \
             elsewhere cannot reach it either"
        );
    }
    format!("check whether this machine can send to port 53 of {address}, or try it on a device")
}
