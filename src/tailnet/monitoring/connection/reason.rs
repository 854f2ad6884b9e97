//! Why a connection is likely to be relayed, by what both ends last reported. Nobody measured it: a report says
//! what a network is like, not how a connection went.

use serde::Serialize;

use super::ClientReport;

/// What is likely to make a relay necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// UDP is blocked at an end, or at both.
    UdpBlocked,
    /// Both ends are behind a hard NAT.
    BothHardNat,
    /// One end is behind a hard NAT.
    OneHardNat,
    /// A part went directly, and the reports name no obstacle: connections start on a relay.
    Starting,
    /// Nothing in the reports explains it.
    Unexplained,
    /// Too little is reported.
    Unknown,
}

/// A likely reason, in words too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Likely {
    /// What it is.
    pub reason: Reason,
    /// The same in words, with the names of the devices.
    pub why: String,
}

/// How a network lets others in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Blocked,
    Hard,
    Easy,
    Unknown,
}

impl Network {
    fn of(report: &ClientReport) -> Self {
        match (report.udp, report.hard_nat, report.port_mapping) {
            (Some(false), ..) => Self::Blocked,
            // With a port mapping, others know where to send.
            (Some(true), Some(true), Some(true)) | (Some(true), Some(false), _) => Self::Easy,
            (_, Some(true), ports) if ports != Some(true) => Self::Hard,
            _ => Self::Unknown,
        }
    }
}

impl Likely {
    /// Why the connection of `one` and `other` is likely to be relayed, or would be. `direct` says whether a
    /// part of it went directly.
    pub fn between(one: &ClientReport, other: &ClientReport, direct: Option<bool>) -> Self {
        let (a, b) = (Network::of(one), Network::of(other));
        let (reason, mut why) = match (a, b) {
            (Network::Blocked, Network::Blocked) => {
                (Reason::UdpBlocked, "UDP is blocked at both ends".to_owned())
            }
            (Network::Blocked, _) => (Reason::UdpBlocked, blocked(one)),
            (_, Network::Blocked) => (Reason::UdpBlocked, blocked(other)),
            _ if one.ipv6 == Some(true) && other.ipv6 == Some(true) => {
                unexplained(direct, "no obstacle is reported, and IPv6 works at both ends")
            }
            (Network::Hard, Network::Hard) => {
                (Reason::BothHardNat, "both ends are behind a hard NAT".to_owned())
            }
            (Network::Hard, far) => (Reason::OneHardNat, hard(one, other, far)),
            (far, Network::Hard) => (Reason::OneHardNat, hard(other, one, far)),
            (Network::Easy, Network::Easy) => unexplained(direct, "no obstacle is reported"),
            (Network::Unknown, _) => (Reason::Unknown, too_little(one)),
            (_, Network::Unknown) => (Reason::Unknown, too_little(other)),
        };
        let is_obstacle =
            matches!(reason, Reason::UdpBlocked | Reason::BothHardNat | Reason::OneHardNat);
        if is_obstacle && direct == Some(true) {
            why.push_str("; yet a part went directly");
        }
        Self { reason, why }
    }

    /// Why connections of a device are likely to be relayed. None if its report names no obstacle.
    pub fn of(report: &ClientReport) -> Option<Self> {
        let (reason, why) = match Network::of(report) {
            Network::Blocked => (Reason::UdpBlocked, "UDP is blocked"),
            Network::Hard => (Reason::OneHardNat, "behind a hard NAT, without port mapping"),
            Network::Easy | Network::Unknown => return None,
        };
        Some(Self { reason, why: why.to_owned() })
    }
}

fn blocked(end: &ClientReport) -> String {
    format!("UDP is blocked at {}", end.name)
}

fn hard(end: &ClientReport, other: &ClientReport, far: Network) -> String {
    let name = &end.name;
    if far == Network::Unknown {
        return format!("{name} is behind a hard NAT; of {} too little is known", other.name);
    }
    format!("{name} is behind a hard NAT")
}

fn unexplained(direct: Option<bool>, what: &str) -> (Reason, String) {
    match direct {
        Some(true) => (Reason::Starting, format!("{what}: a connection starts on a relay")),
        Some(false) => (Reason::Unexplained, format!("{what}: perhaps a firewall between them")),
        None => (Reason::Unexplained, what.to_owned()),
    }
}

fn too_little(end: &ClientReport) -> String {
    match end.unknown {
        Some(why) => format!("unknown: of {}, {why}", end.name),
        None => format!("unknown: {} reported neither NAT nor UDP completely", end.name),
    }
}
