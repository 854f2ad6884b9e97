//! The Tailscale daemon of this machine.

mod absent;
mod real_daemon;
mod serve;
