//! Lists who reaches a destination, what a source reaches, and who has a capability.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value;

use super::RuleRef;
use crate::{
    compile::{Bits, Compiled, Special},
    identity::Party,
    model::Target,
    ports::Ports,
};

/// What a single rule contributes to the answer.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// The sources or destinations, as the rule names them.
    pub who: Vec<String>,
    /// The number of devices that `who` includes.
    pub devices: usize,
    /// The ports: `tcp:443`.
    pub ports: Vec<String>,
    /// The device postures that the source must satisfy (one of them).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub if_posture: Vec<String>,
    /// The rule.
    #[serde(flatten)]
    pub by: RuleRef,
}

/// A rule, and how many devices it affects.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RuleReach {
    /// The rule and its position.
    #[serde(flatten)]
    pub by: RuleRef,
    /// The number of source devices.
    pub sources: usize,
    /// The number of destination devices, not counting `autogroup:self`.
    pub targets: usize,
    /// Whether the rule has `autogroup:self` as a destination.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_devices: bool,
}

/// A user or a tag, and how many devices its devices reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Breadth {
    /// The login name, or the tag.
    pub who: String,
    /// The number of devices that any of its devices reaches, on any port, itself included if it does.
    pub devices: usize,
}

/// A node attribute or application capability, and who has it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Capability {
    /// The name of the capability.
    pub capability: String,
    /// The devices on which it applies.
    pub on: Vec<String>,
    /// The sources that have it there; empty for a node attribute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<String>,
    /// The parameters.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub values: Value,
    /// The position of the rule: `grants[3]`.
    pub rule: String,
}

impl Compiled<'_> {
    /// The sources that reach `to`, one entry per rule.
    ///
    /// # Errors
    ///
    /// A message, if `to` resolves to nobody.
    pub fn who_reaches(&self, to: &str) -> Result<Vec<Entry>, String> {
        let targets = self.ends(to)?;
        let mut entries = Vec::new();
        for access in &self.rules {
            let Some(rule) = access.rule else {
                entries.push(self.everything());
                continue;
            };
            let about = |target: &&Target| {
                targets.iter().filter(|it| access.leads_to(it)).any(|party| {
                    match (&target.selector, party) {
                        (selector, party) if selector.is_autogroup("self") => {
                            self.person_of(party).is_some()
                        }
                        (selector, party) => self.means(selector, party),
                    }
                })
            };
            let ports = ports_of(rule.dst.iter().filter(about));
            if ports.is_empty() || access.source.is_empty() {
                continue;
            }
            let own = rule.dst.iter().filter(about).all(|it| it.selector.is_autogroup("self"));
            let mut devices = access.source.devices.clone();
            if own {
                devices.keep(&self.devices_of_people(&targets));
                if devices.is_empty() {
                    continue;
                }
            }
            entries.push(Entry {
                who: rule.src.iter().map(|it| it.text.clone()).collect(),
                devices: devices.count(),
                ports,
                if_posture: rule.posture.iter().map(|it| it.value.clone()).collect(),
                by: self.rule_ref(Some(rule)),
            });
        }
        Ok(entries)
    }

    /// The destinations that `from` reaches, one entry per rule.
    ///
    /// # Errors
    ///
    /// A message, if `from` resolves to nobody.
    pub fn reached_by(&self, from: &str) -> Result<Vec<Entry>, String> {
        let sources = self.ends(from)?;
        let mut entries = Vec::new();
        for access in &self.rules {
            let Some(rule) = access.rule else {
                entries.push(self.everything());
                continue;
            };
            if !sources.iter().any(|it| self.counts(access, rule, it)) {
                continue;
            }
            let ports = ports_of(rule.dst.iter());
            if ports.is_empty() {
                continue;
            }
            let mut devices = Bits::none(self.names.count());
            for goal in &access.targets {
                match goal.set.special {
                    Special::Own => devices.add_all(&self.devices_of_people(&sources)),
                    _ => devices.add_all(&access.devices(goal, self.names.count())),
                }
            }
            entries.push(Entry {
                who: rule.dst.iter().map(|it| it.selector.text.clone()).collect(),
                devices: devices.count(),
                ports,
                if_posture: rule.posture.iter().map(|it| it.value.clone()).collect(),
                by: self.rule_ref(Some(rule)),
            });
        }
        Ok(entries)
    }

    /// All access rules and grants, with the number of devices that each affects.
    pub fn rules_with_devices(&self) -> Vec<RuleReach> {
        let count = self.names.count();
        let reach = |access: &crate::compile::Access<'_>| {
            let mut targets = Bits::none(count);
            for goal in &access.targets {
                targets.add_all(&access.devices(goal, count));
            }
            RuleReach {
                by: self.rule_ref(access.rule),
                sources: access.source.devices.count(),
                targets: targets.count(),
                own_devices: access.targets.iter().any(|it| it.set.special == Special::Own),
            }
        };
        self.rules.iter().map(reach).collect()
    }

    /// The `most` users and tags that reach the most devices, the widest first.
    pub fn widest(&self, most: usize) -> Vec<Breadth> {
        let count = self.names.count();
        // Most devices are in the sources of the same rules as many others.
        let mut alike: HashMap<(Vec<usize>, Option<&str>), Bits> = HashMap::new();
        let mut reach: BTreeMap<&str, Bits> = BTreeMap::new();
        for (at, device) in self.inventory.devices.iter().enumerate() {
            let rules = self.rules.iter().enumerate();
            let rules: Vec<usize> =
                rules.filter(|(_, it)| it.source.devices.has(at)).map(|it| it.0).collect();
            let user = (!device.is_tagged()).then_some(device.user.as_str());
            let own = rules
                .iter()
                .filter_map(|it| self.rules.get(*it))
                .any(|it| it.targets.iter().any(|goal| goal.set.special == Special::Own));
            let key = (rules, user.filter(|_| own));
            let reached = alike
                .entry(key)
                .or_insert_with_key(|(rules, user)| self.reached_through(rules, *user, count));
            let owners = device.tags.iter().map(String::as_str);
            let owners = owners.chain(user.filter(|it| !it.is_empty()));
            for owner in owners {
                reach.entry(owner).or_insert_with(|| Bits::none(count)).add_all(reached);
            }
        }
        let counted = reach.into_iter().map(|(who, it)| (who, it.count()));
        let mut widest: Vec<(&str, usize)> = counted.filter(|it| it.1 > 0).collect();
        widest.sort_by_key(|it| std::cmp::Reverse(it.1));
        widest.truncate(most);
        let breadth = |(who, devices): (&str, usize)| Breadth { who: who.to_owned(), devices };
        widest.into_iter().map(breadth).collect()
    }

    /// The devices that these rules lead to, for a source that belongs to `user`.
    fn reached_through(&self, rules: &[usize], user: Option<&str>, count: usize) -> Bits {
        let mut devices = Bits::none(count);
        for access in rules.iter().filter_map(|it| self.rules.get(*it)) {
            for goal in access.targets.iter().filter(|it| !it.ports.is_empty()) {
                match (goal.set.special, user) {
                    (Special::Own, Some(user)) => {
                        let own = self.names.of_user(user).iter().copied();
                        devices.add_all(&Bits::of(count, own));
                    }
                    (Special::Own, None) => {}
                    _ => devices.add_all(&access.devices(goal, count)),
                }
            }
        }
        devices
    }

    fn everything(&self) -> Entry {
        Entry {
            who: vec!["*".to_owned()],
            devices: self.names.count(),
            ports: vec!["*".to_owned()],
            if_posture: Vec::new(),
            by: self.rule_ref(None),
        }
    }

    fn devices_of_people(&self, parties: &[Party]) -> Bits {
        let people = parties.iter().filter_map(|it| self.person_of(it));
        let devices = people.flat_map(|it| self.names.of_user(it).iter().copied());
        Bits::of(self.names.count(), devices)
    }

    /// The capabilities called `name` in `nodeAttrs` and grants; all of them if `name` is `None`.
    pub fn capabilities_named(&self, name: Option<&str>) -> Vec<Capability> {
        let wanted = |it: &str| name.is_none_or(|name| it.eq_ignore_ascii_case(name));
        let mut found = Vec::new();
        for rule in &self.policy.model.attributes {
            let names = rule.attr.iter().map(|it| (it.value.as_str(), Value::Null));
            let apps = rule.app.iter().map(|(name, values)| (name.as_str(), values.clone()));
            for (capability, values) in names.chain(apps).filter(|(it, _)| wanted(it)) {
                found.push(Capability {
                    capability: capability.to_owned(),
                    on: rule.target.iter().map(|it| it.text.clone()).collect(),
                    held_by: Vec::new(),
                    values,
                    rule: format!("nodeAttrs[{}]", rule.index),
                });
            }
        }
        for rule in self.rules.iter().filter_map(|it| it.rule) {
            for (capability, values) in rule.app.iter().filter(|(it, _)| wanted(it)) {
                found.push(Capability {
                    capability: capability.clone(),
                    on: rule.dst.iter().map(|it| it.selector.text.clone()).collect(),
                    held_by: rule.src.iter().map(|it| it.text.clone()).collect(),
                    values: values.clone(),
                    rule: rule.label(),
                });
            }
        }
        found
    }
}

fn ports_of<'t>(targets: impl Iterator<Item = &'t Target>) -> Vec<String> {
    let mut ports: Vec<Ports> = targets.flat_map(|it| it.ports.iter().copied()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports.iter().map(Ports::to_string).collect()
}
