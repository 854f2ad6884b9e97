//! What this machine serves, and what of it is public.

mod demo;
mod real_daemon;
