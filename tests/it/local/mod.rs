//! The Tailscale daemon of this machine.

#[cfg(unix)]
mod absent;
mod real_daemon;
mod serve;
