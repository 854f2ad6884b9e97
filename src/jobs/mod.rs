//! Background jobs of a running server.

mod revoke_rotated;

pub(crate) use self::revoke_rotated::{POLL_INTERVAL, revoke_rotated};
