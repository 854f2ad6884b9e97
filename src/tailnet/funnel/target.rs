//! The program on this machine that is to be public.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use url::{Host, Url};

use crate::{
    Error,
    client::{Result, is_loopback},
};

/// A program on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The address as the daemon gets it.
    pub(super) url: String,
    /// Where it listens.
    pub(super) at: SocketAddr,
}

impl Target {
    /// A port, or an address of this machine.
    pub(super) fn read(text: &str) -> Result<Self> {
        let wrong = |why: &str| Err(Error::invalid_input("target", why));
        let text = text.trim();
        if let Ok(port) = text.parse::<u16>() {
            return if port == 0 {
                wrong("must be a port from 1 to 65535, such as `3000`")
            } else {
                Ok(Self::of_port(port))
            };
        }
        let insecure = text.strip_prefix("https+insecure://");
        let plain = insecure.map_or_else(|| text.to_owned(), |rest| format!("https://{rest}"));
        let Ok(url) = Url::parse(&plain) else {
            return wrong(
                "must be a port such as `3000`, or an address such as `http://127.0.0.1:3000`",
            );
        };
        let (Some(host), true) = (url.host(), matches!(url.scheme(), "http" | "https")) else {
            return wrong("must be a port, or an address with http, https or https+insecure");
        };
        if !is_loopback(&host) {
            return wrong(
                "must be on this machine (127.0.0.1, ::1 or localhost): a Funnel to another machine would expose \
                 that machine",
            );
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return wrong("must not have a user, a password or a query");
        }
        let address = match host {
            Host::Ipv4(it) => IpAddr::V4(it),
            Host::Ipv6(it) => IpAddr::V6(it),
            Host::Domain(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let port = url.port_or_known_default().unwrap_or(80);
        Ok(Self { url: text.trim_end_matches('/').to_owned(), at: SocketAddr::new(address, port) })
    }

    /// A port of this machine.
    pub(super) fn of_port(port: u16) -> Self {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { url: format!("http://127.0.0.1:{port}"), at }
    }

    /// The handler for the daemon.
    pub(super) fn handler(&self) -> Value {
        json!({ "Proxy": self.url })
    }
}
