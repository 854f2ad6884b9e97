//! Runs of addresses, as packet filters write them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;

/// All addresses from the first to the last one, both of the same version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    first: IpAddr,
    last: IpAddr,
}

/// What is wrong with a text that should be an address, a prefix or a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid address")]
pub struct NoAddress;

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6(bits: u128) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(bits))
}

const fn span(first: IpAddr, last: IpAddr) -> Span {
    Span { first, last }
}

/// The addresses of devices: 100.64.0.0/10 without what Chrome OS uses for itself, and Tailscale's
/// own part of IPv6.
pub(super) const TAILNET: [Span; 3] = [
    span(v4(100, 64, 0, 0), v4(100, 115, 91, 255)),
    span(v4(100, 115, 94, 0), v4(100, 127, 255, 255)),
    span(v6(0xfd7a_115c_a1e0 << 80), v6((0xfd7a_115c_a1e1 << 80) - 1)),
];

/// What `autogroup:internet` means: all that is neither private nor of a tailnet.
pub(super) const INTERNET: [Span; 7] = [
    span(v4(0, 0, 0, 0), v4(9, 255, 255, 255)),
    span(v4(11, 0, 0, 0), v4(100, 63, 255, 255)),
    span(v4(100, 128, 0, 0), v4(169, 253, 255, 255)),
    span(v4(169, 255, 0, 0), v4(172, 15, 255, 255)),
    span(v4(172, 32, 0, 0), v4(192, 167, 255, 255)),
    span(v4(192, 169, 0, 0), v4(255, 255, 255, 255)),
    span(v6(0x2000 << 112), v6((0x4000 << 112) - 1)),
];

impl Span {
    /// One address.
    pub const fn one(address: IpAddr) -> Self {
        span(address, address)
    }

    /// The first of its addresses.
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// Whether it is one address only.
    pub fn is_one(&self) -> bool {
        self.first == self.last
    }

    /// Whether it has `address`.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.is_like(address) && self.first <= address && address <= self.last
    }

    /// Whether the two have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.is_like(other.first) && self.first <= other.last && other.first <= self.last
    }

    /// Whether all of `other` is in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.contains(other.first) && self.contains(other.last)
    }

    /// What is left of it without `other`: what is in front of that, and what is behind it.
    pub fn without(&self, other: &Self) -> impl Iterator<Item = Self> + use<> {
        let apart = (!self.overlaps(other)).then_some(*self);
        let Self { first, last } = *self;
        let front = before(other.first).filter(|it| apart.is_none() && first <= *it);
        let back = after(other.last).filter(|it| apart.is_none() && *it <= last);
        apart
            .into_iter()
            .chain(front.map(move |end| span(first, end)))
            .chain(back.map(move |start| span(start, last)))
    }

    /// The prefix that it is, where it is one.
    pub fn prefix(&self) -> Option<IpNet> {
        let bits = if self.first.is_ipv4() { 32 } else { 128 };
        (0..=bits).find_map(|length| {
            let net = IpNet::new(self.first, length).ok()?;
            (net.network() == self.first && net.broadcast() == self.last).then_some(net)
        })
    }

    /// As a range, even where it is a prefix.
    pub(super) fn as_range(&self) -> String {
        format!("{}-{}", self.first, self.last)
    }

    fn is_like(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4()
    }
}

/// The address before another one, of the same version.
fn before(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(it) => it.to_bits().checked_sub(1).map(|it| Ipv4Addr::from_bits(it).into()),
        IpAddr::V6(it) => it.to_bits().checked_sub(1).map(|it| Ipv6Addr::from_bits(it).into()),
    }
}

/// The address behind another one, of the same version.
fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(it) => it.to_bits().checked_add(1).map(|it| Ipv4Addr::from_bits(it).into()),
        IpAddr::V6(it) => it.to_bits().checked_add(1).map(|it| Ipv6Addr::from_bits(it).into()),
    }
}

impl From<IpNet> for Span {
    fn from(net: IpNet) -> Self {
        span(net.network(), net.broadcast())
    }
}

/// As a packet filter has it: `100.64.0.1`, `10.0.0.0/8`, `10.0.0.1-10.0.0.9`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_one() {
            return write!(f, "{}", self.first);
        }
        match self.prefix() {
            Some(net) => write!(f, "{net}"),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl FromStr for Span {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::one(address));
        }
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(net.into());
        }
        let (first, last) = text.split_once('-').ok_or(NoAddress)?;
        let first: IpAddr = first.trim().parse().map_err(|_| NoAddress)?;
        let last: IpAddr = last.trim().parse().map_err(|_| NoAddress)?;
        let fits = first.is_ipv4() == last.is_ipv4() && first <= last;
        fits.then_some(span(first, last)).ok_or(NoAddress)
    }
}
