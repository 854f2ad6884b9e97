//! Findings about the routes of several devices: shared, nested, unreachable or unused.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::{advertises, enables, served, subnets};
use crate::tailnet::devices::Device;

/// The maximum number of findings to show.
const MAX_FINDINGS: usize = 50;

/// A finding, and the devices it concerns.
struct Finding<'d> {
    text: String,
    devices: Vec<&'d Device>,
}

/// Findings about the routes of `devices`; with `only`, just those that concern that device.
pub(super) fn of(devices: &[&Device], only: Option<&Device>) -> Vec<String> {
    let mut by_route: BTreeMap<(bool, IpNet), Vec<&Device>> = BTreeMap::new();
    for device in devices {
        for net in served(device) {
            by_route.entry((net.network().is_ipv6(), net)).or_default().push(device);
        }
    }
    let mut findings = Vec::new();
    shared(&by_route, &mut findings);
    nested(&by_route, &mut findings);
    idle(devices, &mut findings);
    let counts = |it: &Finding<'_>| {
        only.is_none_or(|only| it.devices.iter().any(|it| it.key() == only.key()))
    };
    let mut texts: Vec<String> = findings.into_iter().filter(counts).map(|it| it.text).collect();
    let more = texts.len().saturating_sub(MAX_FINDINGS);
    if more > 0 {
        texts.truncate(MAX_FINDINGS);
        texts.push(format!("and {more} more"));
    }
    texts
}

type ByRoute<'d> = BTreeMap<(bool, IpNet), Vec<&'d Device>>;

/// Finds routes served by several devices, and routes whose devices are all offline.
fn shared<'d>(by_route: &ByRoute<'d>, findings: &mut Vec<Finding<'d>>) {
    for ((_, net), devices) in by_route {
        let online = devices.iter().filter(|it| it.is_online()).count();
        let names = names(devices);
        let text = match (devices.len(), online) {
            (1, 1..) => continue,
            (_, 0) => format!("{net} is not reachable: all its routers are offline ({names})"),
            (all, _) => {
                format!("{net} is served by {names}, with failover ({online} of {all} online)")
            }
        };
        findings.push(Finding { text, devices: devices.clone() });
    }
}

/// Finds routes within wider routes of other devices. Two prefixes overlap only if one contains the
/// other, so a single pass in sorted order finds them all.
fn nested<'d>(by_route: &ByRoute<'d>, findings: &mut Vec<Finding<'d>>) {
    let mut around: Vec<(&IpNet, &Vec<&'d Device>)> = Vec::new();
    for ((_, net), devices) in by_route {
        while around.last().is_some_and(|(wider, _)| !wider.contains(net)) {
            around.pop();
        }
        if let Some((wider, others)) = around.last() {
            let is_other = |it: &&&Device| !devices.iter().any(|own| own.key() == it.key());
            let others: Vec<&Device> = others.iter().filter(is_other).copied().collect();
            if !others.is_empty() {
                let text = format!(
                    "{net} of {} is within {wider} of {}: the more specific route takes precedence",
                    names(devices),
                    names(&others)
                );
                findings.push(Finding { text, devices: [&devices[..], &others].concat() });
            }
        }
        around.push((net, devices));
    }
}

/// Finds routes that are enabled but not advertised, and routes that need approval.
fn idle<'d>(devices: &[&'d Device], findings: &mut Vec<Finding<'d>>) {
    for device in devices {
        let name = device.short_name();
        let gone = subnets(device.enabled_routes.as_deref(), |it| !advertises(device, it));
        if !gone.is_empty() {
            let text = format!(
                "{name} has routes enabled that it does not advertise, so they carry no traffic: {}",
                gone.join(", ")
            );
            findings.push(Finding { text, devices: vec![device] });
        }
        let waits = subnets(device.advertised_routes.as_deref(), |it| !enables(device, it)).len();
        if waits > 0 {
            let routes = if waits == 1 { "route of" } else { "routes of" };
            let verb = if waits == 1 { "needs" } else { "need" };
            let text = format!("{waits} {routes} {name} {verb} approval");
            findings.push(Finding { text, devices: vec![device] });
        }
    }
}

fn names(devices: &[&Device]) -> String {
    devices.iter().map(|it| it.short_name()).collect::<Vec<_>>().join(" and ")
}
