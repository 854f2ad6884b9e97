//! Versions of the Tailscale client.

pub use crate::version::Version;
