//! What a server does by itself.

mod heartbeat;
mod revoke_rotated;
mod watch;
