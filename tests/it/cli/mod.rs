//! The commands, as processes.

mod call;
mod sandbox;
