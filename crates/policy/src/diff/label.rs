//! Finds short names for sets of devices.

use std::collections::{BTreeMap, HashMap};

use crate::{
    address::Span,
    compile::{Bits, Compiled, Special},
};

/// The most names that one set gets.
const MAX_NAMES: usize = 8;

pub(super) struct Labels<'l> {
    policy: &'l Compiled<'l>,
    exact: HashMap<Bits, String>,
    /// The names in `hosts` by address.
    hosts: HashMap<Span, &'l str>,
}

impl<'l> Labels<'l> {
    pub(super) fn new(policy: &'l Compiled<'_>) -> Self {
        let count = policy.names.count();
        let mut named: Vec<(String, Bits)> = policy
            .names
            .known()
            .filter(|(_, set)| set.special == Special::None && set.spans.is_empty())
            .map(|(name, set)| (name.to_owned(), set.devices.clone()))
            .collect();
        named.push(("*".to_owned(), Bits::all(count)));
        // Of several names for a set, the shortest wins.
        named.sort_by_key(|(name, _)| std::cmp::Reverse((name.len(), name.clone())));
        let exact = named.into_iter().filter(|(_, it)| !it.is_empty()).map(|(a, b)| (b, a));
        let mut hosts = HashMap::new();
        for host in &policy.policy.model.hosts {
            if let Ok(address) = host.value.value.trim().parse() {
                hosts.entry(address).or_insert(host.name.value.as_str());
            }
        }
        Self { policy, exact: exact.collect(), hosts }
    }

    pub(super) fn sources(&self, devices: &Bits, spans: &[Span]) -> Vec<String> {
        let mut names = if devices.is_empty() { Vec::new() } else { self.devices(devices) };
        names.extend(spans.iter().map(|it| self.address(it)));
        names
    }

    /// The name of a set of devices; if it has none, the users and tags of its devices.
    pub(super) fn devices(&self, devices: &Bits) -> Vec<String> {
        if let Some(name) = self.exact.get(devices) {
            return vec![name.clone()];
        }
        if let Some(name) = self.all_but(devices) {
            return vec![name];
        }
        let mut parts: BTreeMap<String, usize> = BTreeMap::new();
        for device in devices.iter().filter_map(|it| self.policy.inventory.devices.get(it)) {
            let name = if device.is_tagged() {
                device.tags.join("+")
            } else if device.user.is_empty() {
                device.name.clone()
            } else {
                device.user.clone()
            };
            *parts.entry(name).or_default() += 1;
        }
        let more = parts.len().saturating_sub(MAX_NAMES);
        let mut names: Vec<String> = parts.into_keys().take(MAX_NAMES).collect();
        if more > 0 {
            names.push(format!("and {more} more"));
        }
        names
    }

    /// Names a set as the difference of two named ones: `autogroup:member but group:admins`.
    fn all_but(&self, devices: &Bits) -> Option<String> {
        let larger = self.exact.iter().filter(|(it, _)| it.covers(devices));
        let found = larger.filter_map(|(all, name)| {
            let mut rest = all.clone();
            rest.remove_all(devices);
            self.exact.get(&rest).map(|but| format!("{name} but {but}"))
        });
        found.min_by_key(|it| (it.len(), it.clone()))
    }

    /// An address, with its name in `hosts` if it has one.
    pub(super) fn address(&self, span: &Span) -> String {
        match self.hosts.get(span) {
            Some(name) => format!("{name} ({span})"),
            None => span.to_string(),
        }
    }
}
