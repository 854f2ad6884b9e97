//! Generates the devices. Their types follow a fixed pattern of twenty, so that even a small tailnet has
//! each of them; the details are random.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::sync::Arc;

use fastrand::Rng;
use jiff::Timestamp;

use super::super::clock::later;
use super::super::devices::{
    Attribute, AttributeTypes, AttributeValue, Device, Devices, Hardware, Network, Relay, TAGGED,
    is_assignable, sanitize,
};
use super::super::ids;
use super::super::users::{Standing, User};
use super::DAY;
use super::pools::{
    ANDROIDS, CLIENT_VERSIONS, IPHONES, LINUX_LAPTOPS, MACS, Model, REGIONS, SERVERS, UNKNOWN,
    WINDOWS,
};

/// The login name of the partner who shares devices.
pub(crate) const PARTNER: &str = "robin.ashe@partner.example";

/// The DNS suffix of the partner's devices.
const PARTNER_SUFFIX: &str = "tail9c3e7a.ts.net";

/// Users who were away for more than this many days count as idle.
const IDLE_DAYS: i64 = 28;

/// The purpose of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Mac,
    Windows,
    LinuxLaptop,
    Iphone,
    Android,
    Web,
    Database,
    Kubernetes,
    Runner,
    Router,
    ExitNode,
}

/// Ten devices of users and ten servers.
const PATTERN: [Role; 20] = [
    Role::Mac,
    Role::Web,
    Role::Mac,
    Role::Database,
    Role::Iphone,
    Role::Router,
    Role::Windows,
    Role::Runner,
    Role::Web,
    Role::LinuxLaptop,
    Role::Kubernetes,
    Role::Mac,
    Role::ExitNode,
    Role::Android,
    Role::Runner,
    Role::Windows,
    Role::Web,
    Role::Iphone,
    Role::Kubernetes,
    Role::Mac,
];

impl Role {
    fn is_server(self) -> bool {
        matches!(
            self,
            Self::Web
                | Self::Database
                | Self::Kubernetes
                | Self::Runner
                | Self::Router
                | Self::ExitNode
        )
    }

    fn hardware(self) -> &'static [Model] {
        match self {
            Self::Mac => MACS,
            Self::Windows => WINDOWS,
            Self::LinuxLaptop => LINUX_LAPTOPS,
            Self::Iphone => IPHONES,
            Self::Android => ANDROIDS,
            _ => SERVERS,
        }
    }

    fn tags(self, block: usize) -> &'static [&'static str] {
        match self {
            Self::Web if block % 4 == 3 => &["tag:staging", "tag:web"],
            Self::Web => &["tag:prod", "tag:web"],
            Self::Database => &["tag:db", "tag:prod"],
            Self::Kubernetes => &["tag:k8s"],
            Self::Runner => &["tag:ci"],
            Self::Router | Self::ExitNode => &["tag:router"],
            _ => &[],
        }
    }

    /// The percentage of devices of this type that are online.
    fn uptime(self) -> u8 {
        match self {
            Self::Runner => 100,
            Self::Iphone | Self::Android => 52,
            Self::Mac | Self::Windows | Self::LinuxLaptop => 62,
            _ => 84,
        }
    }
}

/// Generates the devices of a tailnet.
pub(crate) fn devices(
    rng: &mut Rng,
    suffix: &Arc<str>,
    count: usize,
    members: &[&User],
    now: Timestamp,
    types: &mut AttributeTypes,
) -> Devices {
    let owners = members.iter().copied().filter(|user| user.standing != Standing::NeedsApproval);
    let owners: Vec<&User> = owners.collect();
    let mut factory = Factory {
        rng,
        suffix: Arc::clone(suffix),
        now,
        owners,
        next_owner: 0,
        numbers: HashMap::new(),
        made: Devices::default(),
    };
    for (at, role) in PATTERN.iter().copied().cycle().take(count).enumerate() {
        let device = factory.device(at, role);
        for (key, attribute) in &device.attributes {
            // Seeded values never contradict each other.
            let _ = types.learn(key, &attribute.value);
        }
        factory.made.insert(device);
    }
    factory.made
}

struct Factory<'a> {
    rng: &'a mut Rng,
    suffix: Arc<str>,
    now: Timestamp,
    owners: Vec<&'a User>,
    next_owner: usize,
    /// How often each base name was used.
    numbers: HashMap<String, u32>,
    made: Devices,
}

impl Factory<'_> {
    fn device(&mut self, at: usize, role: Role) -> Device {
        if at == 19 || at == 39 {
            return self.shared_in(at);
        }
        let mut device =
            if role.is_server() { self.server(at, role) } else { self.personal(at, role) };
        self.set_presence(&mut device, role);
        device
    }

    /// A device with the properties that all types have.
    fn blank(&mut self, role: Role, hostname: String) -> Device {
        let name = self.unique_name(&sanitize(&hostname));
        Device {
            id: self.rng.u64(1_000_000_000_000_000..9_000_000_000_000_000).to_string(),
            node_id: ids::stable(self.rng, 'n'),
            user: TAGGED.into(),
            name,
            hostname,
            hardware: self.hardware(role),
            network: self.network(),
            created: self.now,
            expires: self.now,
            key_expiry_disabled: false,
            online: true,
            has_schedule: false,
            seen: None,
            authorized: true,
            is_ephemeral: false,
            blocks_incoming: false,
            ssh_enabled: false,
            multiple_connections: false,
            lock_error: String::new(),
            tags: Vec::new(),
            advertised_routes: Vec::new(),
            enabled_routes: Vec::new(),
            attributes: std::collections::BTreeMap::new(),
            key_seed: self.rng.u64(..),
            suffix: Arc::clone(&self.suffix),
            is_external: false,
        }
    }

    fn server(&mut self, at: usize, role: Role) -> Device {
        let block = at / PATTERN.len();
        let prefix = match role {
            Role::Web => "web",
            Role::Database => "db",
            Role::Kubernetes => "k8s-node",
            Role::Runner => "build-runner",
            Role::Router => "subnet-router",
            _ => "exit-node",
        };
        let number = self.number(prefix);
        let hostname = match role {
            Role::Runner => format!("{prefix}-{number}"),
            _ => format!("{prefix}-{number:02}"),
        };
        let mut device = self.blank(role, hostname);
        let age = self.rng.i64(10 * DAY..700 * DAY);
        device.created = later(self.now, -age);
        if role == Role::Runner {
            device.is_ephemeral = true;
            device.created = later(self.now, -self.rng.i64(600..12 * 3600));
        }
        device.expires = later(device.created, 180 * DAY);
        device.key_expiry_disabled = true;
        device.tags = role.tags(block).iter().map(|tag| (*tag).to_owned()).collect();
        device.ssh_enabled = role != Role::Kubernetes && self.rng.u8(..4) > 0;
        (device.advertised_routes, device.enabled_routes) = routes(role, block);
        if matches!(role, Role::Web | Role::Database) {
            let tier = if block.is_multiple_of(2) { "gold" } else { "silver" };
            let value = AttributeValue::Text(tier.to_owned());
            device.attributes.insert("custom:tier".to_owned(), Attribute { value, expires: None });
        }
        device
    }

    fn personal(&mut self, at: usize, role: Role) -> Device {
        let block = at / PATTERN.len();
        let owner = self.owners.get(self.next_owner % self.owners.len().max(1)).copied();
        self.next_owner += 1;
        let first = owner.and_then(|user| user.display_name.split(' ').next()).unwrap_or("My");
        let hostname = match role {
            Role::Mac if block.is_multiple_of(2) => format!("{first}s-MacBook-Pro"),
            Role::Mac => format!("{first}s-MacBook-Air"),
            Role::Windows => format!("DESKTOP-{}", ids::letters(self.rng, 7).to_uppercase()),
            Role::LinuxLaptop => format!("{}-thinkpad", first.to_lowercase()),
            Role::Iphone => format!("{first}s-iPhone"),
            _ => format!("{first}s-Pixel-9"),
        };
        let mut device = self.blank(role, hostname);
        let age = self.rng.i64(3 * DAY..900 * DAY);
        device.created = later(self.now, -age);
        if let Some(owner) = owner {
            device.user = Arc::clone(&owner.login_name);
            device.created = device.created.max(owner.created);
            device.online = owner.standing == Standing::Good;
            if owner.signed_in < later(self.now, -IDLE_DAYS * DAY) {
                // The devices of users who are away are offline.
                device.online = false;
                device.created = device.created.min(owner.signed_in);
                device.seen = Some(owner.signed_in);
            }
        }
        let left = match at % PATTERN.len() {
            6 if block.is_multiple_of(2) => self.rng.i64(DAY..6 * DAY),
            9 if block.is_multiple_of(3) => -self.rng.i64(DAY..60 * DAY),
            _ => self.rng.i64(10 * DAY..175 * DAY),
        };
        device.expires = later(self.now, left);
        device.key_expiry_disabled = at % PATTERN.len() == 2 && block.is_multiple_of(4);
        device.authorized = at != 17 && self.rng.u8(..50) > 0;
        device.blocks_incoming = self.rng.u8(..8) == 0;
        device.multiple_connections = at == 40;
        self.describe(&mut device, role);
        device
    }

    /// Sets the custom attributes of users' devices.
    fn describe(&mut self, device: &mut Device, role: Role) {
        if matches!(role, Role::Mac | Role::Windows) {
            let value = AttributeValue::Flag(self.rng.u8(..6) > 0);
            let attribute = Attribute { value, expires: None };
            device.attributes.insert("custom:diskEncrypted".to_owned(), attribute);
        }
        if self.rng.u8(..4) == 0 {
            let value = AttributeValue::Number(self.rng.i64(0..100));
            let expires = Some(later(self.now, self.rng.i64(DAY..30 * DAY)));
            device.attributes.insert("custom:riskScore".to_owned(), Attribute { value, expires });
        }
    }

    /// A device shared in from another tailnet.
    fn shared_in(&mut self, at: usize) -> Device {
        let hostname = if at == 19 { "partner-nas" } else { "partner-build-host" };
        let mut device = self.blank(Role::Web, hostname.to_owned());
        device.user = PARTNER.into();
        device.is_external = true;
        device.suffix = PARTNER_SUFFIX.into();
        device.hardware.distro = None;
        device.key_expiry_disabled = true;
        device.online = at == 19;
        device
    }

    fn set_presence(&mut self, device: &mut Device, role: Role) {
        if device.seen.is_some() {
            return;
        }
        device.online = device.online && self.rng.u8(..100) < role.uptime();
        let ago = match self.rng.u8(..10) {
            0 | 1 => self.rng.i64(300..3600),
            2..=4 => self.rng.i64(3600..DAY),
            5..=7 => self.rng.i64(DAY..28 * DAY),
            _ => self.rng.i64(28 * DAY..180 * DAY),
        };
        let seen = later(self.now, -ago).max(later(device.created, 60));
        let seen = if device.key_expired(self.now) { seen.min(device.expires) } else { seen };
        device.seen = Some(seen);
    }

    fn hardware(&mut self, role: Role) -> Hardware {
        let model = self.rng.choice(role.hardware()).copied().unwrap_or(UNKNOWN);
        let newest = CLIENT_VERSIONS.len() - 1;
        let chosen = if self.rng.u8(..100) < 45 { newest } else { self.rng.usize(..=newest) };
        model.with(CLIENT_VERSIONS.get(chosen).copied().unwrap_or_default(), chosen != newest)
    }

    fn network(&mut self) -> Network {
        let mut ipv4 = Ipv4Addr::from(0x6440_0000 | self.rng.u32(..1 << 22));
        while !is_assignable(ipv4) || !self.made.address_is_free(ipv4) {
            ipv4 = Ipv4Addr::from(0x6440_0000 | self.rng.u32(..1 << 22));
        }
        let [a, b, c, d] = ipv4.octets().map(u16::from);
        let (high, low) = ((a << 8) ^ 0xC500 | b, (c << 8) | d);
        let ipv6 = Ipv6Addr::new(0xfd7a, 0x115c, 0xa1e0, 0, 0, 0, high, low);
        let port = self.rng.u16(30_000..60_000);
        let public = Ipv4Addr::new(203, 0, 113, self.rng.u8(1..255));
        let inside = Ipv4Addr::new(192, 168, self.rng.u8(0..20), self.rng.u8(2..250));
        let near = self.rng.choice(REGIONS).copied().unwrap_or_default();
        Network {
            ipv4,
            ipv6,
            endpoints: [SocketAddrV4::new(public, port), SocketAddrV4::new(inside, 41_641)],
            relays: near.map(|(region, typical)| Relay {
                region: region.into(),
                microseconds: typical + self.rng.u32(0..typical.max(1)),
            }),
            hard_nat: self.rng.u8(..6) == 0,
            ipv6_works: self.rng.bool(),
        }
    }

    fn number(&mut self, base: &str) -> u32 {
        let number = self.numbers.entry(base.to_owned()).or_default();
        *number += 1;
        *number
    }

    /// The name for the first device, then the name with a number, as in the real service.
    fn unique_name(&mut self, base: &str) -> String {
        let mut name = base.to_owned();
        while !self.made.name_is_free(&name) {
            name = format!("{base}-{}", self.number(base));
        }
        name
    }
}

/// The advertised and the approved routes of a device.
fn routes(role: Role, block: usize) -> (Vec<String>, Vec<String>) {
    let mut advertised = match role {
        Role::Router => vec![
            format!("10.{}.0.0/16", 20 + (block * 10) % 230),
            format!("192.168.{}.0/24", block % 250),
        ],
        Role::ExitNode => vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
        _ => Vec::new(),
    };
    advertised.sort();
    let enabled = match (role, block % 3) {
        (_, 1) => Vec::new(),
        (Role::Router, 0) => advertised.iter().take(1).cloned().collect(),
        _ => advertised.clone(),
    };
    (advertised, enabled)
}
