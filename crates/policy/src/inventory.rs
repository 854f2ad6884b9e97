//! What there is in a tailnet, as far as a policy file speaks of it.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::IpNet;
use serde_json::Value;

/// The people, devices and services that a policy file is judged for.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Inventory {
    /// The tailnet's name: `example.com`, or the address of a person.
    pub tailnet: String,
    /// Who is in it.
    pub users: Vec<User>,
    /// What is in it.
    pub devices: Vec<Device>,
    /// Names with addresses of their own, which devices answer for.
    pub services: Vec<Service>,
}

/// A person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// How they sign in: `ann@example.com`.
    pub login: String,
    /// `owner`, `admin`, `member` …, as the API writes it. Empty if it is not known.
    pub role: String,
    /// They are of another tailnet, and something was shared with them.
    pub is_shared: bool,
}

/// A device.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Device {
    /// Its id, as the API has it.
    pub id: String,
    /// Its short name.
    pub name: String,
    /// Its addresses in the tailnet.
    pub addresses: Vec<IpAddr>,
    /// Its tags. A device with tags belongs to nobody.
    pub tags: Vec<String>,
    /// Who signed it in; what it says does not count where there are tags.
    pub user: String,
    /// The routes that it offers.
    pub advertised_routes: Vec<IpNet>,
    /// The routes that it may serve, whether it offers them or not.
    pub enabled_routes: Vec<IpNet>,
    /// It is of another tailnet, and was shared with this one.
    pub is_shared_in: bool,
    /// What keeps it from talking whatever the policy file says: `not connected`.
    pub troubles: Vec<String>,
    /// Its posture: `node:os`, `custom:tier`. None if nobody asked for it.
    pub posture: Option<BTreeMap<String, Value>>,
}

/// A service: a name with addresses of its own.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Service {
    /// Its name: `svc:web`.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The ids of the devices that may answer for it.
    pub hosts: Vec<String>,
}

impl Service {
    /// A service that no device answers for yet.
    pub fn new(name: impl Into<String>, addresses: Vec<IpAddr>) -> Self {
        Self { name: name.into(), addresses, hosts: Vec::new() }
    }
}

impl Inventory {
    /// A tailnet with nothing in it.
    pub fn named(tailnet: impl Into<String>) -> Self {
        Self { tailnet: tailnet.into(), ..Self::default() }
    }

    /// The person who signs in as `login`.
    pub fn user(&self, login: &str) -> Option<&User> {
        self.users.iter().find(|it| it.login.eq_ignore_ascii_case(login))
    }
}

impl User {
    /// A person of this tailnet.
    pub fn new(login: impl Into<String>, role: impl Into<String>) -> Self {
        Self { login: login.into(), role: role.into(), is_shared: false }
    }

    /// What stands before and behind the `@`.
    pub fn parts(&self) -> Option<(&str, &str)> {
        self.login.rsplit_once('@')
    }
}

impl Device {
    /// A device with a name and addresses, which belongs to nobody yet.
    pub fn new(name: impl Into<String>, addresses: Vec<IpAddr>) -> Self {
        let name = name.into();
        Self { id: name.clone(), name, addresses, ..Self::default() }
    }

    /// Whether it has tags, and so belongs to nobody.
    pub fn is_tagged(&self) -> bool {
        !self.tags.is_empty()
    }

    /// The subnets that it really serves: offered and allowed. Exit routes do not count.
    pub fn subnets(&self) -> impl Iterator<Item = &IpNet> {
        self.served().filter(|it| it.prefix_len() > 0)
    }

    /// Whether others can reach the internet through it.
    pub fn is_exit_node(&self) -> bool {
        self.served().any(|it| it.prefix_len() == 0)
    }

    fn served(&self) -> impl Iterator<Item = &IpNet> {
        self.enabled_routes.iter().filter(|it| self.advertised_routes.contains(it))
    }

    /// Its address of the fourth version, which people know it by.
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        self.addresses.iter().find_map(|it| if let IpAddr::V4(it) = it { Some(*it) } else { None })
    }
}
