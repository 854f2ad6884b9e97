//! Pings of peers.

use std::{net::IpAddr, time::Duration};

use http::Method;
use serde::Deserialize;

use super::{Ask, Daemon, null};
use crate::{ErrorKind, client::Result};

/// How long an answer may take: the daemon itself never gives up.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PingKind {
    /// A message of the discovery protocol, which finds the path: says whether it is direct.
    #[default]
    Disco,
    /// Through WireGuard, answered by the other daemon.
    Tsmp,
    /// Through WireGuard, answered by the other machine's own network.
    Icmp,
}

impl PingKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Disco => "disco",
            Self::Tsmp => "TSMP",
            Self::Icmp => "ICMP",
        }
    }
}

/// The answer to a ping.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct Ping {
    /// Why there was none; empty if there was.
    #[serde(rename = "Err", deserialize_with = "null")]
    pub error: String,
    /// The round trip in seconds.
    #[serde(rename = "LatencySeconds", deserialize_with = "null")]
    pub seconds: f64,
    /// The address that answered, if the path is direct.
    #[serde(deserialize_with = "null")]
    pub endpoint: String,
    /// The peer relay on the way, if there is one.
    #[serde(deserialize_with = "null")]
    pub peer_relay: String,
    /// Code of the DERP region on the way, if there is one.
    #[serde(rename = "DERPRegionCode", deserialize_with = "null")]
    pub derp_region: String,
}

impl Daemon {
    /// Pings a peer once (`POST ping`). A peer that does not answer within five seconds is no error: then
    /// [`Ping::error`] says so.
    ///
    /// # Errors
    ///
    /// The same as [`status`](Self::status).
    pub async fn ping(&self, address: IpAddr, kind: PingKind) -> Result<Ping> {
        let call = format!("ping?ip={address}&type={}", kind.as_str());
        match self.send(Ask { timeout: TIMEOUT, ..Ask::new(Method::POST, &call) }).await {
            Ok(answer) => answer.json("ping"),
            Err(error) if error.kind() == ErrorKind::Timeout => {
                let error = format!("no answer within {} seconds", TIMEOUT.as_secs());
                Ok(Ping { error, ..Ping::default() })
            }
            Err(error) => Err(error),
        }
    }
}
