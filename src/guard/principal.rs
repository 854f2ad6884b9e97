//! The principal of a call.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    catalogue::Allowance,
    guardrails::{ToolLimit, Window},
};

/// Who makes a call, and what they are allowed. Over HTTP, the holder of a token, a node of the tailnet, or the
/// subject of an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// The name in the journal and the audit log, for display only: the name of a node can change.
    pub name: Arc<str>,
    /// Identifies the caller for limits, sessions and confirmations: two callers never have the same key.
    pub key: Arc<str>,
    /// Whether only tools that read are allowed, regardless of the server's access level.
    pub read_only: bool,
    /// The only toolsets that are offered; `None` for all that the server offers.
    pub toolsets: Option<Vec<String>>,
    /// How often tools may be used, by their names.
    pub limits: BTreeMap<String, ToolLimit>,
    /// When the token may be used; at any time if there are none.
    pub hours: Vec<Window>,
    /// When the token expires.
    pub expires: Option<Timestamp>,
    /// What grants or scopes allow; `None` for a caller who is not limited by them.
    pub allowances: Option<Arc<[Allowance]>>,
    /// How the server knows who it is.
    pub identity: Identity,
}

/// How the server knows who a caller is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Identity {
    /// The user who started this process, or any program on this machine if nothing is required.
    Local,
    /// A token of the token file.
    Token,
    /// A node of the tailnet, by the Tailscale daemon on this machine.
    Node(CallerNode),
    /// An access token of an authorization server.
    Oauth {
        /// The authorization server.
        issuer: String,
        /// The subject, as the authorization server names it.
        subject: String,
        /// The client that the token was issued to, if the token says so.
        #[serde(skip_serializing_if = "Option::is_none")]
        client: Option<String>,
    },
}

/// A node of the tailnet from which a call came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CallerNode {
    /// Name in MagicDNS.
    pub node: String,
    /// Stable ID.
    pub node_id: String,
    /// The number of the user whom it belongs to.
    pub user_id: i64,
    /// The name with which that user logs in. Absent for a tagged node, which belongs to nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether it is of another tailnet.
    pub is_shared: bool,
}

impl CallerNode {
    /// A node of this tailnet that belongs to a user, or is tagged.
    pub fn new(node: String, node_id: String, user_id: i64) -> Self {
        Self { node, node_id, user_id, login: None, tags: Vec::new(), is_shared: false }
    }

    /// What people read: `login@node`, or `tag:ci@node`. The node's name is full if it is of another tailnet.
    pub fn title(&self) -> String {
        let short = self.node.split('.').next().unwrap_or_default();
        let node = if self.is_shared { &self.node } else { short };
        match (&self.login, self.tags.as_slice()) {
            (Some(login), []) => format!("{login}@{node}"),
            (_, []) => format!("unknown@{node}"),
            (_, tags) => format!("{}@{node}", tags.join(",")),
        }
    }

    /// The node and its user. The same person on another node is another caller.
    pub fn key(&self) -> String {
        format!("node:{}/user:{}", self.node_id, self.user_id)
    }
}

impl Principal {
    /// The name of the local user: the one who started this process, or any caller on this machine if no
    /// token is required.
    pub const LOCAL: &str = "local";

    /// A principal who may use all that the server offers.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        let (read_only, toolsets, allowances) = (false, None, None);
        Self {
            key: Arc::clone(&name),
            name,
            read_only,
            toolsets,
            limits: BTreeMap::new(),
            hours: Vec::new(),
            expires: None,
            allowances,
            identity: Identity::Local,
        }
    }

    /// The local user.
    pub fn local() -> Self {
        Self::new(Self::LOCAL)
    }

    /// The holder of a token of the token file.
    pub fn with_token(name: impl Into<Arc<str>>) -> Self {
        Self { identity: Identity::Token, ..Self::new(name) }
    }

    /// A node of the tailnet, with what grants allow it.
    pub fn of_node(node: CallerNode, allowances: Arc<[Allowance]>) -> Self {
        let (name, key): (Arc<str>, _) = (node.title().into(), node.key().into());
        let allowances = Some(allowances);
        Self { key, allowances, identity: Identity::Node(node), ..Self::new(name) }
    }
}
