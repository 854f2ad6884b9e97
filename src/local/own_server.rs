//! This server, as others on this machine reach it.

use std::net::SocketAddr;

use crate::risk::Risk;

/// This server, if it serves over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether every request must prove who sends it, by a token: nobody on the internet is a node.
    pub authenticates: bool,
    /// The highest risk of a tool that it offers.
    pub access: Risk,
}

impl OwnServer {
    /// A server at `address`.
    pub fn new(address: SocketAddr, authenticates: bool, access: Risk) -> Self {
        Self { address, authenticates, access }
    }

    /// Whether a program of this machine that listens at `at` is this server.
    pub fn is_at(&self, at: SocketAddr) -> bool {
        let own = self.address;
        let is_local = own.ip().is_unspecified() || own.ip().is_loopback();
        is_local && own.port() == at.port()
    }
}
