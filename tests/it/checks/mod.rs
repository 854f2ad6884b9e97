//! The checks: each with a tailnet that passes, one that fails, and one where it is unknown.

mod bulletins;
mod devices;
mod exceptions;
mod healthy;
mod keys;
mod other;
mod partly;
mod policy;
mod settings;
mod table;
