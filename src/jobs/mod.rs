//! Background jobs of a running server.

mod heard;
mod heartbeat;
mod revoke_rotated;
mod watch;

pub(crate) use self::{
    heard::Heard,
    heartbeat::Heartbeat,
    revoke_rotated::{POLL_INTERVAL, revoke_rotated},
    watch::watch,
};
