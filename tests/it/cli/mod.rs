//! The commands, as processes.

mod annotations;
mod approve;
mod audit;
mod call;
pub mod command_line;
mod health;
mod policy_commands;
mod report;
mod sandbox;
mod scopes;
mod setup;
mod terminal;
mod traffic;
mod uptime;
mod watch;
