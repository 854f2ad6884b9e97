//! The node that this program runs on.

mod real_daemon;
