//! A summary of the tailnet's status.

use std::{cmp::Reverse, collections::BTreeMap};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

#[cfg(feature = "server")]
pub(crate) mod tools;

#[cfg(feature = "journal")]
use crate::tailnet::{devices::device::relative, monitoring::Watched};
use crate::{
    Error, ErrorKind, Operation,
    client::{
        Result,
        call::{Call, member},
    },
    tailnet::{
        Tailnet,
        devices::{Device, KeyState},
    },
    words::counted,
};

/// How long before its expiry a key is reported: a week.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The network status of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    tailnet: &'a Tailnet,
}

/// Counts of the tailnet's own devices. Shared-in devices are counted only in `shared_in`.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct DeviceCounts {
    /// Number of own devices.
    pub total: usize,
    /// Devices that are connected.
    pub online: usize,
    /// Devices that need approval.
    pub waiting: usize,
    /// Devices whose key has expired.
    pub key_expired: usize,
    /// Devices whose key expires within a week.
    pub key_expires_soon: usize,
    /// Devices whose client can be updated.
    pub updates: usize,
    /// Devices shared in from other tailnets.
    pub shared_in: usize,
    /// Devices by operating system, the most common first.
    pub by_os: Vec<(String, usize)>,
}

/// Counts of subnet routers or exit nodes.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Routers {
    /// Number of devices with an enabled route.
    pub serving: usize,
    /// Names of those that are offline.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offline: Vec<String>,
}

/// The status of the network.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Counts of devices.
    pub devices: DeviceCounts,
    /// Subnet routers.
    pub subnet_routers: Routers,
    /// Exit nodes.
    pub exit_nodes: Routers,
    /// Number of users by status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<BTreeMap<String, usize>>,
    /// Whether MagicDNS is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub magic_dns: Option<bool>,
    /// What needs attention.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attention: Vec<String>,
    /// Since when the tailnet is watched; absent if it is not.
    #[cfg(feature = "journal")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watched: Option<Watched>,
    /// The score of the last audit, and when that was; absent if none was kept.
    #[cfg(feature = "journal")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<String>,
    /// What could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl<'a> Network<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Summarizes devices (`GET /tailnet/{tailnet}/devices`), users
    /// (`GET /tailnet/{tailnet}/users`) and MagicDNS (`GET /tailnet/{tailnet}/dns/preferences`). If
    /// users or DNS cannot be read, a note says so.
    ///
    /// # Errors
    ///
    /// Same as [`Devices::list`](crate::tailnet::devices::Devices::list).
    pub async fn status(&self, now: Timestamp) -> Result<Status> {
        let client = self.tailnet.client();
        let (devices, users, dns) = futures_util::join!(
            async { self.tailnet.devices().list().await },
            async { self.tailnet.users().list().await },
            async { client.call(Operation::GetDnsPreferences, Call::default()).await },
        );
        let devices = devices?;
        let mut notes = Vec::new();
        let users = noted(users, "people", &mut notes).map(|users| {
            let mut by_status = BTreeMap::new();
            for user in users.iter() {
                let status = user.status.as_ref().map(ToString::to_string);
                *by_status.entry(status.unwrap_or_else(|| "unknown".to_owned())).or_default() += 1;
            }
            by_status
        });
        let dns = noted(dns, "DNS", &mut notes);
        #[cfg(feature = "journal")]
        let watched = self.tailnet.monitoring().watched(now).await;
        #[cfg(feature = "journal")]
        let watched = noted(watched, "the history", &mut notes).flatten();
        #[cfg(feature = "journal")]
        let last = noted(self.tailnet.compliance().last().await, "the last audit", &mut notes);
        #[cfg(feature = "journal")]
        let score = last.flatten().map(|it| format!("{} ({})", it.score, relative(it.at, now)));
        let own: Vec<&Device> = devices.iter().filter(|it| !it.is_shared_in()).collect();
        let counts = counts(&own, devices.len() - own.len(), now);
        let subnet_routers = routers(&own, |it| serves(it, |it| !is_all(it)));
        let exit_nodes = routers(&own, |it| serves(it, is_all));
        let mut status = Status {
            devices: counts,
            subnet_routers,
            exit_nodes,
            users,
            magic_dns: dns.as_ref().and_then(|it| member(it, "magicDNS")?.as_bool()),
            attention: Vec::new(),
            #[cfg(feature = "journal")]
            watched,
            #[cfg(feature = "journal")]
            score,
            notes,
        };
        status.attention = attention(&status);
        Ok(status)
    }
}

fn is_all(route: &str) -> bool {
    route == "0.0.0.0/0" || route == "::/0"
}

/// Whether the device has an enabled route that meets a condition.
fn serves(device: &Device, is: impl Fn(&str) -> bool) -> bool {
    device.enabled_routes.iter().flatten().any(|it| is(it))
}

/// Returns what was read, or adds a note that it could not be read.
fn noted<T>(read: Result<T>, what: &str, notes: &mut Vec<String>) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(error) => {
            notes.push(unread(what, &error));
            None
        }
    }
}

fn unread(what: &str, error: &Error) -> String {
    if error.kind() == ErrorKind::Forbidden {
        return format!("the credential may not read {what}");
    }
    format!("{what} could not be read: {error}")
}

fn counts(own: &[&Device], shared_in: usize, now: Timestamp) -> DeviceCounts {
    let count = |is: &dyn Fn(&Device) -> bool| own.iter().filter(|it| is(it)).count();
    let mut by_os: BTreeMap<&str, usize> = BTreeMap::new();
    for device in own {
        *by_os.entry(device.os.as_deref().unwrap_or("unknown")).or_default() += 1;
    }
    let mut by_os: Vec<(String, usize)> =
        by_os.into_iter().map(|(os, count)| (os.to_owned(), count)).collect();
    by_os.sort_by_key(|it| Reverse(it.1));
    DeviceCounts {
        total: own.len(),
        online: count(&Device::is_online),
        waiting: count(&|it| !it.is_authorized()),
        key_expired: count(&|it| matches!(it.key_state(now), KeyState::Expired(_))),
        key_expires_soon: count(
            &|it| matches!(it.key_state(now), KeyState::Until(then) if then.duration_since(now) <= SOON),
        ),
        updates: count(&|it| it.update_available.unwrap_or_default()),
        shared_in,
        by_os,
    }
}

fn routers(own: &[&Device], serves: impl Fn(&Device) -> bool) -> Routers {
    let serving: Vec<&&Device> = own.iter().filter(|it| serves(it)).collect();
    let offline = serving.iter().filter(|it| !it.is_online());
    Routers {
        serving: serving.len(),
        offline: offline.map(|it| it.short_name().to_owned()).collect(),
    }
}

fn attention(status: &Status) -> Vec<String> {
    let mut counts = Vec::new();
    let mut say = |count: usize, one: &str, many: &str| match count {
        0 => {}
        _ => counts.push(counted(count, one, many)),
    };
    let devices = &status.devices;
    say(devices.waiting, "device needs approval", "devices need approval");
    say(devices.key_expired, "device has an expired key", "devices have an expired key");
    say(
        devices.key_expires_soon,
        "device key expires within a week",
        "device keys expire within a week",
    );
    say(
        status.subnet_routers.offline.len(),
        "subnet router is offline",
        "subnet routers are offline",
    );
    say(status.exit_nodes.offline.len(), "exit node is offline", "exit nodes are offline");
    let waiting = status.users.as_ref().and_then(|it| it.get("needs-approval").copied());
    say(waiting.unwrap_or_default(), "user needs approval", "users need approval");
    counts
}
