//! Background jobs of a running server.

mod revoke_rotated;
mod watch;

pub(crate) use self::{
    revoke_rotated::{POLL_INTERVAL, revoke_rotated},
    watch::watch,
};
