//! Resolves selectors of a policy file to devices and addresses.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use super::bits::Bits;
use crate::{
    address::Span,
    inventory::{Inventory, User},
    ip_sets::{IpSets, merged},
    model::{Model, Text},
    posture,
    selector::{Selector, SelectorKind},
    validate::{ROLES, is_autogroup},
};

/// What a selector resolves to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Set {
    /// Devices matched by identity (user, tag or group).
    pub(crate) devices: Bits,
    /// Addresses matched literally.
    pub(crate) spans: Vec<Span>,
    /// Devices that have one of the addresses in `spans`.
    pub(crate) at_spans: Bits,
    pub(crate) special: Special,
}

/// Selectors whose meaning is more than a list of devices and addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Special {
    #[default]
    None,
    /// `*`
    Any,
    /// `autogroup:danger-all`
    Everything,
    /// `autogroup:internet`
    Internet,
    /// `autogroup:self`
    Own,
}

impl Set {
    fn none(count: usize) -> Self {
        Self {
            devices: Bits::none(count),
            spans: Vec::new(),
            at_spans: Bits::none(count),
            special: Special::None,
        }
    }

    /// Whether the selector resolves to nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.special == Special::None && self.devices.is_empty() && self.spans.is_empty()
    }

    /// Whether a device is included, by identity or by address.
    pub(crate) fn has(&self, device: usize) -> bool {
        matches!(self.special, Special::Any | Special::Everything)
            || self.devices.has(device)
            || self.at_spans.has(device)
    }
}

/// The devices of the inventory, indexed by the names that a policy file uses.
pub(crate) struct Names<'n> {
    pub(crate) model: &'n Model,
    pub(crate) inventory: &'n Inventory,
    /// The users, by login name in lower case.
    users: HashMap<String, &'n User>,
    members_of: HashMap<&'n str, Members<'n>>,
    /// The devices that satisfy each posture that was asked for.
    fitting: HashMap<String, Bits>,
    of_user: HashMap<String, Vec<usize>>,
    of_tag: HashMap<&'n str, Vec<usize>>,
    members: Bits,
    tagged: Bits,
    at_address: BTreeMap<IpAddr, usize>,
    ip_sets: IpSets<'n>,
    known: HashMap<String, Arc<Set>>,
}

/// The members of a group.
#[derive(Default)]
pub(crate) struct Members<'n> {
    /// Login names in lower case.
    pub(crate) logins: HashSet<String>,
    /// The names of autogroups that exist, without `autogroup:`.
    pub(crate) autogroups: BTreeSet<&'n str>,
}

impl<'n> Members<'n> {
    fn of(members: &'n [Text]) -> Self {
        let mut all = Self::default();
        for member in members {
            match member.value.strip_prefix("autogroup:") {
                Some(name) if is_autogroup(name) => drop(all.autogroups.insert(name)),
                Some(_) => {}
                None => drop(all.logins.insert(member.value.to_ascii_lowercase())),
            }
        }
        all
    }
}

impl<'n> Names<'n> {
    pub(crate) fn new(model: &'n Model, inventory: &'n Inventory) -> Self {
        let count = inventory.devices.len();
        let mut names = Self {
            model,
            inventory,
            users: HashMap::with_capacity(inventory.users.len()),
            members_of: HashMap::with_capacity(model.groups.len()),
            fitting: HashMap::new(),
            of_user: HashMap::new(),
            of_tag: HashMap::new(),
            members: Bits::none(count),
            tagged: Bits::none(count),
            at_address: BTreeMap::new(),
            ip_sets: IpSets::of(model),
            known: HashMap::new(),
        };
        for user in &inventory.users {
            names.users.entry(user.login.to_ascii_lowercase()).or_insert(user);
        }
        for group in &model.groups {
            names.members_of.insert(&group.name.value, Members::of(&group.value));
        }
        for (index, device) in inventory.devices.iter().enumerate() {
            for address in &device.addresses {
                names.at_address.insert(*address, index);
            }
            for tag in &device.tags {
                names.of_tag.entry(tag).or_default().push(index);
            }
            if device.is_tagged() {
                names.tagged.add(index);
                continue;
            }
            let login = device.user.to_ascii_lowercase();
            names.of_user.entry(login).or_default().push(index);
            if !device.is_shared_in {
                names.members.add(index);
            }
        }
        names
    }

    pub(crate) fn count(&self) -> usize {
        self.inventory.devices.len()
    }

    /// The device that has this address.
    pub(crate) fn at(&self, address: IpAddr) -> Option<usize> {
        self.at_address.get(&address).copied()
    }

    /// The user with this login name; upper and lower case are the same.
    pub(crate) fn user(&self, login: &str) -> Option<&'n User> {
        self.users.get(&login.to_ascii_lowercase()).copied()
    }

    pub(crate) fn members_of(&self, group: &str) -> Option<&Members<'n>> {
        self.members_of.get(group)
    }

    /// The devices of a user.
    pub(crate) fn of_user(&self, login: &str) -> &[usize] {
        self.of_user.get(&login.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The devices and addresses of a selector. The result is cached.
    pub(crate) fn set(&mut self, selector: &Selector) -> Arc<Set> {
        if let Some(set) = self.known.get(&selector.text) {
            return Arc::clone(set);
        }
        let set = Arc::new(self.resolve(selector));
        self.known.insert(selector.text.clone(), Arc::clone(&set));
        set
    }

    /// All cached selectors and their results.
    pub(crate) fn known(&self) -> impl Iterator<Item = (&str, &Set)> {
        self.known.iter().map(|(name, set)| (name.as_str(), &**set))
    }

    /// The devices and addresses of a selector, without caching the result.
    pub(crate) fn look(&self, selector: &Selector) -> Arc<Set> {
        let known = self.known.get(&selector.text).map(Arc::clone);
        known.unwrap_or_else(|| Arc::new(self.resolve(selector)))
    }

    fn resolve(&self, selector: &Selector) -> Set {
        let mut set = Set::none(self.count());
        match &selector.kind {
            SelectorKind::Any => set.special = Special::Any,
            SelectorKind::User(login) => self.add_user(&mut set, login),
            SelectorKind::Domain(domain) => {
                self.add_users(&mut set, |user| {
                    user.parts().is_some_and(|(_, it)| it.eq_ignore_ascii_case(domain))
                });
            }
            SelectorKind::Group(name) => {
                for member in self.model.group(name).unwrap_or_default() {
                    match member.value.strip_prefix("autogroup:") {
                        Some(name) => self.add_autogroup(&mut set, name),
                        None => self.add_user(&mut set, &member.value),
                    }
                }
            }
            SelectorKind::Tag(tag) => {
                for device in self.of_tag.get(tag.as_str()).into_iter().flatten() {
                    set.devices.add(*device);
                }
            }
            SelectorKind::Autogroup(name) => self.add_autogroup(&mut set, name),
            SelectorKind::Service(name) => {
                let service = self.inventory.services.iter().find(|it| it.name == *name);
                let addresses = service.map(|it| it.addresses.as_slice()).unwrap_or_default();
                set.spans.extend(addresses.iter().map(|it| Span::one(*it)));
                // A device that hosts the service receives the service's traffic.
                let is_host = |it: &&crate::inventory::Device| {
                    service.is_some_and(|service| service.hosts.contains(&it.id))
                };
                for (index, _) in
                    self.inventory.devices.iter().enumerate().filter(|it| is_host(&it.1))
                {
                    set.at_spans.add(index);
                }
            }
            SelectorKind::IpSet(name) => set.spans.extend_from_slice(self.ip_sets.ranges(name)),
            SelectorKind::Addresses(span) => set.spans.push(*span),
            SelectorKind::Host(name) => {
                let address = self.model.host(name).map(|it| it.value.trim().parse::<Span>());
                set.spans.extend(address.and_then(Result::ok));
            }
            SelectorKind::Other(_) => {}
        }
        self.find_at_spans(&mut set);
        set
    }

    fn add_user(&self, set: &mut Set, login: &str) {
        for device in self.of_user(login) {
            set.devices.add(*device);
        }
    }

    fn add_users(&self, set: &mut Set, fits: impl Fn(&User) -> bool) {
        for user in self.inventory.users.iter().filter(|it| fits(it)) {
            self.add_user(set, &user.login);
        }
    }

    fn add_autogroup(&self, set: &mut Set, name: &str) {
        match name {
            "member" | "members" => set.devices.add_all(&self.members),
            "tagged" => set.devices.add_all(&self.tagged),
            "self" => set.special = Special::Own,
            "internet" => set.special = Special::Internet,
            "danger-all" => set.special = Special::Everything,
            "shared" => self.add_users(set, |it| it.is_shared),
            // The owner of the tailnet counts as an admin.
            "admin" => self.add_users(set, |it| matches!(it.role.as_str(), "admin" | "owner")),
            role if ROLES.contains(&role) => self.add_users(set, |it| it.role == role),
            _ => {}
        }
    }

    /// Finds the devices that have one of the addresses.
    fn find_at_spans(&self, set: &mut Set) {
        for span in merged(set.spans.clone()) {
            for (_, device) in self.at_address.range(span.first()..=span.last()) {
                set.at_spans.add(*device);
            }
        }
    }

    /// The devices that satisfy one of the postures; `None` if `postures` is empty. A device whose posture
    /// attributes were not fetched counts as satisfying them.
    pub(crate) fn fit(&mut self, postures: &[Text]) -> Option<Bits> {
        if postures.is_empty() {
            return None;
        }
        let mut all = Bits::none(self.count());
        for posture in postures {
            let name = &posture.value;
            if !self.fitting.contains_key(name) {
                self.fitting.insert(name.clone(), self.fit_one(name));
            }
            if let Some(devices) = self.fitting.get(name) {
                all.add_all(devices);
            }
        }
        Some(all)
    }

    /// Whether a device satisfies one of the postures.
    pub(crate) fn meets(&self, postures: &[Text], device: &crate::inventory::Device) -> bool {
        let names = postures.iter().map(|posture| posture.value.as_str());
        device.posture.as_ref().is_none_or(|it| posture::fits(self.model, names, it))
    }

    fn fit_one(&self, posture: &str) -> Bits {
        let conditions = self.model.posture(posture).map(posture::parsed);
        let fits = |device: &crate::inventory::Device| match (&device.posture, &conditions) {
            (None, _) => true,
            (Some(attributes), Some(Some(conditions))) => posture::hold(conditions, attributes),
            _ => false,
        };
        let devices = self.inventory.devices.iter().enumerate().filter(|(_, it)| fits(it));
        Bits::of(self.count(), devices.map(|(index, _)| index))
    }
}
