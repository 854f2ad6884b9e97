//! The users, devices and services of a tailnet, as far as policy files refer to them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::IpNet;
use serde_json::Value;

/// The users, devices and services that a policy file is evaluated for.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Inventory {
    /// The name of the tailnet: `example.com`, or the login name of a single user.
    pub tailnet: String,
    /// The users.
    pub users: Vec<User>,
    /// The devices, including those shared in from other tailnets.
    pub devices: Vec<Device>,
    /// The Tailscale Services.
    pub services: Vec<Service>,
}

/// A user of the tailnet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The login name: `ann@example.com`.
    pub login: String,
    /// The role as in the API: `owner`, `admin`, `member`. Empty if unknown.
    pub role: String,
    /// Whether the user belongs to another tailnet and has a device shared with them.
    pub is_shared: bool,
}

/// A device of the tailnet.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Device {
    /// The device ID, as in the API.
    pub id: String,
    /// The short name of the device.
    pub name: String,
    /// Its Tailscale IP addresses.
    pub addresses: Vec<IpAddr>,
    /// Its tags. A tagged device has no user.
    pub tags: Vec<String>,
    /// The login name of the user who added it. Ignored for tagged devices.
    pub user: String,
    /// The routes that the device advertises.
    pub advertised_routes: Vec<IpNet>,
    /// The routes that are approved, whether advertised or not.
    pub enabled_routes: Vec<IpNet>,
    /// Whether the device was shared in from another tailnet.
    pub is_shared_in: bool,
    /// Why the device cannot communicate, whatever the policy file allows: `not connected`.
    pub troubles: Vec<String>,
    /// Device posture attributes such as `node:os` and `custom:tier`. `None` if they were not fetched.
    pub posture: Option<BTreeMap<String, Value>>,
}

/// A Tailscale Service: a name with its own addresses.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Service {
    /// The name: `svc:web`.
    pub name: String,
    /// The addresses of the service.
    pub addresses: Vec<IpAddr>,
    /// The IDs of the devices that host it.
    pub hosts: Vec<String>,
}

impl Service {
    /// A service without hosts.
    pub fn new(name: impl Into<String>, addresses: Vec<IpAddr>) -> Self {
        Self { name: name.into(), addresses, hosts: Vec::new() }
    }
}

impl Inventory {
    /// An empty tailnet with this name.
    pub fn named(tailnet: impl Into<String>) -> Self {
        Self { tailnet: tailnet.into(), ..Self::default() }
    }

    /// The user with this login name; upper and lower case are the same.
    pub fn user(&self, login: &str) -> Option<&User> {
        self.users.iter().find(|it| it.login.eq_ignore_ascii_case(login))
    }
}

impl User {
    /// A user of this tailnet.
    pub fn new(login: impl Into<String>, role: impl Into<String>) -> Self {
        Self { login: login.into(), role: role.into(), is_shared: false }
    }

    /// The parts of the login name before and after the `@`.
    pub fn parts(&self) -> Option<(&str, &str)> {
        self.login.rsplit_once('@')
    }
}

impl Device {
    /// An untagged device without a user; its ID is its name.
    pub fn new(name: impl Into<String>, addresses: Vec<IpAddr>) -> Self {
        let name = name.into();
        Self { id: name.clone(), name, addresses, ..Self::default() }
    }

    /// Whether the device has tags, and therefore no user.
    pub fn is_tagged(&self) -> bool {
        !self.tags.is_empty()
    }

    /// The subnet routes that are both advertised and approved. Exit node routes are not included.
    pub fn subnets(&self) -> impl Iterator<Item = &IpNet> {
        self.served().filter(|it| it.prefix_len() > 0)
    }

    /// Whether the device is an approved exit node.
    pub fn is_exit_node(&self) -> bool {
        self.served().any(|it| it.prefix_len() == 0)
    }

    fn served(&self) -> impl Iterator<Item = &IpNet> {
        self.enabled_routes.iter().filter(|it| self.advertised_routes.contains(it))
    }

    /// The device's IPv4 address.
    pub fn ipv4(&self) -> Option<Ipv4Addr> {
        self.addresses.iter().find_map(|it| if let IpAddr::V4(it) = it { Some(*it) } else { None })
    }
}
