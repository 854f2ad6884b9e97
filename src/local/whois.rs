//! Who is behind a connection.

use std::{collections::BTreeMap, net::SocketAddr};

use serde::{Deserialize, Deserializer};
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
    /// The user who owns the node; meaningless for a tagged node.
    #[serde(rename = "UserProfile", deserialize_with = "null")]
    pub user: UserProfile,
    /// The app capabilities that grants in the policy file give it on this node: the values of all grants, by
    /// name. Empty for a capability without values.
    #[serde(rename = "CapMap", deserialize_with = "capabilities")]
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
    /// The user who shared it into this tailnet; 0 if nobody did, or its owner.
    #[serde(deserialize_with = "null")]
    pub sharer: i64,
    /// What it says of itself.
    #[serde(deserialize_with = "null")]
    pub hostinfo: WhoIsHost,
}

/// What the node behind a connection says of itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct WhoIsHost {
    /// Whether it is of another tailnet, to a user of which a node of this one was shared.
    #[serde(deserialize_with = "null")]
    pub sharee_node: bool,
}

/// Values by name; a name whose values are `null` has none.
fn capabilities<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<BTreeMap<String, Vec<Value>>, D::Error> {
    let read: Option<BTreeMap<String, Option<Vec<Value>>>> = Option::deserialize(deserializer)?;
    let values = read.unwrap_or_default().into_iter();
    Ok(values.map(|(name, values)| (name, values.unwrap_or_default())).collect())
}

impl WhoIsNode {
    /// The first label of its name.
    pub fn short_name(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// Whether it is a node of another tailnet, given the suffix of this one's names.
    pub fn is_of_another(&self, suffix: &str) -> bool {
        let domain = self.name.trim_end_matches('.').split_once('.').map(|it| it.1);
        let is_elsewhere = !suffix.is_empty() && domain.is_some_and(|it| it != suffix);
        self.sharer != 0 || self.hostinfo.sharee_node || is_elsewhere
    }
}

impl Daemon {
    /// Who is behind the TCP connection from `peer`, which was accepted on this machine (`GET whois`). None
    /// if the daemon knows no node for it: for example, for local programs, and for connections through Serve
    /// or Funnel.
    ///
    /// # Errors
    ///
    /// The same as [`status`](Self::status). The caller is unknown then.
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
