//! The commands, as processes.

mod sandbox;
