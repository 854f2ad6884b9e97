//! The way of a call.

mod batch;
mod doors;
