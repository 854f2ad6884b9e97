//! Lists: who reaches something, what somebody reaches, who has a capability.

use serde::Serialize;
use serde_json::Value;

use super::RuleRef;
use crate::{
    compile::{Bits, Compiled, Special},
    identity::Party,
    model::Target,
    ports::Ports,
};

/// One rule's part of an answer.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// The other end, as the rule names it.
    pub who: Vec<String>,
    /// How many devices that are.
    pub devices: usize,
    /// On which ports.
    pub ports: Vec<String>,
    /// The postures that the source needs.
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
    /// The rule.
    #[serde(flatten)]
    pub by: RuleRef,
    /// Devices that it is for.
    pub sources: usize,
    /// Devices that it is about.
    pub targets: usize,
    /// It is about the devices of each person among themselves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_devices: bool,
}

/// Who has a capability, and where.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Capability {
    /// Its name.
    pub capability: String,
    /// On which devices it counts.
    pub on: Vec<String>,
    /// Who has it there; empty for what devices have by themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_by: Vec<String>,
    /// Its values.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub values: Value,
    /// Where it stands: `grants[3]`.
    pub rule: String,
}

impl Compiled<'_> {
    /// Who reaches `to`, rule by rule.
    ///
    /// # Errors
    ///
    /// In words, where it means nobody.
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

    /// What `from` reaches, rule by rule.
    ///
    /// # Errors
    ///
    /// In words, where it means nobody.
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

    /// Every rule, with how many devices it affects.
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

    /// Which devices have a capability, by `nodeAttrs` or by grants. Without a name, all of them.
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
