//! What a running server does by itself.

mod revoke_rotated;

pub(crate) use self::revoke_rotated::{POLL_INTERVAL, revoke_rotated};
