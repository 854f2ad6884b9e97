//! Who calls, by something other than a token of ours: the node of the tailnet behind a connection, or an
//! access token of an authorization server.
//!
//! Nothing that a caller sends decides who it is. In particular no header does, but for the one that
//! `tailscale serve` sets, and only on a socket that only it can open.

mod connection;
mod headers;
mod nodes;
mod refused;

pub use self::nodes::{NodeRules, Nodes};
pub(super) use self::{
    connection::Connection,
    headers::{Forwarded, strip},
    refused::NotAllowed,
};
