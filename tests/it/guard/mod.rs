//! The way of a call.

mod batch;
mod doors;
pub mod rails;
mod when;
