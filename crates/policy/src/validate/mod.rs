//! Validates a policy file as Tailscale does, and warns about likely mistakes. Errors use Tailscale's own
//! messages where these are known, and come in the order in which Tailscale finds them.

use std::ops::Range;

use super::{
    inventory::Inventory,
    model::Model,
    problem::{self, Problems},
    selector::{Selector, SelectorKind},
};

mod access;
mod attributes;
mod names;
mod ssh;
mod tests;

pub(super) use ssh::localpart;

/// Autogroups that are named after a user role.
pub(super) const ROLES: &[&str] =
    &["owner", "admin", "it-admin", "network-admin", "billing-admin", "auditor"];

/// Validates the file. What depends on the tailnet is checked only with an inventory.
pub(super) fn validate(model: &Model, inventory: Option<&Inventory>, problems: &mut Problems<'_>) {
    let mut check = Check { model, inventory, problems };
    check.names();
    check.rules();
    check.ssh();
    check.approvers();
    check.attributes();
    if inventory.is_none() {
        check.tests();
    }
    check.oddities();
}

/// The suggestion for what is not known here. It may well be right.
pub(super) const UNKNOWN: &str = "not known here, Tailscale decides";

/// Domains of sign-in providers, whose users belong to many tailnets.
const SHARED_DOMAINS: &[&str] = &["gmail.com"];

/// What is wrong with a name or a value.
enum Doubt {
    /// Tailscale is known to refuse it.
    Wrong(String),
    /// It is not known here, and Tailscale decides.
    Unknown(String),
}

#[expect(clippy::unnecessary_wraps, reason = "nothing wrong is `None`")]
fn wrong(message: impl Into<String>) -> Option<Doubt> {
    Some(Doubt::Wrong(message.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "nothing wrong is `None`")]
fn unknown(message: impl Into<String>) -> Option<Doubt> {
    Some(Doubt::Unknown(message.into()))
}

fn not_associated(domain: &str) -> String {
    format!(
        "{domain} is not associated with this Tailnet and cannot be used in user:*@<domain> \
         expressions"
    )
}

struct Check<'c, 'd> {
    model: &'c Model,
    inventory: Option<&'c Inventory>,
    problems: &'c mut Problems<'d>,
}

impl Check<'_, '_> {
    /// What is wrong with a selector; `None` if it is fine.
    fn missing(&self, selector: &Selector) -> Option<Doubt> {
        let text = &selector.text;
        match &selector.kind {
            SelectorKind::Tag(tag) if self.model.owners(tag).is_none() => {
                wrong(format!("tag not found: {text:?}"))
            }
            SelectorKind::Group(group) if self.model.group(group).is_none() => {
                wrong(format!("group not found: {text:?}"))
            }
            SelectorKind::IpSet(set) if self.model.ip_set(set).is_none() => {
                wrong(format!("ipset not found: {text:?}"))
            }
            SelectorKind::Host(host) if self.model.host(host).is_none() => {
                wrong(format!("{text:?}: invalid address"))
            }
            SelectorKind::Other(_) => unknown(format!("unknown selector {text:?}")),
            SelectorKind::Autogroup(name) if !is_autogroup(name) => {
                unknown(format!("unknown autogroup {text:?}"))
            }
            SelectorKind::Domain(domain) => self.foreign_user(domain).map(Doubt::Wrong),
            _ => None,
        }
    }

    /// Why `user:*@domain` does not name users of this tailnet.
    fn foreign_user(&self, domain: &str) -> Option<String> {
        let is_shared = !domain.contains('.') || SHARED_DOMAINS.contains(&domain);
        if is_shared { Some(not_associated(domain)) } else { self.foreign(domain) }
    }

    /// An error, if the domain is not the tailnet's own.
    fn foreign(&self, domain: &str) -> Option<String> {
        let tailnet = &self.inventory?.tailnet;
        let own = tailnet.rsplit_once('@').map_or(tailnet.as_str(), |(_, domain)| domain);
        let is_known = own.contains('.') && !own.eq_ignore_ascii_case(domain);
        is_known.then(|| not_associated(domain))
    }

    /// A suggestion for an unknown name: a similar one, or where to declare it.
    fn nearest(&self, selector: &Selector) -> Option<String> {
        if self.problems.is_full() {
            return None;
        }
        let names: Vec<&str> = match selector.kind {
            SelectorKind::Tag(_) => names_of(&self.model.tag_owners),
            SelectorKind::Group(_) => names_of(&self.model.groups),
            SelectorKind::IpSet(_) => names_of(&self.model.ip_sets),
            SelectorKind::Host(_) => names_of(&self.model.hosts),
            _ => return None,
        };
        let best = similar(&selector.text, &names);
        best.map(|it| format!("did you mean {it:?}?")).or_else(|| match selector.kind {
            SelectorKind::Tag(_) => Some("declare it in tagOwners".to_owned()),
            SelectorKind::Group(_) => Some("declare it in groups".to_owned()),
            SelectorKind::Host(_) => Some("declare it in hosts".to_owned()),
            _ => None,
        })
    }

    /// Reports what is wrong with a selector or name, with `say` around Tailscale's words.
    fn doubt(
        &mut self,
        at: &Range<usize>,
        path: String,
        doubt: Doubt,
        suggestion: Option<String>,
        say: impl Fn(String) -> String,
    ) {
        match doubt {
            Doubt::Wrong(message) => self.error(at, path, say(message), suggestion),
            Doubt::Unknown(message) => self.problems.warning(at, path, message, UNKNOWN),
        }
    }

    fn error(
        &mut self,
        at: &Range<usize>,
        path: String,
        message: String,
        suggestion: Option<String>,
    ) {
        self.problems.error(at, path, message, suggestion);
    }

    /// Warns about what is allowed but probably not intended.
    fn oddities(&mut self) {
        for section in &self.model.unknown {
            let message = format!("unknown section {:?}", problem::name(&section.value));
            self.problems.warning(&section.at, section.value.clone(), message, UNKNOWN);
        }
        if !self.model.restricts {
            let message = "there is neither acls nor grants: everything is allowed";
            let right = "write \"grants\": [] to allow nothing";
            self.problems.warning(&(0..0), "", message, right);
        }
    }
}

/// The most characters of a name that is compared with others.
const MAX_COMPARED: usize = 100;

/// The name that is most similar to `text`, if one is similar enough.
fn similar<'n>(text: &str, names: &[&'n str]) -> Option<&'n str> {
    if text.len() > MAX_COMPARED {
        return None;
    }
    let close = |name: &str| strsim::jaro_winkler(name, text);
    let short = names.iter().filter(|name| name.len() <= MAX_COMPARED);
    let all = short.map(|name| (*name, close(name))).filter(|(_, close)| *close > 0.85);
    all.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name)
}

fn names_of<T>(list: &[super::model::Named<T>]) -> Vec<&str> {
    list.iter().map(|it| it.name.value.as_str()).collect()
}

/// Whether there is an autogroup of this name, given without `autogroup:`.
pub(super) fn is_autogroup(name: &str) -> bool {
    ROLES.contains(&name)
        || matches!(
            name,
            "member"
                | "members"
                | "tagged"
                | "self"
                | "internet"
                | "danger-all"
                | "shared"
                | "nonroot"
        )
}
