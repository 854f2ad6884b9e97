//! What tests share.

pub mod agent;
pub mod tailnet;
