//! Identifies callers without a token of this server: by the node of the tailnet behind a connection, or by an
//! access token of an authorization server.
//!
//! Headers never identify a caller, except for the one that `tailscale serve` sets, and only on a socket that
//! nobody else can open.

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
