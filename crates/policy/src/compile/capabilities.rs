//! The application capabilities that a device's packet filter grants to each source.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Access, CapGrant, Compiled, FilterRule, Goal, Special};
use crate::{address::Span, inventory::Device};

/// Capabilities that come with another one in the opposite direction: the capability that the destination
/// grants, and the one that the source grants in return.
const COMPANIONS: &[(&str, &str)] = &[
    ("tailscale.com/cap/drive", "tailscale.com/cap/drive-sharer"),
    ("tailscale.com/cap/relay", "tailscale.com/cap/relay-target"),
];

impl Compiled<'_> {
    pub(super) fn capabilities(
        &self,
        access: &Access<'_>,
        device: usize,
        own: &Device,
    ) -> Vec<FilterRule> {
        let mut rules = Vec::new();
        let Some(app) = access.app.filter(|_| !access.source.sets.is_empty()) else {
            return rules;
        };
        let goals = access.targets.iter().filter(|it| it.set.special != Special::Own);
        let grants: Vec<CapGrant> = goals
            .clone()
            .map(|goal| CapGrant { dsts: meant_at(goal, device, own), cap_map: app.clone() })
            .filter(|it| !it.dsts.is_empty())
            .collect();
        let is_granted = goals.clone().next().is_some();
        if !grants.is_empty() {
            rules.push(capability(self.source_ips(&access.source), grants));
        }
        if is_granted && access.source.devices.has(device) {
            let sources = goals.flat_map(|it| self.ips_of(&it.set)).collect::<BTreeSet<_>>();
            companions(app, &sources.into_iter().collect::<Vec<_>>(), own, &mut rules);
        }
        if access.targets.iter().any(|it| it.set.special == Special::Own) {
            let devices = self.same_person(&access.source, device);
            if devices.is_empty() {
                return rules;
            }
            let sources = self.addresses_of(devices);
            let grant = CapGrant { dsts: prefixes(own), cap_map: app.clone() };
            rules.push(capability(sources.clone(), vec![grant]));
            companions(app, &sources, own, &mut rules);
        }
        rules
    }
}

/// The prefixes of a device that a grant covers; for a subnet router, the subnet as the policy file writes
/// it.
fn meant_at(goal: &Goal, device: usize, own: &Device) -> Vec<String> {
    let set = &goal.set;
    let is_whole = matches!(set.special, Special::Any | Special::Everything);
    if is_whole || set.devices.has(device) {
        return prefixes(own);
    }
    let mut meant = BTreeSet::new();
    for span in &set.spans {
        for address in own.addresses.iter().filter(|it| span.contains(**it)) {
            meant.insert(host_prefix(address));
        }
        if own.subnets().any(|it| span.overlaps(&Span::from(*it))) {
            meant.insert(span.prefix().map_or_else(|| span.to_string(), |it| it.to_string()));
        }
    }
    meant.into_iter().collect()
}

fn companions(
    app: &Map<String, Value>,
    sources: &[String],
    own: &Device,
    rules: &mut Vec<FilterRule>,
) {
    for (_, companion) in COMPANIONS.iter().filter(|(name, _)| app.contains_key(*name)) {
        let cap_map = Map::from_iter([((*companion).to_owned(), Value::Null)]);
        let grant = CapGrant { dsts: prefixes(own), cap_map };
        rules.push(capability(sources.to_vec(), vec![grant]));
    }
}

fn capability(src_ips: Vec<String>, cap_grant: Vec<CapGrant>) -> FilterRule {
    FilterRule { src_ips, cap_grant, ..FilterRule::default() }
}

fn prefixes(own: &Device) -> Vec<String> {
    own.addresses.iter().map(host_prefix).collect()
}

fn host_prefix(address: &std::net::IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })
}
