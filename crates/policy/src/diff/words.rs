//! Describes gained connections in words.

use std::collections::{BTreeSet, HashMap};

use super::{
    Flow,
    flows::{End, Found, Gains, Sources, Via},
    label::Labels,
};
use crate::{
    compile::{Bits, Compiled},
    ports::{ICMP, Ports, TCP, UDP},
};

/// The most flows that are described; finding a name for a set of devices takes a while.
const MAX_FLOWS: usize = 200;

/// Connections with the same sources, routers and ports become one flow.
type Key = (Sources, Via, Vec<String>);

/// Turns gains into flows: groups the ports of each, then the destinations with the same ports.
pub(super) fn describe(gains: Gains, policy: &Compiled<'_>) -> Found {
    let labels = Labels::new(policy);
    let mut merged: HashMap<Key, (Bits, BTreeSet<String>)> = HashMap::new();
    for ((sources, via, end), ports) in gains {
        let mut of_devices: HashMap<Bits, Vec<Ports>> = HashMap::new();
        for (ports, devices) in ports {
            of_devices.entry(devices).or_default().push(ports);
        }
        let to = match &end {
            End::Devices => None,
            End::Own => Some("autogroup:self".to_owned()),
            End::Internet => Some("autogroup:internet".to_owned()),
            End::Span(span) => Some(labels.address(span)),
        };
        for (devices, ports) in of_devices {
            let key = (sources.clone(), via.clone(), joined(ports));
            let (all, names) =
                merged.entry(key).or_insert_with(|| (Bits::none(devices.len()), BTreeSet::new()));
            all.add_all(&devices);
            names.extend(to.clone());
        }
    }
    // Flows between the most devices come first.
    let size = |sources: &Bits, targets: &Bits| {
        std::cmp::Reverse(sources.count().saturating_mul(targets.count().max(1)))
    };
    let mut merged: Vec<_> = merged.into_iter().collect();
    merged
        .sort_by_cached_key(|(key, goals)| (size(&key.0.0, &goals.0), key.clone(), goals.clone()));
    let omitted = merged.len().saturating_sub(MAX_FLOWS);
    merged.truncate(MAX_FLOWS);
    let mut flows = Vec::with_capacity(merged.len());
    for ((sources, via, ports), (devices, names)) in merged {
        let mut to = if devices.is_empty() { Vec::new() } else { labels.devices(&devices) };
        to.extend(names);
        let from = labels.sources(&sources.0, &sources.1);
        let (from_devices, to_devices) = (sources.0.count(), devices.count());
        flows.push(Flow { from, from_devices, to, to_devices, ports, via });
    }
    let order =
        |flow: &Flow| std::cmp::Reverse(flow.from_devices.saturating_mul(flow.to_devices.max(1)));
    flows.sort_by(|a, b| {
        (order(a), &a.from, &a.to, &a.ports).cmp(&(order(b), &b.from, &b.to, &b.ports))
    });
    Found { flows, omitted, ..Found::default() }
}

/// Formats ports: joins adjacent ranges, and merges TCP, UDP and ICMP if all have the same ports.
fn joined(mut ports: Vec<Ports>) -> Vec<String> {
    ports.sort_unstable();
    let mut runs: Vec<Ports> = Vec::new();
    for next in ports {
        match runs.last_mut() {
            Some(run)
                if run.protocol == next.protocol
                    && u32::from(next.first) <= u32::from(run.last) + 1 =>
            {
                run.last = run.last.max(next.last);
            }
            _ => runs.push(next),
        }
    }
    let alike = |of: &Ports, protocol: u8| {
        let full = protocol == ICMP;
        runs.iter().any(|it| {
            it.protocol == Some(protocol) && (full || (it.first, it.last) == (of.first, of.last))
        })
    };
    let usual: Vec<Ports> = runs
        .iter()
        .filter(|it| it.protocol == Some(TCP) && alike(it, UDP) && alike(it, ICMP))
        .copied()
        .collect();
    let is_in = |it: &Ports| {
        usual.iter().any(|of| match it.protocol {
            Some(ICMP) => true,
            Some(TCP | UDP) => (it.first, it.last) == (of.first, of.last),
            _ => false,
        })
    };
    let rest = runs.iter().filter(|it| !is_in(it)).map(Ports::to_string);
    usual.iter().map(|it| Ports { protocol: None, ..*it }.to_string()).chain(rest).collect()
}
