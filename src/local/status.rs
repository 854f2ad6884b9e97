//! The state of this node and its peers.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Deserialize;
use serde_json::Value;

use super::{Daemon, MAX_ANSWER, MAX_SMALL, Peer, failure, null};
use crate::{client::Result, wire::Timestamp};

/// What the daemon says of itself, this node and its peers (`GET status`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct Status {
    /// Version of the daemon.
    #[serde(deserialize_with = "null")]
    pub version: String,
    /// `Running`, `Stopped`, `NeedsLogin`, `NeedsMachineAuth`, `Starting`, `NoState`, or a newer one.
    #[serde(rename = "BackendState", deserialize_with = "null")]
    pub state: String,
    /// Whether there is a network device. Without one (userspace networking), peers appear as 127.0.0.1.
    #[serde(rename = "TUN", deserialize_with = "null")]
    pub tun: bool,
    /// This node's addresses in the tailnet.
    #[serde(rename = "TailscaleIPs", deserialize_with = "null")]
    pub addresses: Vec<IpAddr>,
    /// This node. Absent before the first login.
    #[serde(rename = "Self")]
    pub node: Option<Peer>,
    /// Health warnings of the daemon.
    #[serde(deserialize_with = "null")]
    pub health: Vec<String>,
    /// The tailnet.
    #[serde(rename = "CurrentTailnet")]
    pub tailnet: Option<TailnetOfNode>,
    /// The names for which the daemon can get certificates.
    #[serde(deserialize_with = "null")]
    pub cert_domains: Vec<String>,
    /// The exit node in use.
    pub exit_node_status: Option<ExitNodeStatus>,
    /// The peers, by node key.
    #[serde(rename = "Peer", deserialize_with = "null")]
    pub peers: BTreeMap<String, Peer>,
    /// The users whom nodes belong to, by ID.
    #[serde(rename = "User", deserialize_with = "null")]
    pub users: BTreeMap<String, UserProfile>,
    /// Fields that this program does not know.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// The tailnet of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct TailnetOfNode {
    /// Name of the tailnet, as its organization has it.
    #[serde(deserialize_with = "null")]
    pub name: String,
    /// Suffix of the names of its nodes, such as `tail1234.ts.net`.
    #[serde(rename = "MagicDNSSuffix", deserialize_with = "null")]
    pub suffix: String,
    /// Whether MagicDNS is on.
    #[serde(rename = "MagicDNSEnabled", deserialize_with = "null")]
    pub magic_dns: bool,
}

/// The exit node in use.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct ExitNodeStatus {
    /// Its stable ID.
    #[serde(rename = "ID", deserialize_with = "null")]
    pub id: String,
    /// Whether it is connected.
    #[serde(deserialize_with = "null")]
    pub online: bool,
}

/// A user whom nodes belong to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct UserProfile {
    /// The number that stands for the user.
    #[serde(rename = "ID", deserialize_with = "null")]
    pub id: i64,
    /// Name with which the user logs in.
    #[serde(deserialize_with = "null")]
    pub login_name: String,
    /// The user's own name.
    #[serde(deserialize_with = "null")]
    pub display_name: String,
}

impl Status {
    /// Short name of this node; empty before the first login.
    pub fn machine(&self) -> &str {
        self.node.as_ref().map(Peer::short_name).unwrap_or_default()
    }

    /// Stable ID of this node; empty before the first login.
    pub fn id(&self) -> &str {
        self.node.as_ref().map(|it| it.id.as_str()).unwrap_or_default()
    }

    /// Whether this node is in its tailnet.
    pub fn is_running(&self) -> bool {
        self.state == "Running"
    }

    /// When this node's key expires. None if it does not.
    pub fn key_expires(&self) -> Option<jiff::Timestamp> {
        self.node.as_ref()?.key_expiry.as_ref().and_then(Timestamp::instant)
    }

    /// The peer with this stable ID.
    pub fn peer_by_id(&self, id: &str) -> Option<&Peer> {
        self.peers.values().find(|it| it.id == id)
    }

    /// This status, if the node is in its tailnet.
    ///
    /// # Errors
    ///
    /// [`DaemonLoggedOut`](crate::ErrorKind::DaemonLoggedOut) and
    /// [`DaemonDown`](crate::ErrorKind::DaemonDown), with what to do.
    pub fn running(self) -> Result<Self> {
        let error = match self.state.as_str() {
            "Running" => return Ok(self),
            "NeedsLogin" => failure::logged_out("this machine is not logged in to Tailscale"),
            "NeedsMachineAuth" => {
                failure::logged_out("this machine needs approval by an admin of its tailnet")
                    .with_remedy("approve the device, for example in the admin console")
            }
            "Stopped" => {
                down("Tailscale is stopped on this machine").with_remedy("start it: `tailscale up`")
            }
            state => down(&format!("Tailscale on this machine is in the state `{state}`"))
                .with_remedy(
                    "wait a few seconds; if the state does not change, check `tailscale status`",
                ),
        };
        Err(error)
    }
}

fn down(why: &str) -> crate::Error {
    crate::Error::new(crate::ErrorKind::DaemonDown, why)
}

impl Daemon {
    /// The state of this node and of all its peers (`GET status`).
    ///
    /// # Errors
    ///
    /// [`DaemonAbsent`](crate::ErrorKind::DaemonAbsent) and [`DaemonDown`](crate::ErrorKind::DaemonDown) if
    /// there is no daemon, or it is not running.
    pub async fn status(&self) -> Result<Status> {
        self.get("status", MAX_ANSWER).await?.json("status")
    }

    /// The state of this node without its peers (`GET status?peers=false`).
    ///
    /// # Errors
    ///
    /// The same as [`status`](Self::status).
    pub async fn own_status(&self) -> Result<Status> {
        self.get("status?peers=false", MAX_SMALL).await?.json("status")
    }
}
