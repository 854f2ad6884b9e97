//! How much traffic there was, between whom, and how: from the records of network flow logs.
//!
//! Both ends of a connection report it, records come late and twice, and some cannot be read. [`Sums`] takes
//! records in any order and adds them up while they arrive; [`Totals`] is what is kept of a window, and can be
//! added to that of another one; [`Traffic`] is what is shown of it. All three are pure.
//!
//! - What went from A to B is the larger of what A says it sent and what B says it received, never their sum.
//! - Exit traffic names no other end, so it belongs to the device that reports it.
//! - The destination of physical traffic is a path, not a service: ports come from virtual and subnet traffic.
//! - A record belongs to the time when it starts, not to the time when it was logged.

mod build;
mod ends;
#[cfg(feature = "server")]
mod moved;
pub(crate) mod read;
mod record;
mod report;
mod row;
mod sums;
mod totals;

pub use self::{
    build::Question,
    ends::KnownDevice,
    report::{
        Amount, Coverage, DeviceTraffic, ExitTraffic, Gap, PairTraffic, PathTraffic, Refusal,
        Relayed, ServiceTraffic, TagMatrix, TagPair, TagTraffic, Traffic, TrafficTotals,
        Unreadable,
    },
    row::Kind,
    sums::{About, Flow, Sums},
    totals::{End, Totals},
};

#[cfg(feature = "server")]
pub(crate) use self::moved::{Moved, MovedByDevice};
pub(crate) use self::report::protocol_name;
#[cfg(feature = "journal")]
pub(crate) use self::{build::percent, row::Sort, totals::Row};

/// Seconds since 1970.
pub type Seconds = i64;
