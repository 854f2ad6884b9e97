//! Address ranges as packet filters write them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;

/// An inclusive range of IP addresses, all of the same IP version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    first: IpAddr,
    last: IpAddr,
}

/// The error for a text that is not an address, a prefix or a range.
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

/// The addresses that Tailscale gives to devices: 100.64.0.0/10 without the part that Chrome OS uses itself,
/// and Tailscale's IPv6 prefix.
pub(super) const TAILNET: [Span; 3] = [
    span(v4(100, 64, 0, 0), v4(100, 115, 91, 255)),
    span(v4(100, 115, 94, 0), v4(100, 127, 255, 255)),
    span(v6(0xfd7a_115c_a1e0 << 80), v6((0xfd7a_115c_a1e1 << 80) - 1)),
];

/// The addresses of `autogroup:internet`: all that are neither private nor Tailscale's.
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
    /// A range of one address.
    pub const fn one(address: IpAddr) -> Self {
        span(address, address)
    }

    /// The first address of the range.
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address of the range.
    pub const fn last(&self) -> IpAddr {
        self.last
    }

    /// Whether the range is a single address.
    pub fn is_one(&self) -> bool {
        self.first == self.last
    }

    /// Whether `address` is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.is_like(address) && self.first <= address && address <= self.last
    }

    /// Whether the two ranges have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.is_like(other.first) && self.first <= other.last && other.first <= self.last
    }

    /// Whether `other` lies completely inside this range.
    pub fn covers(&self, other: &Self) -> bool {
        self.contains(other.first) && self.contains(other.last)
    }

    /// The smallest range that covers both.
    pub(super) fn hull(&self, other: &Self) -> Self {
        span(self.first.min(other.first), self.last.max(other.last))
    }

    /// Whether `next`, which begins no earlier, overlaps this range or follows it directly.
    pub(super) fn touches(&self, next: &Self) -> bool {
        self.is_like(next.first)
            && (next.first <= self.last || after(self.last) == Some(next.first))
    }

    /// The parts of this range that are not in `other`: the part before it and the part after it.
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

    /// The range as a prefix; `None` if it is not exactly one prefix.
    pub fn prefix(&self) -> Option<IpNet> {
        let bits = if self.first.is_ipv4() { 32 } else { 128 };
        (0..=bits).find_map(|length| {
            let net = IpNet::new(self.first, length).ok()?;
            (net.network() == self.first && net.broadcast() == self.last).then_some(net)
        })
    }

    /// The range as `first-last`, even if it is a prefix.
    pub(super) fn as_range(&self) -> String {
        format!("{}-{}", self.first, self.last)
    }

    fn is_like(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4()
    }
}

/// The previous address of the same IP version; `None` for the lowest one.
fn before(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(it) => it.to_bits().checked_sub(1).map(|it| Ipv4Addr::from_bits(it).into()),
        IpAddr::V6(it) => it.to_bits().checked_sub(1).map(|it| Ipv6Addr::from_bits(it).into()),
    }
}

/// The next address of the same IP version; `None` for the highest one.
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

/// As packet filters write it: `100.64.0.1`, `10.0.0.0/8` or `10.0.0.1-10.0.0.9`.
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
