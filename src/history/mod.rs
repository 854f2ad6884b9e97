//! What was seen of a tailnet over time. The API knows only what is now; a history knows what somebody saw
//! who looked again and again, and when nobody looked.
//!
//! [`Poller`] asks the API and records what changed. [`diff`](diff::diff) says what that is, and
//! [`uptime`](uptime::uptime) what follows from it; both are pure. [`History`] keeps it in a database.
//!
//! ```no_run
//! use tailsteward::{
//!     Tailnet,
//!     history::{History, Source},
//! };
//!
//! # async fn example(tailnet: Tailnet) -> tailsteward::Result<()> {
//! let tailnet = tailnet.with_history(History::in_memory());
//! let Some(mut poller) = tailnet.watch("this process").await? else {
//!     return Ok(()); // Another process watches already.
//! };
//! let look = poller.look(&Source::devices(), jiff::Timestamp::now().as_second()).await?;
//! println!("{look:?}");
//! # Ok(()) }
//! ```

mod answers;
pub mod diff;
mod event;
mod fact;
mod flows;
pub mod look;
mod memory;
mod poll;
mod replay;
mod source;
mod spans;
mod store;
pub mod uptime;
mod values;

#[cfg(feature = "server")]
pub(crate) use self::store::TrafficMark;
pub use self::{
    diff::{Diff, Known, New, Remembered},
    event::Event,
    fact::{Connection, Fact, Field, Kind},
    look::{Look, Sighting},
    memory::Memory,
    poll::{Looked, Poller},
    replay::Replay,
    source::Source,
    spans::{Seconds, Spans},
    store::{
        Accepted, AlertChanges, AlertDocument, DayCounts, DaySums, Delivery, Held, History, Kept,
        KeptAlert, KeptReport, KeptTraffic, LEASE, Lease, LookedAt, Outgoing, Seen, Transition,
        Valued, Watching,
    },
};
pub use crate::database::Place;
