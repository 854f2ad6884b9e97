//! Finds rules and names that need attention: too permissive, without effect, or about users who left.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    compile::{Bits, Compiled, Special},
    hujson::Place,
    model::Model,
    ports::Ports,
    selector::{Selector, SelectorKind},
};

mod redundant;

/// A part of a policy file that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How serious it is.
    pub weight: Weight,
    /// A code for the kind of finding: `open_to_all`, `dead_rule`.
    pub kind: &'static str,
    /// What was found, in words.
    pub message: String,
    /// The position in the file: `grants[3]`.
    pub path: String,
    /// The line and column.
    pub at: Place,
}

/// How serious a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// The rule may grant access that should not be granted.
    High,
    /// The rule or name probably does not do what its author meant.
    Medium,
    /// The rule or name can be removed, or a test is missing.
    Low,
}

impl Compiled<'_> {
    /// All findings, the most serious first.
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = Findings { policy: self, list: Vec::new() };
        found.open();
        found.dead();
        found.repeated();
        found.people();
        found.tags();
        found.unused();
        found.list.sort_by_key(|it| (it.weight, it.at));
        found.list
    }
}

struct Findings<'f, 'w> {
    policy: &'f Compiled<'w>,
    list: Vec<Finding>,
}

impl Findings<'_, '_> {
    fn add(
        &mut self,
        weight: Weight,
        kind: &'static str,
        at: usize,
        path: String,
        message: String,
    ) {
        let at = self.policy.policy.document().place(at);
        self.list.push(Finding { weight, kind, message, path, at });
    }

    /// Finds rules that allow too much.
    fn open(&mut self) {
        if !self.policy.policy.model.restricts {
            let message = "there is neither acls nor grants: every device reaches every other";
            self.add(Weight::High, "no_rules", 0, String::new(), message.to_owned());
        }
        for access in &self.policy.rules {
            let Some(rule) = access.rule else { continue };
            let (at, path) = (rule.at.start, rule.label());
            let everything =
                |special: Special| matches!(special, Special::Any | Special::Everything);
            let to_all = access.targets.iter().any(|it| {
                everything(it.set.special) && it.ports.iter().any(|it| it.covers(&Ports::ALL))
            });
            if everything(access.source.special) && to_all {
                let message = "everything reaches everything (* to *:*)".to_owned();
                self.add(Weight::High, "open_to_all", at, path.clone(), message);
            }
            if access.source.special == Special::Everything {
                let message =
                    "autogroup:danger-all lets addresses outside the tailnet in".to_owned();
                self.add(Weight::High, "danger_all", at, path, message);
            }
        }
        for login in self.policy.logins() {
            let root = login.rule.users.iter().any(|it| it.value == "root");
            if root && !login.is_check() {
                let path = format!("ssh[{}]", login.rule.index);
                let message =
                    "root can log in over SSH without check mode; use action check".to_owned();
                self.add(Weight::Medium, "root_unchecked", login.rule.at.start, path, message);
            }
        }
        for rule in &self.policy.policy.model.attributes {
            let funnel = rule.attr.iter().any(|it| it.value == "funnel");
            if funnel && rule.target.iter().any(|it| it.kind == SelectorKind::Any) {
                let path = format!("nodeAttrs[{}]", rule.index);
                let message = "every device may be opened to the internet with Funnel".to_owned();
                self.add(Weight::High, "funnel_for_all", rule.at.start, path, message);
            }
        }
    }

    /// Finds rules that match no source or no destination.
    fn dead(&mut self) {
        for access in &self.policy.rules {
            let Some(rule) = access.rule else { continue };
            let (at, path) = (rule.at.start, rule.label());
            let why = if rule.src.is_empty() || rule.dst.is_empty() {
                "it has no source, or no destination"
            } else if access.source.is_empty() {
                "its sources are nobody in the tailnet now"
            } else if access.targets.iter().all(|it| it.set.is_empty()) {
                "its destinations are nothing in the tailnet now"
            } else if access.via.as_ref().is_some_and(Bits::is_empty) {
                "no device has the tag that it goes through"
            } else {
                continue;
            };
            self.add(Weight::Medium, "dead_rule", at, path, format!("no effect: {why}"));
        }
    }

    /// Finds references to users who are not in the tailnet.
    fn people(&mut self) {
        if self.policy.inventory.users.is_empty() {
            return;
        }
        let model = &self.policy.policy.model;
        let mut gone = Vec::new();
        for (section, all) in [("groups", &model.groups), ("tagOwners", &model.tag_owners)] {
            for list in all {
                for member in list.value.iter().filter(|it| self.is_gone(&it.value)) {
                    let path = format!("{section}[{:?}]", list.name.value);
                    gone.push((member.at.start, path, member.value.clone()));
                }
            }
        }
        for rule in self.policy.rules.iter().filter_map(|it| it.rule) {
            let selectors = rule.src.iter().chain(rule.dst.iter().map(|it| &it.selector));
            for selector in selectors.filter(|it| self.is_gone(&it.text)) {
                gone.push((selector.at.start, rule.label(), selector.text.clone()));
            }
        }
        for rule in &model.ssh {
            for selector in rule.src.iter().chain(&rule.dst).filter(|it| self.is_gone(&it.text)) {
                let path = format!("ssh[{}]", rule.index);
                gone.push((selector.at.start, path, selector.text.clone()));
            }
        }
        for (at, path, who) in gone {
            let message = format!("{who} is not in the tailnet (any more)");
            self.add(Weight::Medium, "unknown_user", at, path, message);
        }
    }

    fn is_gone(&self, name: &str) -> bool {
        let is_user = matches!(Selector::parse(name, 0..0).kind, SelectorKind::User(_));
        is_user && self.policy.names.user(name).is_none()
    }

    /// Finds tags that are not declared, have no owner, or are on no device.
    fn tags(&mut self) {
        let model = &self.policy.policy.model;
        let used_tags: BTreeSet<&str> = self
            .policy
            .inventory
            .devices
            .iter()
            .flat_map(|it| &it.tags)
            .map(String::as_str)
            .collect();
        for tag in used_tags.iter().filter(|it| model.owners(it).is_none()) {
            let message = format!("{tag} is on devices, and not declared in tagOwners");
            self.add(Weight::High, "undeclared_tag", 0, "tagOwners".to_owned(), message);
        }
        for tag in &model.tag_owners {
            let (at, name) = (tag.name.at.start, &tag.name.value);
            let path = format!("tagOwners[{name:?}]");
            if tag.value.is_empty() {
                let message = format!("{name} has no owner: only admins give it");
                self.add(Weight::Low, "unowned_tag", at, path.clone(), message);
            }
            if !used_tags.contains(name.as_str()) {
                let message = format!("{name} is on no device");
                self.add(Weight::Low, "unused_tag", at, path, message);
            }
        }
    }

    /// Finds unused groups and hosts, empty groups, and a file without tests.
    fn unused(&mut self) {
        let policy = self.policy;
        let model = &policy.policy.model;
        let used = used(model);
        for group in &model.groups {
            let (at, name) = (group.name.at.start, &group.name.value);
            let path = format!("groups[{name:?}]");
            if group.value.is_empty() {
                let message = format!("{name} has no members");
                self.add(Weight::Low, "empty_group", at, path.clone(), message);
            }
            if !used.contains(name.as_str()) {
                let message = format!("{name} is used nowhere");
                self.add(Weight::Low, "unused_group", at, path, message);
            }
        }
        for host in model.hosts.iter().filter(|it| !used.contains(it.name.value.as_str())) {
            let (at, name) = (host.name.at.start, &host.name.value);
            let message = format!("the host {name} is used nowhere");
            self.add(Weight::Low, "unused_host", at, format!("hosts[{name:?}]"), message);
        }
        if model.tests.is_empty() {
            let message = "the file has no tests: nothing keeps a later edit from opening or closing too much";
            self.add(Weight::Low, "no_tests", 0, "tests".to_owned(), message.to_owned());
        }
    }
}

/// All names that are used somewhere in the file.
fn used(model: &Model) -> BTreeSet<&str> {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for rule in &model.rules {
        used.extend(rule.src.iter().map(|it| it.text.as_str()));
        used.extend(rule.dst.iter().map(|it| it.selector.text.as_str()));
    }
    for rule in &model.ssh {
        used.extend(rule.src.iter().chain(&rule.dst).map(|it| it.text.as_str()));
    }
    used.extend(model.attributes.iter().flat_map(|it| &it.target).map(|it| it.text.as_str()));
    used.extend(model.tag_owners.iter().flat_map(|it| &it.value).map(|it| it.value.as_str()));
    let approvers = &model.approvers;
    let lists = approvers.routes.iter().chain(&approvers.services).map(|it| &it.value);
    for list in lists.chain([&approvers.exit_node]) {
        used.extend(list.iter().map(|it| it.text.as_str()));
    }
    for set in &model.ip_sets {
        used.extend(set.value.iter().filter_map(|it| it.value.split_whitespace().last()));
    }
    for test in &model.tests {
        used.insert(&test.src);
        let targets = test.accept.iter().chain(&test.deny);
        used.extend(targets.filter_map(|it| it.value.rsplit_once(':').map(|(name, _)| name)));
    }
    used
}
