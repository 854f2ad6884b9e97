//! The rows that traffic is added up in: two ends, and four numbers.

use serde::Serialize;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "server", derive(serde::Deserialize, schemars::JsonSchema, clap::ValueEnum))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Within the tailnet.
    Virtual,
    /// To or from a subnet behind a router.
    Subnet,
    /// Through an exit node.
    Exit,
}

/// What the numbers of a row count. The first two are what the row's first end reports, the last two what the
/// other end does. Its number in the database never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Sort {
    /// Bytes within the tailnet: from the first end, to the first end; of the other's: the same.
    Virtual = 1,
    /// The same with a host in a subnet.
    Subnet = 2,
    /// Bytes of exit traffic that one node sent and received.
    Exit = 3,
    /// Bytes and connections that took a direct path; of the other's: connections and bytes.
    Direct = 4,
    /// The same through a DERP relay.
    Relayed = 5,
    /// How often the first end refused, and the second; of the other's: the same.
    Refused = 6,
    /// Bytes that a router carried from and to the hosts of its subnets.
    Carried = 7,
    /// Bytes to and from a service within the tailnet, counted once.
    Service = 8,
    /// The same of a service in a subnet.
    SubnetService = 9,
}

impl Sort {
    pub(crate) const ALL: [Self; 9] = [
        Self::Virtual,
        Self::Subnet,
        Self::Exit,
        Self::Direct,
        Self::Relayed,
        Self::Refused,
        Self::Carried,
        Self::Service,
        Self::SubnetService,
    ];

    /// Its number in the database.
    #[cfg(feature = "journal")]
    pub(crate) fn number(self) -> i64 {
        i64::from(self as u8)
    }

    /// The one with this number.
    #[cfg(feature = "journal")]
    pub(crate) fn numbered(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.number() == number)
    }

    /// Whether rows have two ends that both report.
    pub(super) fn has_two_ends(self) -> bool {
        matches!(self, Self::Virtual | Self::Subnet | Self::Direct | Self::Relayed | Self::Refused)
    }
}

/// The four numbers of a row. Reversed, they are those of the row with its ends swapped.
pub(crate) type Numbers = [u64; 4];

/// Adds numbers to others.
pub(super) fn add(sum: &mut Numbers, more: Numbers) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = sum.saturating_add(more);
    }
}

/// What both ends report, counted once: the first and the second number of the row.
pub(super) fn once(sort: Sort, [a, b, c, d]: Numbers) -> (u64, u64) {
    match sort {
        // From the first end and to it; the other end says what it received and sent in the same order.
        Sort::Virtual | Sort::Subnet | Sort::Refused => (a.max(c), b.max(d)),
        Sort::Direct | Sort::Relayed => (a.max(d), b.max(c)),
        Sort::Exit | Sort::Carried | Sort::Service | Sort::SubnetService => (a, b),
    }
}

/// How much a row weighs when only the largest are kept.
pub(super) fn weight(sort: Sort, numbers: Numbers) -> u64 {
    match (sort, once(sort, numbers)) {
        (Sort::Direct | Sort::Relayed, (bytes, _)) => bytes,
        (_, (ahead, back)) => ahead.saturating_add(back),
    }
}
