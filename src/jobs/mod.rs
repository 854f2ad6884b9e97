//! Background jobs of a running server.

mod alert_news;
mod revoke_rotated;
mod watch;

pub(crate) use self::{
    alert_news::alert_news,
    revoke_rotated::{POLL_INTERVAL, revoke_rotated},
    watch::watch,
};
