//! What a server does by itself.

mod revoke_rotated;
mod watch;
