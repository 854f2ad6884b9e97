//! What this machine serves, and what of it is public.

#[cfg(unix)]
mod demo;
mod real_daemon;
