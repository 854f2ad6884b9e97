//! Resolves a policy file for a given tailnet.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    Policy,
    address::Span,
    identity::Party,
    inventory::Inventory,
    model::{Rule, Section, Target},
    ports::Ports,
    selector::{Selector, SelectorKind},
};

mod attributes;
mod bits;
mod capabilities;
mod filter;
mod resolve;
mod sources;
mod ssh;

pub(super) use self::{
    bits::Bits,
    resolve::{Names, Set, Special},
    sources::SourceIndex,
    ssh::Login,
};
pub use self::{
    filter::{CapGrant, DstPorts, FilterRule, PortRange},
    ssh::{Principal, SshAction, WireSshRule},
};

/// A policy file, compiled for the devices and users of a tailnet.
pub struct Compiled<'w> {
    pub(super) inventory: &'w Inventory,
    pub(super) policy: &'w Policy,
    pub(super) names: Names<'w>,
    pub(super) rules: Vec<Access<'w>>,
    ssh: Vec<ssh::Login<'w>>,
    /// The approved subnets of all subnet routers.
    subnets: Vec<Span>,
    /// The rules by source.
    pub(super) source_index: SourceIndex<'w>,
    /// The number of each distinct source; see [`Source::id`].
    sources: HashMap<SourceKey, usize>,
}

/// A compiled access rule or grant.
pub(super) struct Access<'w> {
    /// The rule in the file; `None` for the implicit rule of a file that restricts nothing.
    pub(super) rule: Option<&'w Rule>,
    pub(super) source: Source,
    pub(super) targets: Vec<Goal>,
    /// The routers that traffic must pass through (`via`); `None` if the rule names none.
    pub(super) via: Option<Bits>,
    /// The application capabilities that the rule grants; `None` if it has no `app`.
    pub(super) app: Option<&'w serde_json::Map<String, serde_json::Value>>,
}

/// The source of a compiled rule.
pub(super) struct Source {
    pub(super) sets: Vec<Arc<Set>>,
    /// All devices in the source, by identity or by address.
    pub(super) devices: Bits,
    pub(super) special: Special,
    /// The devices that satisfy the rule's device posture; `None` if the rule asks for none.
    pub(super) fit: Option<Bits>,
    /// Equal for sources that have the same meaning.
    pub(super) id: usize,
}

/// A destination of a compiled rule.
pub(super) struct Goal {
    pub(super) set: Arc<Set>,
    pub(super) ports: Arc<[Ports]>,
}

type SourceKey = (Vec<Span>, Bits, Special);

impl Policy {
    /// Resolves the rules of the file to the devices and users of `inventory`.
    pub fn compile<'w>(&'w self, inventory: &'w Inventory) -> Compiled<'w> {
        let mut names = Names::new(&self.model, inventory);
        let mut seen: HashMap<SourceKey, usize> = HashMap::new();
        let mut rules: Vec<Access<'w>> = Vec::with_capacity(self.model.rules.len());
        for rule in &self.model.rules {
            let postures =
                if rule.posture.is_empty() { &self.model.default_posture } else { &rule.posture };
            let source = Source::new(&rule.src, names.fit(postures), &mut names, &mut seen);
            let target = |it: &Target, names: &mut Names<'w>| Goal {
                set: names.set(&it.selector),
                ports: Arc::clone(&it.ports),
            };
            let targets = ordered(rule).into_iter().map(|it| target(it, &mut names)).collect();
            let via = (!rule.via.is_empty()).then(|| {
                let mut routers = Bits::none(names.count());
                for tag in &rule.via {
                    routers.add_all(&names.set(tag).devices);
                }
                routers
            });
            let app = rule.has_app.then_some(&rule.app);
            rules.push(Access { rule: Some(rule), source, targets, via, app });
        }
        if !self.model.restricts {
            rules.push(everything(&mut names, &mut seen));
        }
        let ssh = ssh::logins(self, &mut names);
        for target in self.model.attributes.iter().flat_map(|it| &it.target) {
            names.set(target);
        }
        let routes = inventory.devices.iter().flat_map(super::inventory::Device::subnets);
        let subnets: BTreeSet<Span> = routes.map(|net| Span::from(*net)).collect();
        let subnets = subnets.into_iter().collect();
        let source_index = SourceIndex::of(&self.model, &names);
        Compiled {
            inventory,
            policy: self,
            names,
            rules,
            ssh,
            subnets,
            source_index,
            sources: seen,
        }
    }
}

/// The rule for a file that has neither `acls` nor `grants`: everything is allowed.
fn everything<'w>(names: &mut Names<'w>, seen: &mut HashMap<SourceKey, usize>) -> Access<'w> {
    let any = Selector { kind: SelectorKind::Any, text: "*".to_owned(), at: 0..0 };
    let source = Source::new(std::slice::from_ref(&any), None, names, seen);
    let targets = vec![Goal { set: names.set(&any), ports: vec![Ports::ALL].into() }];
    Access { rule: None, source, targets, via: None, app: None }
}

/// The destinations of a rule in the order of Tailscale's filters: `autogroup:self` comes last in grants
/// and in rules that also name something other than autogroups.
fn ordered(rule: &Rule) -> Vec<&Target> {
    let is_group = |it: &&Target| matches!(it.selector.kind, SelectorKind::Autogroup(_));
    let mut targets: Vec<&Target> = rule.dst.iter().collect();
    if rule.section == Section::Grants || !targets.iter().all(is_group) {
        targets.sort_by_key(|it| it.selector.is_autogroup("self"));
    }
    targets
}

impl Access<'_> {
    /// The devices that a destination opens, not counting `autogroup:self`. None for a rule with `via`: it
    /// opens only the subnets behind its routers.
    pub(super) fn devices(&self, goal: &Goal, count: usize) -> Bits {
        match goal.set.special {
            _ if self.via.is_some() => Bits::none(count),
            Special::Any | Special::Everything => Bits::all(count),
            Special::Own | Special::Internet => Bits::none(count),
            Special::None => {
                let mut devices = goal.set.devices.clone();
                devices.add_all(&goal.set.at_spans);
                devices
            }
        }
    }

    /// Whether the rule can apply to `target` at all: a rule with `via` reaches addresses only.
    pub(super) fn leads_to(&self, target: &Party) -> bool {
        self.via.is_none() || matches!(target, Party::Address(_))
    }
}

impl Source {
    fn new(
        selectors: &[Selector],
        fit: Option<Bits>,
        names: &mut Names<'_>,
        seen: &mut HashMap<SourceKey, usize>,
    ) -> Self {
        let count = names.count();
        let sets: Vec<Arc<Set>> = selectors.iter().map(|it| names.set(it)).collect();
        let mut devices = Bits::none(count);
        let (mut identities, mut spans) = (Bits::none(count), Vec::new());
        let mut special = Special::None;
        for set in &sets {
            devices.add_all(&set.devices);
            devices.add_all(&set.at_spans);
            identities.add_all(&set.devices);
            spans.extend(set.spans.iter().copied());
            match set.special {
                Special::Everything => special = Special::Everything,
                Special::Any if special == Special::None => special = Special::Any,
                _ => {}
            }
        }
        if special != Special::None {
            devices = Bits::all(count);
        }
        if let Some(fit) = &fit {
            devices.keep(fit);
            identities.keep(fit);
        }
        spans.sort_unstable();
        spans.dedup();
        // With a device posture, the source is identified by the devices that satisfy it.
        let marked = if fit.is_some() { devices.clone() } else { identities };
        let next = seen.len();
        let id = *seen.entry((spans, marked, special)).or_insert(next);
        Self { sets, devices, special, fit, id }
    }

    /// Whether the source includes nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.special == Special::None && self.sets.iter().all(|it| it.is_empty())
    }
}

impl Compiled<'_> {
    /// The index of a device in the inventory, looked up by ID, name or address.
    pub fn device(&self, name: &str) -> Option<usize> {
        if let Ok(address) = name.parse() {
            return self.names.at(address);
        }
        let devices = &self.inventory.devices;
        let by_id = devices.iter().position(|it| it.id == name);
        by_id.or_else(|| devices.iter().position(|it| it.name.eq_ignore_ascii_case(name)))
    }
}
