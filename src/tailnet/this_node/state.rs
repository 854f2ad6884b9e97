//! The state of this node.

use jiff::Timestamp;
use serde::Serialize;

use super::ThisNode;
use crate::{
    client::Result,
    local::{Peer, Prefs, Status},
    visible::visible_up_to,
};

/// The most characters of one of the daemon's warnings.
const MAX_WARNING: usize = 300;
/// The most warnings.
const MAX_WARNINGS: usize = 20;

/// The state of this node.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the daemon has as many")]
#[non_exhaustive]
pub struct NodeState {
    /// Short name of the machine; empty before its first login.
    pub machine: String,
    /// Stable ID, which is the node ID of the admin API.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// `Running`, `Stopped`, `NeedsLogin`, `NeedsMachineAuth`, `Starting` or `NoState`.
    pub state: String,
    /// Name of its tailnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tailnet: Option<String>,
    /// Name in MagicDNS.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dns_name: String,
    /// Addresses in the tailnet.
    pub addresses: Vec<String>,
    /// Version of the daemon.
    pub version: String,
    /// Whether it has no network device (userspace networking).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub userspace: bool,
    /// When the node key expires. None if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_expires: Option<Timestamp>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The exit node in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_node: Option<ExitNodeInUse>,
    /// The routes that it advertises.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advertises: Vec<String>,
    /// Whether it uses the subnet routes of others.
    pub accepts_routes: bool,
    /// Whether it uses the tailnet's DNS.
    pub accepts_dns: bool,
    /// Whether it refuses all incoming connections.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shields_up: bool,
    /// How many peers it knows, and how many of them are connected.
    pub peers: Counted,
    /// Health warnings of the daemon.
    pub health: Vec<String>,
    /// Remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// An exit node in use.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ExitNodeInUse {
    /// Its short name, or its ID if this node does not know it.
    pub name: String,
    /// Whether it is connected. If not, this machine has no internet access.
    pub online: bool,
}

/// Numbers of peers.
#[derive(Debug, Clone, Copy, Serialize)]
#[non_exhaustive]
pub struct Counted {
    /// All peers that this node knows.
    pub known: usize,
    /// Those that are connected to the coordination server.
    pub connected: usize,
}

/// The exit node that the daemon suggests.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Suggestion {
    /// Short name of this machine.
    pub machine: String,
    /// Short name of the suggested exit node. None if there is no suggestion.
    pub exit_node: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<serde_json::Value>,
    /// Whether it is in use already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_use: Option<bool>,
    /// The connected exit nodes that this machine may use.
    pub usable: Vec<String>,
    /// Remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl ThisNode<'_> {
    /// The state of this node (LocalAPI `status` and `prefs`).
    ///
    /// # Errors
    ///
    /// [`DaemonAbsent`](crate::ErrorKind::DaemonAbsent) and [`DaemonDown`](crate::ErrorKind::DaemonDown) if
    /// there is no daemon, or it is not running. A node that is logged out is not an error.
    pub async fn state(&self) -> Result<NodeState> {
        let (status, prefs) = tokio::try_join!(self.daemon().status(), self.daemon().prefs())?;
        Ok(state(&status, prefs))
    }

    /// The exit node that the daemon suggests (LocalAPI `suggest-exit-node`).
    ///
    /// # Errors
    ///
    /// The same as [`Daemon::status`](crate::local::Daemon::status), and
    /// [`DaemonLoggedOut`](crate::ErrorKind::DaemonLoggedOut).
    pub async fn suggested_exit_node(&self) -> Result<Suggestion> {
        let status = self.daemon().status().await?.running()?;
        let id = self.daemon().suggested_exit_node().await?;
        let found = id.as_deref().and_then(|it| status.peer_by_id(it));
        let usable = status.peers.values().filter(|it| it.exit_node_option && it.online);
        let mut usable: Vec<String> = usable.map(|it| it.short_name().to_owned()).collect();
        usable.sort();
        let mut notes = Vec::new();
        if found.is_none() && !usable.is_empty() {
            notes.push(
                "Tailscale only suggests exit nodes with the node attribute suggest-exit-node, after the \
                 daemon has checked its network; none of them qualifies"
                    .to_owned(),
            );
        }
        Ok(Suggestion {
            machine: status.machine().to_owned(),
            exit_node: found.map(|it| it.short_name().to_owned()).or(id),
            location: found.and_then(|it| it.location.clone()),
            in_use: found.map(|it| it.exit_node),
            usable,
            notes,
        })
    }
}

fn state(status: &Status, prefs: Prefs) -> NodeState {
    let node = status.node.clone().unwrap_or_default();
    let connected = status.peers.values().filter(|it| it.online).count();
    let mut notes = Vec::new();
    if status.state == "NeedsLogin" {
        notes.push("this machine is logged out; log it in with `tailscale up`".to_owned());
    }
    if status.state == "Stopped" {
        notes.push("Tailscale is stopped on this machine; start it with `tailscale up`".to_owned());
    }
    let exit_node = in_use(status, &prefs);
    if exit_node.as_ref().is_some_and(|it| !it.online) {
        notes.push(
            "its exit node is not connected, so this machine has no internet access".to_owned(),
        );
    }
    let health = status.health.iter().take(MAX_WARNINGS);
    NodeState {
        machine: status.machine().to_owned(),
        id: status.id().to_owned(),
        state: status.state.clone(),
        tailnet: status.tailnet.as_ref().map(|it| it.name.clone()),
        dns_name: node.full_name().to_owned(),
        addresses: status.addresses.iter().map(ToString::to_string).collect(),
        version: status.version.clone(),
        userspace: !status.tun,
        key_expires: status.key_expires(),
        tags: node.tags,
        exit_node,
        advertises: prefs.advertise_routes,
        accepts_routes: prefs.accept_routes,
        accepts_dns: prefs.accept_dns,
        shields_up: prefs.shields_up,
        peers: Counted { known: status.peers.len(), connected },
        health: health.map(|it| visible_up_to(it, MAX_WARNING).into_owned()).collect(),
        notes,
    }
}

fn in_use(status: &Status, prefs: &Prefs) -> Option<ExitNodeInUse> {
    let id = Some(prefs.exit_node_id.as_str()).filter(|it| !it.is_empty())?;
    let peer = status.peer_by_id(id);
    Some(ExitNodeInUse {
        name: peer.map_or(id, Peer::short_name).to_owned(),
        online: peer.is_some_and(|it| it.online),
    })
}
