//! What this machine serves, and what of it is public.

mod real_daemon;
