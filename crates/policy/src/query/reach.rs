//! Explains why a connection is not allowed, and which grant would allow it.

use super::Question;
use crate::{
    address::Span,
    compile::{Compiled, Special},
    identity::{Party, groups_of},
    inventory::Device,
    model::Rule,
    ports::Ports,
};

/// The most devices with a tag that are examined.
const LOOKED_AT: usize = 20;
/// The most rules of one kind that an answer lists.
const NEAR: usize = 3;

impl Compiled<'_> {
    pub(super) fn why_not(
        &self,
        source: &Party,
        target: &Party,
        question: &Question<'_>,
    ) -> Vec<String> {
        let mut because = Vec::new();
        let (mut elsewhere, mut others) = (Vec::new(), Vec::new());
        for access in &self.rules {
            let Some(rule) = access.rule else { continue };
            let is_for = self.counts(access, rule, source);
            let ports: Vec<String> =
                self.ports_of(rule, source, target).map(Ports::to_string).collect();
            let is_about = !ports.is_empty();
            let admits = || {
                self.ports_of(rule, source, target)
                    .any(|it| it.admit(question.protocol, question.port))
            };
            if is_about && !access.leads_to(target) {
                others.push(self.through(rule));
            } else if is_for && is_about {
                because.push(format!(
                    "{} lets {} reach {} on {} only",
                    self.named(rule),
                    self.name_of(source),
                    self.name_of(target),
                    ports.join(", ")
                ));
            } else if is_about && admits() {
                others.push(self.not_for(rule, access.source.fit.is_some(), source));
            } else if is_for {
                elsewhere.push(self.named(rule));
            }
        }
        others.truncate(NEAR);
        because.extend(others);
        if because.is_empty() {
            because.push(match elsewhere.len() {
                0 => format!("no rule has {} as a source", self.name_of(source)),
                count => {
                    elsewhere.truncate(NEAR);
                    let rules =
                        if count == 1 { "1 rule is" } else { &format!("{count} rules are") };
                    format!(
                        "{rules} for {}, but not about {}: {} …",
                        self.name_of(source),
                        self.name_of(target),
                        elsewhere.join(", ")
                    )
                }
            });
        }
        because.extend(self.who_is(source));
        because.extend(self.who_is(target));
        because
    }

    fn through(&self, rule: &Rule) -> String {
        let routers: Vec<&str> = rule.via.iter().map(|it| it.text.as_str()).collect();
        format!(
            "{} goes through {}, which leads to the subnets behind them, and to no device",
            self.named(rule),
            routers.join(", ")
        )
    }

    fn not_for(&self, rule: &Rule, has_condition: bool, source: &Party) -> String {
        let is_meant = rule.src.iter().any(|it| self.means(it, source));
        if has_condition && is_meant {
            let postures: Vec<&str> = rule.posture.iter().map(|it| it.value.as_str()).collect();
            return format!(
                "{} would, but the device has not the posture {}",
                self.named(rule),
                postures.join(" or ")
            );
        }
        let sources: Vec<&str> = rule.src.iter().map(|it| it.text.as_str()).collect();
        format!("{} would, but is for {} only", self.named(rule), sources.join(", "))
    }

    fn named(&self, rule: &Rule) -> String {
        let line = self.policy.document().place(rule.at.start).line;
        format!("{} (line {line})", rule.label())
    }

    pub(crate) fn name_of(&self, party: &Party) -> String {
        match party {
            Party::Person(login) => login.clone(),
            Party::Tagged(tag) => tag.clone(),
            Party::Device(index) => {
                self.inventory.devices.get(*index).map(|it| it.name.clone()).unwrap_or_default()
            }
            Party::Address(address) => address.to_string(),
            Party::Service(name) => name.clone(),
            Party::Own => "autogroup:self".to_owned(),
            Party::Anything => "*".to_owned(),
        }
    }

    /// Describes in a sentence how rules can match a party: by tags, user, groups or router.
    fn who_is(&self, party: &Party) -> Option<String> {
        let name = self.name_of(party);
        Some(match party {
            Party::Device(index) => {
                let device = self.inventory.devices.get(*index)?;
                if device.is_tagged() {
                    let tags = device.tags.join(", ");
                    format!("{name} is known by its tags, and belongs to nobody: {tags}")
                } else if device.user.is_empty() {
                    format!("{name} belongs to nobody")
                } else {
                    let (user, groups) = self.person_is(&device.user);
                    format!("{name} belongs to {user}, who is in {groups}")
                }
            }
            Party::Person(login) => {
                let (user, groups) = self.person_is(login);
                format!("{user} is in {groups}")
            }
            Party::Tagged(tag) => {
                let count =
                    self.inventory.devices.iter().filter(|it| it.tags.contains(tag)).count();
                let devices = if count == 1 { "device" } else { "devices" };
                format!("{tag} is on {count} {devices}")
            }
            Party::Address(address) => match self.router_of(*address) {
                Some(router) => format!("{name} is behind {}", router.name),
                None => format!("{name} is no device, and no device serves a route to it"),
            },
            Party::Service(_) | Party::Own | Party::Anything => return None,
        })
    }

    /// A user with their role, and their groups.
    fn person_is(&self, login: &str) -> (String, String) {
        let groups: Vec<&str> = groups_of(&self.policy.model, login).into_iter().collect();
        let role = self.inventory.user(login).map(|it| it.role.as_str()).unwrap_or_default();
        let role = if role.is_empty() { String::new() } else { format!(" ({role})") };
        let groups = if groups.is_empty() { "no group".to_owned() } else { groups.join(", ") };
        (format!("{login}{role}"), groups)
    }

    pub(crate) fn router_of(&self, address: std::net::IpAddr) -> Option<&Device> {
        let serves = |it: &&Device| it.subnets().any(|net| Span::from(*net).contains(address));
        self.inventory.devices.iter().find(serves)
    }

    /// A note, if a real device with the tag does reach the destination (or is reached): the query treats a
    /// tag as a device with that tag only, but a device may match rules through its other tags.
    pub(super) fn as_devices(
        &self,
        source: &Party,
        target: &Party,
        question: &Question<'_>,
    ) -> Option<String> {
        let is_tag = |it: &&Party| matches!(it, Party::Tagged(_));
        [source, target].into_iter().find(is_tag)?;
        let (sources, targets) = (self.devices_of(source), self.devices_of(target));
        let pairs = sources.iter().flat_map(|from| targets.iter().map(move |to| (from, to)));
        let reach = |(from, to): (&Party, &Party)| {
            let access = self.rule_for(from, to, question.protocol, question.port)?;
            let (from, to) = (self.name_of(from), self.name_of(to));
            let by = access.rule.map(|it| self.named(it))?;
            Some(format!(
                "{from} reaches {to} all the same, by {by}: a device is known by more than a tag"
            ))
        };
        pairs.filter(|(from, to)| from != to).find_map(reach)
    }

    /// Up to [`LOOKED_AT`] devices with the tag; any other party is returned unchanged.
    fn devices_of(&self, party: &Party) -> Vec<Party> {
        let Party::Tagged(tag) = party else { return vec![party.clone()] };
        let all = self.inventory.devices.iter().enumerate();
        let tagged = all.filter(|(_, it)| it.tags.contains(tag));
        tagged.map(|(index, _)| Party::Device(index)).take(LOOKED_AT).collect()
    }

    /// Notes about what prevents the connection, or what it needs, regardless of the policy file.
    pub(super) fn circumstances(&self, question: &Question<'_>) -> Vec<String> {
        let mut notes = Vec::new();
        for party in question.from.iter().chain(question.to) {
            if let Party::Device(index) = party
                && let Some(device) = self.inventory.devices.get(*index)
            {
                notes.extend(device.troubles.iter().map(|it| format!("{}: {it}", device.name)));
            }
        }
        for party in question.to {
            if let Party::Address(address) = party
                && self.router_of(*address).is_none()
            {
                let exit = self.inventory.devices.iter().any(Device::is_exit_node);
                notes.push(format!(
                    "no device serves a route to {address}{}",
                    if exit { "; exit nodes may" } else { "" }
                ));
            }
        }
        let depends = self.rules.iter().any(|access| {
            access.source.fit.is_some()
                && access.targets.iter().any(|it| it.set.special != Special::Own)
                && self.inventory.devices.iter().all(|it| it.posture.is_none())
        });
        if depends {
            notes.push("some rules depend on postures, which were taken as met".to_owned());
        }
        notes
    }
}
