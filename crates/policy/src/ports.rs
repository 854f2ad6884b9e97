//! IP protocols and ports.

use std::fmt;

/// A range of ports of one IP protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ports {
    /// The IP protocol number; `None` for the default protocols TCP, UDP and ICMP.
    pub protocol: Option<u8>,
    /// The lowest port.
    pub first: u16,
    /// The highest port.
    pub last: u16,
}

/// The error for a text that is not a valid port, range or protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPorts(String);

/// The IP protocol number of TCP.
pub(super) const TCP: u8 = 6;
/// The IP protocol number of UDP.
pub(super) const UDP: u8 = 17;
/// The IP protocol number of ICMP (for IPv4).
pub(super) const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const DCCP: u8 = 33;

/// Protocol names and numbers. The first name listed for a number is the one used in output.
const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", ICMP),
    ("icmpv4", ICMP),
    ("igmp", 2),
    ("ipv4", 4),
    ("ip-in-ip", 4),
    ("tcp", TCP),
    ("egp", 8),
    ("igp", 9),
    ("udp", UDP),
    ("dccp", DCCP),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", ICMPV6),
    ("icmpv6", ICMPV6),
    ("tsmp", 99),
    ("sctp", SCTP),
    ("fc", 133),
];

impl Ports {
    /// All ports of the default protocols.
    pub const ALL: Self = Self { protocol: None, first: 0, last: u16::MAX };

    /// Whether a packet of this protocol to this port matches.
    pub fn admit(&self, protocol: u8, port: u16) -> bool {
        let usual = matches!(protocol, TCP | UDP | ICMP | ICMPV6);
        let fits = self.protocol.map_or(usual, |it| it == protocol);
        fits && (!has_ports(protocol) || (self.first..=self.last).contains(&port))
    }

    /// Whether every packet that `other` matches is matched by this range, too.
    pub fn covers(&self, other: &Self) -> bool {
        let protocol = match (self.protocol, other.protocol) {
            (None, None) => true,
            (None, Some(it)) => matches!(it, TCP | UDP | ICMP | ICMPV6),
            (Some(a), Some(b)) => a == b,
            (Some(_), None) => false,
        };
        let portless = other.protocol.is_some_and(|it| !has_ports(it));
        protocol && (portless || (self.first <= other.first && other.last <= self.last))
    }

    /// Parses the port in a query: `443`, `53/udp` or `udp:53`.
    ///
    /// # Errors
    ///
    /// [`BadPorts`] with the accepted forms.
    pub fn one(text: &str) -> Result<Self, BadPorts> {
        let wrong = || BadPorts(format!("is `{text}`; write 443, 53/udp or udp:53"));
        let spelled = match text.trim().split_once('/') {
            Some((number, protocol)) => format!("{protocol}:{number}"),
            None => text.trim().to_owned(),
        };
        let ports = Self::of_grant(&spelled).map_err(|_| wrong())?;
        if ports.first == ports.last { Ok(ports) } else { Err(wrong()) }
    }

    /// Parses an entry of a grant's `ip`: `*`, `22`, `tcp:80-443`, `icmp:*`.
    ///
    /// # Errors
    ///
    /// [`BadPorts`] with Tailscale's own message.
    pub fn of_grant(text: &str) -> Result<Self, BadPorts> {
        if text == "*" {
            return Ok(Self::ALL);
        }
        if text.is_empty() {
            return Err(BadPorts("ip value cannot be empty".to_owned()));
        }
        let (name, ports) = text.rsplit_once(':').unwrap_or(("*", text));
        let protocol = match name {
            "*" => None,
            "" => return Err(BadPorts("protocol cannot be empty".to_owned())),
            name if name.contains(':') => {
                let message = "expected only one colon in Internet protocol and port type";
                return Err(BadPorts(message.to_owned()));
            }
            name => protocol(name)?,
        };
        let (first, last) = range(ports)?;
        Ok(Self { protocol, first, last })
    }
}

/// Whether a protocol has ports. Packet filters ignore the ports of all others.
pub(super) fn has_ports(protocol: u8) -> bool {
    matches!(protocol, TCP | UDP | DCCP | SCTP)
}

/// Parses the ports in an access rule's `dst`: `*`, `22`, `80,443`, `8000-8999`.
///
/// # Errors
///
/// [`BadPorts`] with Tailscale's own message.
pub(super) fn list(text: &str, protocol: Option<u8>) -> Result<Vec<Ports>, BadPorts> {
    let one = |part| range(part).map(|(first, last)| Ports { protocol, first, last });
    text.split(',').map(one).collect()
}

fn range(text: &str) -> Result<(u16, u16), BadPorts> {
    if text == "*" {
        return Ok((Ports::ALL.first, Ports::ALL.last));
    }
    let wrong = |what: &str| BadPorts(format!("port range {text:?}: {what}"));
    if text.is_empty() {
        return Err(BadPorts(format!("invalid port list: {text:?}")));
    }
    if text.matches('-').count() > 1 {
        return Err(wrong("too many dashes(-)"));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let first: u16 = number(first).ok_or_else(|| wrong("invalid first integer"))?;
    let last: u16 = number(last).ok_or_else(|| wrong("invalid last integer"))?;
    if first == 0 {
        return Err(wrong("first port must be >0, or use '*' for wildcard"));
    }
    if first > last {
        return Err(wrong("first port must be >= last port"));
    }
    Ok((first, last))
}

/// Parses a number that consists of digits only, without a sign.
fn number(text: &str) -> Option<u16> {
    text.bytes().all(|it| it.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The number of a protocol, given by name or number; `None` for an empty name.
///
/// # Errors
///
/// [`BadPorts`] with Tailscale's own message.
pub(super) fn protocol(name: &str) -> Result<Option<u8>, BadPorts> {
    if name.is_empty() {
        return Ok(None);
    }
    let known = PROTOCOLS.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
    let number = known.map(|(_, number)| *number).or_else(|| {
        name.bytes().all(|it| it.is_ascii_digit()).then(|| name.parse().ok()).flatten()
    });
    number.map(Some).ok_or_else(|| {
        BadPorts(format!("proto name {name:?} not known; use protocol number 0-255"))
    })
}

/// The name of a protocol, or its number if it has no name.
pub(super) fn protocol_name(number: u8) -> String {
    let known = PROTOCOLS.iter().find(|(_, it)| *it == number);
    known.map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}

/// As in a grant's `ip`: `*`, `22`, `tcp:80-443`.
impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(protocol) = self.protocol {
            write!(f, "{}:", protocol_name(protocol))?;
        }
        match (self.first, self.last) {
            (0, u16::MAX) => f.write_str("*"),
            (first, last) if first == last => write!(f, "{first}"),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}
