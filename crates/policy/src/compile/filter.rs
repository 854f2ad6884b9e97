//! The packet filter that Tailscale sends to a device.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Access, Bits, Compiled, Goal, Source, Special};
use crate::{
    address::{INTERNET, Span, TAILNET},
    inventory::Device,
    model::Section,
    ports::Ports,
};

/// A packet filter rule, as Tailscale sends it to a device.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct FilterRule {
    /// The source addresses, prefixes or ranges; `*` for all.
    #[serde(rename = "SrcIPs")]
    pub src_ips: Vec<String>,
    /// The destinations that the sources may reach.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dst_ports: Vec<DstPorts>,
    /// IP protocol numbers; empty for the default ones (TCP, UDP and ICMP).
    #[serde(rename = "IPProto", skip_serializing_if = "Vec::is_empty")]
    pub ip_proto: Vec<u8>,
    /// The application capabilities that the sources have on this device.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cap_grant: Vec<CapGrant>,
}

/// A destination of a packet filter rule: addresses and a range of ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DstPorts {
    /// An address, prefix or range; `*` for all.
    #[serde(rename = "IP")]
    pub ip: String,
    /// The range of ports.
    pub ports: PortRange,
}

/// An inclusive range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PortRange {
    /// The lowest port.
    pub first: u16,
    /// The highest port.
    pub last: u16,
}

/// Application capabilities that a source has at a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CapGrant {
    /// The device's addresses that the grant covers, as prefixes.
    pub dsts: Vec<String>,
    /// The capabilities and their parameters, by name.
    pub cap_map: Map<String, Value>,
}

/// The filter of one device while it is built: rules with the same source and protocol are merged.
#[derive(Default)]
struct Draft<'d> {
    rules: Vec<(From<'d>, FilterRule)>,
    at: HashMap<(usize, Option<u8>), usize>,
    /// Sets of source devices that occur in this filter only.
    own: Vec<Vec<usize>>,
}

/// The source of a rule. Its addresses are written out only if the rule is needed.
enum From<'f> {
    Source(&'f Source),
    Devices(Vec<usize>),
}

impl Compiled<'_> {
    /// The packet filter of a device, given as an index into the inventory.
    pub fn packet_filter(&self, device: usize) -> Vec<FilterRule> {
        let Some(own) = self.inventory.devices.get(device) else { return Vec::new() };
        let mut draft = Draft::default();
        for access in &self.rules {
            let is_grant = access.rule.is_none_or(|it| it.section == Section::Grants);
            if is_grant {
                self.grant(access, device, own, &mut draft);
            } else {
                for goal in &access.targets {
                    self.open(access, &[goal], &goal.ports, device, own, &mut draft);
                }
            }
            if access.via.is_none() {
                for rule in self.capabilities(access, device, own) {
                    draft.rules.push((From::Devices(Vec::new()), rule));
                }
            }
        }
        let mut filter = Vec::new();
        for (from, mut rule) in draft.rules {
            if !rule.dst_ports.is_empty() {
                rule.src_ips = match from {
                    From::Source(source) => self.source_ips(source),
                    From::Devices(devices) => self.addresses_of(devices),
                };
            } else if rule.cap_grant.is_empty() {
                continue;
            }
            filter.push(rule);
        }
        filter
    }

    fn grant<'d>(
        &'d self,
        access: &'d Access<'_>,
        device: usize,
        own: &Device,
        draft: &mut Draft<'d>,
    ) {
        let goals: Vec<&Goal> = access.targets.iter().collect();
        let ports = goals.first().map(|it| &*it.ports).unwrap_or_default();
        for ports in ports {
            self.open(access, &goals, std::slice::from_ref(ports), device, own, draft);
        }
    }

    /// Adds rules that let the source of a rule reach `goals` on one device.
    fn open<'d>(
        &'d self,
        access: &'d Access<'_>,
        goals: &[&Goal],
        ports: &[Ports],
        device: usize,
        own: &Device,
        draft: &mut Draft<'d>,
    ) {
        if access.source.is_empty() {
            return;
        }
        let protocol = ports.first().and_then(|it| it.protocol);
        let (mut entries, mut exists) = (Vec::new(), false);
        for goal in goals.iter().filter(|it| it.set.special != Special::Own) {
            exists |= !goal.set.is_empty();
            for ip in shown_at(access, goal, device, own) {
                add(&mut entries, &ip, ports);
            }
        }
        // A rule with `via` is sent only to the routers that it names.
        let heard = access.via.as_ref().is_none_or(|_| !entries.is_empty());
        if exists && heard {
            let source = &access.source;
            draft.add(source.id, protocol, entries, || From::Source(source));
        }
        for _ in goals.iter().filter(|it| it.set.special == Special::Own) {
            self.open_own(access, ports, device, own, draft);
        }
    }

    /// Adds a rule for `autogroup:self`: between the devices of one user.
    fn open_own<'d>(
        &'d self,
        access: &'d Access<'_>,
        ports: &[Ports],
        device: usize,
        own: &Device,
        draft: &mut Draft<'d>,
    ) {
        let sources = self.same_person(&access.source, device);
        if sources.is_empty() {
            return;
        }
        let mut entries = Vec::new();
        for address in &own.addresses {
            add(&mut entries, &address.to_string(), ports);
        }
        let protocol = ports.first().and_then(|it| it.protocol);
        // Reuse the number of a rule that has the same source devices.
        let key =
            (Vec::new(), Bits::of(self.names.count(), sources.iter().copied()), Special::None);
        let id = self.sources.get(&key).copied().unwrap_or_else(|| {
            let known = draft.own.iter().position(|it| *it == sources);
            let index = known.unwrap_or_else(|| {
                draft.own.push(sources.clone());
                draft.own.len() - 1
            });
            self.sources.len() + index
        });
        draft.add(id, protocol, entries, || From::Devices(sources));
    }

    /// The devices in `source` that belong to the user of `device`; none for a tagged device.
    pub(crate) fn same_person(&self, source: &Source, device: usize) -> Vec<usize> {
        let Some(own) = self.inventory.devices.get(device).filter(|it| !it.is_tagged()) else {
            return Vec::new();
        };
        let all = self.names.of_user(&own.user).iter().copied();
        all.filter(|it| source.devices.has(*it)).collect()
    }

    pub(super) fn addresses_of(&self, devices: impl IntoIterator<Item = usize>) -> Vec<String> {
        let devices = devices.into_iter().filter_map(|it| self.inventory.devices.get(it));
        let all: BTreeSet<_> = devices.flat_map(|it| it.addresses.iter().copied()).collect();
        all.into_iter().map(|it| it.to_string()).collect()
    }

    /// The addresses of a source, as a packet filter writes them.
    pub(super) fn source_ips(&self, source: &Source) -> Vec<String> {
        if let Some(fit) = &source.fit {
            let mut devices = source.devices.clone();
            devices.keep(fit);
            return self.addresses_of(devices.iter());
        }
        let mut ips = BTreeSet::new();
        for set in &source.sets {
            ips.extend(self.ips_of(set));
        }
        if source.special == Special::Everything {
            return vec!["*".to_owned()];
        }
        ips.into_iter().collect()
    }

    /// The addresses that a selector resolves to. `*` includes the subnets behind routers.
    pub(super) fn ips_of(&self, set: &super::Set) -> Vec<String> {
        let mut ips = self.addresses_of(set.devices.iter());
        ips.extend(set.spans.iter().map(Span::to_string));
        if set.special == Special::Any {
            ips.extend(TAILNET.iter().chain(&self.subnets).map(Span::to_string));
        }
        ips
    }
}

/// The addresses of a destination in the filter of a device; empty if it is not about this device.
fn shown_at(access: &Access<'_>, goal: &Goal, device: usize, own: &Device) -> Vec<String> {
    let set = &goal.set;
    let router = access.via.as_ref().map(|it| it.has(device));
    if router == Some(false) {
        return Vec::new();
    }
    match set.special {
        Special::Any | Special::Everything if router.is_none() => return vec!["*".to_owned()],
        Special::Internet if own.is_exit_node() => {
            return INTERNET.iter().map(Span::as_range).collect();
        }
        _ => {}
    }
    let mut shown = Vec::new();
    if router.is_none() && set.devices.has(device) {
        shown.extend(own.addresses.iter().map(ToString::to_string));
    }
    for span in &set.spans {
        let is_own = own.addresses.iter().any(|it| span.contains(*it));
        let is_routed = own.subnets().any(|it| span.overlaps(&Span::from(*it)));
        // The devices that host a service answer at the service's address.
        let is_served = set.at_spans.has(device) && span.is_one();
        if is_routed || (router.is_none() && (is_own || is_served)) {
            shown.push(span.to_string());
        }
    }
    shown
}

fn add(entries: &mut Vec<DstPorts>, ip: &str, ports: &[Ports]) {
    entries.extend(ports.iter().map(|it| DstPorts {
        ip: ip.to_owned(),
        ports: PortRange { first: it.first, last: it.last },
    }));
}

impl<'d> Draft<'d> {
    fn add(
        &mut self,
        source: usize,
        protocol: Option<u8>,
        entries: Vec<DstPorts>,
        from: impl FnOnce() -> From<'d>,
    ) {
        let Self { rules, at, .. } = self;
        let index = *at.entry((source, protocol)).or_insert_with(|| {
            let ip_proto = protocol.iter().copied().collect();
            rules.push((from(), FilterRule { ip_proto, ..FilterRule::default() }));
            rules.len() - 1
        });
        if let Some((_, rule)) = rules.get_mut(index) {
            rule.dst_ports.extend(entries);
        }
    }
}
