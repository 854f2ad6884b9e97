//! The parties of tests and queries: users, tags, devices and addresses, with or without a device in the
//! inventory.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    address::INTERNET,
    compile::{Compiled, Special},
    inventory::User,
    model::Rule,
    ports::Ports,
    posture::{self, Attributes},
    selector::{Selector, SelectorKind},
};

/// The source or destination of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Party {
    /// A user, by login name, on any of the user's devices.
    Person(String),
    /// A device with this tag and no other.
    Tagged(String),
    /// A device, by its index in the inventory.
    Device(usize),
    /// An address that no device has.
    Address(IpAddr),
    /// A service, such as `svc:web`.
    Service(String),
    /// The other devices of the source's user (`autogroup:self`).
    Own,
    /// Everything (`*`).
    Anything,
}

impl Compiled<'_> {
    /// The login name of the user that a party belongs to; `None` for tagged devices, addresses and
    /// services.
    pub(super) fn person_of<'p>(&'p self, party: &'p Party) -> Option<&'p str> {
        match party {
            Party::Person(login) => Some(login),
            Party::Device(index) => {
                let device = self.inventory.devices.get(*index)?;
                (!device.is_tagged()).then_some(device.user.as_str())
            }
            _ => None,
        }
    }

    /// The parties that a name resolves to. The error says why the name is invalid or resolves to nobody.
    pub(super) fn parties(&self, name: &str) -> Result<Vec<Party>, String> {
        let selector = Selector::parse(name, 0..0);
        let model = &self.policy.model;
        let unknown = |what: &str| format!("{what} not found: {name:?}");
        match &selector.kind {
            SelectorKind::Any => Ok(vec![Party::Anything]),
            SelectorKind::User(login) => match self.names.user(login) {
                Some(user) => Ok(vec![Party::Person(user.login.clone())]),
                None => Err(unknown("user")),
            },
            SelectorKind::Group(group) => {
                let members = model.group(group).ok_or_else(|| unknown("group"))?;
                let known = members.iter().filter_map(|it| self.names.user(&it.value));
                nobody_is_wrong(known.map(person).collect(), name)
            }
            SelectorKind::Tag(tag) => match model.owners(tag) {
                Some(_) => Ok(vec![Party::Tagged(tag.clone())]),
                None => Err(unknown("tag")),
            },
            SelectorKind::Autogroup(group) => self.autogroup(group, name),
            SelectorKind::Service(service) => Ok(vec![Party::Service(service.clone())]),
            SelectorKind::Domain(_) => {
                let fits = |it: &&User| self.is_person(&selector, &it.login);
                nobody_is_wrong(
                    self.inventory.users.iter().filter(fits).map(person).collect(),
                    name,
                )
            }
            SelectorKind::Host(host) => {
                let address = model.host(host).ok_or_else(|| unknown("host"))?;
                self.one_address(address.value.trim(), name)
            }
            SelectorKind::Addresses(_) => self.one_address(&selector.text, name),
            SelectorKind::IpSet(_) | SelectorKind::Other(_) => {
                Err(format!("{name:?}: invalid address"))
            }
        }
    }

    fn autogroup(&self, group: &str, name: &str) -> Result<Vec<Party>, String> {
        match group {
            "self" => Ok(vec![Party::Own]),
            "tagged" => {
                let tags = self.policy.model.tag_owners.iter();
                Ok(tags.map(|it| Party::Tagged(it.name.value.clone())).collect())
            }
            "danger-all" => Ok(vec![Party::Anything]),
            "internet" | "nonroot" => Err(format!("{name:?} is nobody in particular")),
            _ => {
                let fits = |it: &&User| in_autogroup(group, it);
                let users = self.inventory.users.iter().filter(fits);
                nobody_is_wrong(users.map(person).collect(), name)
            }
        }
    }

    fn one_address(&self, text: &str, name: &str) -> Result<Vec<Party>, String> {
        let span: super::Span = text.parse().map_err(|_| format!("{name:?}: invalid address"))?;
        // A host defined as a `/32` or `/128` prefix is fine, but the test itself must not use one.
        if !span.is_one() || (text == name && text.contains('/')) {
            return Err(format!("{name:?} is not one address"));
        }
        let device = self.names.at(span.first());
        Ok(vec![device.map_or(Party::Address(span.first()), Party::Device)])
    }

    /// Whether a selector in a rule includes a party.
    pub(super) fn means(&self, selector: &Selector, party: &Party) -> bool {
        match party {
            Party::Device(index) => {
                let set = self.names.look(selector);
                !matches!(set.special, Special::Own | Special::Internet) && set.has(*index)
            }
            Party::Person(login) => {
                self.is_person(selector, login) || self.is_on_all_devices(selector, login)
            }
            Party::Tagged(tag) => match &selector.kind {
                SelectorKind::Any => true,
                SelectorKind::Tag(it) => it == tag,
                SelectorKind::Autogroup(it) => matches!(it.as_str(), "tagged" | "danger-all"),
                _ => false,
            },
            Party::Address(address) => self.is_at(selector, *address),
            Party::Service(service) => match &selector.kind {
                SelectorKind::Any => true,
                SelectorKind::Service(it) => it == service,
                _ => false,
            },
            Party::Anything => {
                matches!(selector.kind, SelectorKind::Any) || selector.is_autogroup("danger-all")
            }
            Party::Own => matches!(selector.kind, SelectorKind::Any),
        }
    }

    fn is_person(&self, selector: &Selector, login: &str) -> bool {
        let is_in = |name: &str| self.names.user(login).is_some_and(|it| in_autogroup(name, it));
        match &selector.kind {
            SelectorKind::Any => true,
            SelectorKind::User(it) => it.eq_ignore_ascii_case(login),
            SelectorKind::Domain(domain) => {
                login.rsplit_once('@').is_some_and(|(_, it)| it.eq_ignore_ascii_case(domain))
            }
            SelectorKind::Group(group) => self.names.members_of(group).is_some_and(|members| {
                members.logins.contains(&login.to_ascii_lowercase())
                    || members.autogroups.iter().any(|name| is_in(name))
            }),
            SelectorKind::Autogroup(name) => is_in(name),
            _ => false,
        }
    }

    /// Whether an address selector covers all devices of a user.
    fn is_on_all_devices(&self, selector: &Selector, login: &str) -> bool {
        let written = matches!(
            selector.kind,
            SelectorKind::Addresses(_) | SelectorKind::Host(_) | SelectorKind::IpSet(_)
        );
        if !written {
            return false;
        }
        let devices = self.names.of_user(login);
        !devices.is_empty() && {
            let set = self.names.look(selector);
            devices.iter().all(|it| set.has(*it))
        }
    }

    fn is_at(&self, selector: &Selector, address: IpAddr) -> bool {
        let set = self.names.look(selector);
        match set.special {
            Special::Any | Special::Everything => true,
            Special::Internet => INTERNET.iter().any(|it| it.contains(address)),
            Special::Own => false,
            Special::None => set.spans.iter().any(|it| it.contains(address)),
        }
    }

    /// Whether a rule applies to a source: the rule names it, and it satisfies the rule's device posture.
    pub(super) fn is_source(
        &self,
        rule: &Rule,
        party: &Party,
        posture: Option<&Attributes>,
    ) -> bool {
        let model = &self.policy.model;
        let needed = if rule.posture.is_empty() { &model.default_posture } else { &rule.posture };
        let is_fit = needed.is_empty()
            || posture.is_some_and(|attributes| {
                posture::fits(model, needed.iter().map(|it| it.value.as_str()), attributes)
            });
        is_fit && rule.src.iter().any(|it| self.means(it, party))
    }

    /// The ports on which a rule lets a source reach a destination. Does not check that the rule is for
    /// that source.
    pub(super) fn ports_of<'r>(
        &self,
        rule: &'r Rule,
        source: &'r Party,
        target: &'r Party,
    ) -> impl Iterator<Item = &'r Ports> + use<'r, '_> {
        let person = self.person_of(source).map(str::to_owned);
        let same = match target {
            Party::Own => person.is_some(),
            other => person.is_some() && self.person_of(other).map(str::to_owned) == person,
        };
        let own = person.map(Party::Person);
        let fits = move |it: &&super::model::Target| {
            if it.selector.is_autogroup("self") {
                return same;
            }
            let target = if *target == Party::Own { own.as_ref() } else { Some(target) };
            target.is_some_and(|target| self.means(&it.selector, target))
        };
        rule.dst.iter().filter(fits).flat_map(|it| it.ports.iter())
    }
}

fn person(user: &User) -> Party {
    Party::Person(user.login.clone())
}

fn nobody_is_wrong(parties: Vec<Party>, name: &str) -> Result<Vec<Party>, String> {
    if parties.is_empty() {
        Err(format!("{name:?} is nobody in this tailnet"))
    } else {
        Ok(parties)
    }
}

fn in_autogroup(name: &str, user: &User) -> bool {
    match name {
        "danger-all" => true,
        "shared" => user.is_shared,
        "member" | "members" => !user.is_shared,
        "admin" => !user.is_shared && matches!(user.role.as_str(), "admin" | "owner"),
        role => !user.is_shared && user.role == role,
    }
}

/// The groups that list a user as a member, to explain an answer.
pub(super) fn groups_of<'m>(model: &'m super::model::Model, login: &str) -> BTreeSet<&'m str> {
    let is_in = |it: &&super::model::Named<Vec<super::model::Text>>| {
        it.value.iter().any(|member| member.value.eq_ignore_ascii_case(login))
    };
    model.groups.iter().filter(is_in).map(|it| it.name.value.as_str()).collect()
}
