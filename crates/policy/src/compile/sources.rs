//! An index of rules by their sources, so that a question about one user does not look at every rule.

use std::collections::HashMap;

use super::Names;
use crate::{
    identity::Party,
    model::{Model, Rule},
    selector::SelectorKind,
};

/// The rules of a policy file by source. Rules are given by their index.
#[derive(Debug, Default)]
pub(crate) struct SourceIndex<'m> {
    /// By login name in lower case.
    of_user: HashMap<&'m str, Vec<usize>>,
    of_group: HashMap<&'m str, Vec<usize>>,
    of_tag: HashMap<&'m str, Vec<usize>>,
    /// Rules with other sources, which may be about anybody.
    general: Vec<usize>,
    /// The groups that list a user, by login name in lower case.
    groups: HashMap<String, Vec<&'m str>>,
}

impl<'m> SourceIndex<'m> {
    pub(super) fn of(model: &'m Model, names: &Names<'m>) -> Self {
        let mut index = Self::default();
        for group in &model.groups {
            let name = group.name.value.as_str();
            for login in names.members_of(name).into_iter().flat_map(|members| &members.logins) {
                index.groups.entry(login.clone()).or_default().push(name);
            }
        }
        for (at, rule) in model.rules.iter().enumerate() {
            index.add(at, rule, names);
        }
        if !model.restricts {
            index.general.push(model.rules.len());
        }
        index
    }

    fn add(&mut self, at: usize, rule: &'m Rule, names: &Names<'m>) {
        for selector in &rule.src {
            let list = match &selector.kind {
                SelectorKind::User(login) => self.of_user.entry(login).or_default(),
                SelectorKind::Tag(tag) => self.of_tag.entry(tag).or_default(),
                SelectorKind::Group(group) if has_only_users(names, group) => {
                    self.of_group.entry(group).or_default()
                }
                _ => &mut self.general,
            };
            if list.last() != Some(&at) {
                list.push(at);
            }
        }
    }

    /// The rules that may have a party as a source, in their order. The others do not have it.
    pub(crate) fn candidates(&self, party: &Party, count: usize) -> Vec<usize> {
        let mut found = self.general.clone();
        match party {
            Party::Person(login) => {
                let login = login.to_ascii_lowercase();
                found.extend(self.of_user.get(login.as_str()).into_iter().flatten());
                for group in self.groups.get(&login).into_iter().flatten() {
                    found.extend(self.of_group.get(group).into_iter().flatten());
                }
            }
            Party::Tagged(tag) => found.extend(self.of_tag.get(tag.as_str()).into_iter().flatten()),
            _ => return (0..count).collect(),
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn has_only_users(names: &Names<'_>, group: &str) -> bool {
    names.members_of(group).is_none_or(|members| members.autogroups.is_empty())
}
