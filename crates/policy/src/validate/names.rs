//! Validates `groups`, `tagOwners`, `hosts`, `ipsets` and `postures`.

use super::{Check, Doubt, UNKNOWN, unknown, wrong};
use crate::{
    address::Span,
    ip_sets::{IpSets, SetEntry},
    model::{Named, Text},
    posture, problem,
    selector::SelectorKind,
};

impl Check<'_, '_> {
    pub(super) fn names(&mut self) {
        // Tailscale reports groups in reverse alphabetical order.
        let mut groups: Vec<&Named<Vec<Text>>> = self.model.groups.iter().collect();
        groups.sort_by(|a, b| b.name.value.cmp(&a.name.value));
        for group in groups {
            self.group(group);
        }
        for tag in &self.model.tag_owners {
            self.tag(tag);
        }
        for host in &self.model.hosts {
            let name = &*problem::name(&host.name.value);
            let path = format!("hosts[{name:?}]");
            if name.contains([':', '@', '*']) || name.trim().is_empty() {
                let message = format!("hosts[{name:?}]: invalid host name");
                self.error(&host.name.at, path.clone(), message, None);
            }
            if host.value.value.trim().parse::<Span>().is_err() {
                let message = format!("hosts[{name:?}]: {:?}: invalid address", host.value.value);
                self.error(&host.value.at, path, message, None);
            }
        }
        for set in &self.model.ip_sets {
            self.ip_set(set);
        }
        self.nested_ip_sets();
        for posture in &self.model.postures {
            self.posture(posture);
        }
    }

    fn group(&mut self, group: &Named<Vec<Text>>) {
        let name = &*problem::name(&group.name.value);
        let path = format!("groups[{name:?}]");
        if !name.starts_with("group:") {
            let message = format!("groups[{name:?}]: group names must start with 'group:'");
            let right = Some(format!("write \"group:{name}\""));
            self.error(&group.name.at, path.clone(), message, right);
        }
        for member in &group.value {
            let who = &member.value;
            if who.starts_with("group:") {
                let message =
                    format!("groups[{name:?}]: {who:?}: group members cannot be recursive");
                self.error(&member.at, path.clone(), message, Some("list its members".to_owned()));
            } else if who.starts_with("autogroup:") || (who.contains(':') && !who.contains('@')) {
                if let Some(Doubt::Unknown(message)) = self.missing(&member.selector()) {
                    self.problems.warning(&member.at, path.clone(), message, UNKNOWN);
                }
            } else if !who.contains('@') {
                let message = format!("groups[{name:?}]: {who:?}: not a user");
                let right = Some("write how they sign in: ann@example.com".to_owned());
                self.error(&member.at, path.clone(), message, right);
            }
        }
    }

    fn tag(&mut self, tag: &Named<Vec<Text>>) {
        let name = &*problem::name(&tag.name.value);
        let path = format!("tagOwners[{name:?}]");
        if let Some(wrong) = bad_tag(&tag.name.value) {
            let message = format!("tagOwners[{name:?}]: {wrong}");
            self.error(&tag.name.at, path.clone(), message, None);
        }
        for owner in &tag.value {
            let selector = owner.selector();
            let fits = matches!(
                selector.kind,
                SelectorKind::User(_)
                    | SelectorKind::Group(_)
                    | SelectorKind::Tag(_)
                    | SelectorKind::Autogroup(_)
            );
            let doubt = match self.missing(&selector) {
                None if !fits => wrong(format!("{:?}: not a user, group or tag", owner.value)),
                missing => missing,
            };
            if let Some(doubt) = doubt {
                let right = self.nearest(&selector);
                let say = |message| format!("tagOwners[{name:?}]: {message}");
                self.doubt(&owner.at, path.clone(), doubt, right, say);
            }
        }
    }

    fn ip_set(&mut self, set: &Named<Vec<Text>>) {
        let name = &*problem::name(&set.name.value);
        let path = format!("ipsets[{name:?}]");
        if !name.starts_with("ipset:") {
            let message = format!("ipsets[{name:?}]: names of IP sets must start with 'ipset:'");
            self.error(
                &set.name.at,
                path.clone(),
                message,
                Some(format!("write \"ipset:{name}\"")),
            );
        }
        for entry in &set.value {
            let what = SetEntry::parse(&entry.value).what;
            let selector = Text { value: what.to_owned(), at: entry.at.clone() }.selector();
            let fits = matches!(
                selector.kind,
                SelectorKind::Addresses(_) | SelectorKind::Host(_) | SelectorKind::IpSet(_)
            );
            let doubt = match self.missing(&selector) {
                Some(Doubt::Unknown(message)) => unknown(message),
                None if fits => None,
                _ => wrong(format!("{:?}: invalid address", entry.value)),
            };
            if let Some(doubt) = doubt {
                let right = self.nearest(&selector);
                let say = |message| format!("ipsets[{name:?}]: {message}");
                self.doubt(&entry.at, path.clone(), doubt, right, say);
            }
        }
    }

    /// Rejects sets that contain themselves, and more ranges than can be evaluated.
    fn nested_ip_sets(&mut self) {
        let sets = IpSets::of(self.model);
        for cycle in &sets.cycles {
            let path = format!("ipsets[{:?}]", problem::name(cycle.set));
            let message = format!("{path}: the set contains itself: {}", cycle.chain);
            let right = Some("remove one of these references".to_owned());
            self.error(&cycle.at, path, message, right);
        }
        if sets.is_too_large {
            let message =
                "ipsets: with sets in sets, they come to too many ranges to evaluate here";
            let right = Some("list the addresses once, and refer to that set in rules".to_owned());
            self.error(&(0..0), "ipsets".to_owned(), message.to_owned(), right);
        }
    }

    fn posture(&mut self, posture: &Named<Vec<Text>>) {
        let name = &*problem::name(&posture.name.value);
        let path = format!("postures[{name:?}]");
        if !name.starts_with("posture:") {
            let message = format!("postures[{name:?}]: posture names must start with 'posture:'");
            self.error(&posture.name.at, path.clone(), message, None);
        }
        for condition in &posture.value {
            if let Err(wrong) = posture::Condition::parse(&condition.value) {
                let message = format!("postures[{name:?}]: {:?}: {wrong}", condition.value);
                self.problems.warning(&condition.at, path.clone(), message, UNKNOWN);
            }
        }
    }
}

/// Why a tag name is invalid, in Tailscale's own words.
fn bad_tag(name: &str) -> Option<&'static str> {
    let Some(name) = name.strip_prefix("tag:") else { return Some("tags must start with 'tag:'") };
    let Some(first) = name.chars().next() else { return Some("tag names must not be empty") };
    if !first.is_ascii_alphabetic() {
        return Some("tag names must start with a letter, after 'tag:'");
    }
    let fits = |it: u8| it.is_ascii_alphanumeric() || it == b'-';
    (!name.bytes().all(fits)).then_some("tag names can only contain numbers, letters, or dashes")
}
