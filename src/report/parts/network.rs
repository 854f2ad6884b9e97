//! The network: connections, expiry, routes, traffic.

use serde::{Deserialize, Serialize};

use crate::report::Part;

/// Which share of devices was connected, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Online {
    /// Each day, the oldest first.
    pub days: Vec<Hours>,
    /// The servers: tagged devices, subnet routers and exit nodes that are not ephemeral; the least uptime first.
    pub servers: Vec<Strip>,
    /// How many more servers there are.
    pub more: usize,
}

/// A day, hour by hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// The day, in UTC.
    pub day: String,
    /// Percent of the known time of all own devices in which they were connected, for each hour; none if less than
    /// half of the hour is known.
    pub percent: Vec<Option<u8>>,
}

/// A device over the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Strip {
    /// Short name.
    pub name: String,
    /// Percent of the known time in which it was connected. None if less than half of the window is known.
    pub up_percent: Option<f64>,
    /// Percent of the window that is known.
    pub known_percent: f64,
    /// How often its connection ended. None with `up_percent`.
    pub disconnects: Option<u64>,
    /// The longest known time without a connection, in words.
    pub longest_outage: Option<String>,
    /// When it was connected and when not, in thousandths of the window. What is between is not known.
    pub runs: Vec<Run>,
}

/// A time in which a device was connected, or was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Start, in thousandths of the window.
    pub from: u16,
    /// End.
    pub to: u16,
    /// Whether it was connected.
    pub up: bool,
}

/// What expires in the next 180 days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// Each week, the next first.
    pub weeks: Vec<Week>,
    /// What expires, the next first.
    pub next: Vec<Expiring>,
    /// How many more expire in that time.
    pub more: usize,
    /// Devices whose key has expired.
    pub expired: usize,
    /// Devices whose key does not expire.
    pub never: usize,
    /// Devices of which the API gives no expiry.
    pub unknown: usize,
    /// Why credentials are missing; none if they are there.
    pub without_credentials: Option<String>,
}

/// How much expires in a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week {
    /// Its first day.
    pub from: String,
    /// Keys of tagged devices, in front of which nobody sits.
    pub tagged: usize,
    /// Keys of other devices.
    pub others: usize,
    /// Auth keys, API access tokens and other credentials.
    pub credentials: usize,
}

/// Something that expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiring {
    /// `tagged device`, `device`, or the kind of credential.
    pub kind: String,
    /// Its name, or the ID and description of a credential.
    pub name: String,
    /// When.
    pub at: String,
    /// In how many days.
    pub days: i64,
}

/// Subnet routes and exit nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Routes {
    /// The routes, those that nobody serves first.
    pub routes: Vec<Route>,
    /// The exit nodes.
    pub exit_nodes: Vec<ExitNode>,
    /// How many more routes and exit nodes there are.
    pub more: usize,
}

/// A subnet route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The subnet.
    pub route: String,
    /// Its routers.
    pub routers: Vec<Router>,
}

/// A router of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Router {
    /// Short name.
    pub name: String,
    /// Whether it is connected.
    pub online: bool,
    /// Whether the route is approved.
    pub approved: bool,
    /// Whether it advertises the route now.
    pub advertised: bool,
}

impl Route {
    /// The routers that serve it: connected, approved, advertising.
    pub fn serving(&self) -> usize {
        self.routers.iter().filter(|it| it.online && it.approved && it.advertised).count()
    }

    /// Whether it is approved, and no router serves it. One that nobody approved was never up.
    pub fn is_down(&self) -> bool {
        self.serving() == 0 && self.routers.iter().any(|it| it.approved)
    }
}

/// An exit node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExitNode {
    /// Short name.
    pub name: String,
    /// Whether it is connected.
    pub online: bool,
    /// Whether it is approved.
    pub approved: bool,
    /// The DERP region that it prefers, as last reported; empty if it is not known.
    pub region: String,
    /// Round trip to that region in milliseconds, as last reported.
    pub latency_ms: Option<f64>,
}

/// What the clients last reported of their networks. A report has no time; it stays after a device went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connectivity {
    /// Own devices.
    pub devices: usize,
    /// How many of them reported.
    pub reported: usize,
    /// Devices whose NAT makes direct connections hard.
    pub hard_nat: Vec<String>,
    /// How many more.
    pub more_hard_nat: usize,
    /// Devices whose network blocks UDP, so that all their traffic is relayed.
    pub no_udp: Vec<String>,
    /// How many more.
    pub more_no_udp: usize,
    /// The regions that devices prefer, the most common first.
    pub regions: Vec<Region>,
    /// The relayed share of traffic.
    pub relayed: Part<Relayed>,
}

/// A DERP region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// How many devices prefer it.
    pub devices: usize,
    /// The median of their round trips to it in milliseconds.
    pub median_ms: Option<f64>,
}

/// The relayed share of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Relayed {
    /// Percent of bytes.
    pub bytes_percent: f64,
    /// Percent of connections.
    pub connections_percent: f64,
}
