//! Who is behind a connection.

use std::{collections::BTreeMap, net::SocketAddr};

use serde::Deserialize;
use serde_json::Value;

use super::{Daemon, MAX_SMALL, UserProfile, is_missing, null};
use crate::client::Result;

/// The node and the user behind a connection (`GET whois`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct WhoIs {
    /// The node.
    #[serde(deserialize_with = "null")]
    pub node: WhoIsNode,
    /// The user whom the node belongs to; of a tagged node nobody in particular.
    #[serde(rename = "UserProfile", deserialize_with = "null")]
    pub user: UserProfile,
    /// What grants of the policy file give it towards this node: the values of all grants, by name.
    #[serde(rename = "CapMap", deserialize_with = "null")]
    pub capabilities: BTreeMap<String, Vec<Value>>,
}

/// The node behind a connection.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct WhoIsNode {
    /// Stable ID.
    #[serde(rename = "StableID", deserialize_with = "null")]
    pub stable_id: String,
    /// Name in MagicDNS, with a dot at its end.
    #[serde(deserialize_with = "null")]
    pub name: String,
    /// The number of the user whom it belongs to.
    #[serde(deserialize_with = "null")]
    pub user: i64,
    /// Tags.
    #[serde(deserialize_with = "null")]
    pub tags: Vec<String>,
    /// The user who shared it into this tailnet; 0 if it is of this tailnet.
    #[serde(deserialize_with = "null")]
    pub sharer: i64,
}

impl WhoIsNode {
    /// The first label of its name.
    pub fn short_name(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }
}

impl Daemon {
    /// Who is behind the TCP connection from `peer`, which was accepted on this machine (`GET whois`). None
    /// if it is nobody of the tailnet that the daemon knows of: also a local program, and whoever came
    /// through Serve or Funnel.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status): then it is not known who it is.
    pub async fn whois(&self, peer: SocketAddr) -> Result<Option<WhoIs>> {
        // The daemon knows addresses of IPv4 as such only.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let address = percent_encoding::utf8_percent_encode(
            &peer.to_string(),
            percent_encoding::NON_ALPHANUMERIC,
        )
        .to_string();
        match self.get(&format!("whois?addr={address}&proto=tcp"), MAX_SMALL).await {
            Ok(answer) => answer.json("whois").map(Some),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
