//! What tests share: a server that does as it is told, and settings that do not wait.

pub mod agent;
pub mod http;
