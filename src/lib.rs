//! A Tailscale tailnet from Rust: a typed client of the admin API that checks before it changes.
pub mod client;
pub mod config;
pub mod tailnet;
pub mod wire;
#[allow(clippy::allow_attributes)]
mod api;
mod operation;

pub use crate::{
    client::{Credential, Error, ErrorKind, IdentityToken, PolicyProblem, Result, Settings},
    operation::Operation,
    tailnet::Tailnet,
};
