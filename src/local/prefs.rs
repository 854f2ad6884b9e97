//! Preferences of this node.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Ask, Daemon, MAX_SMALL, null};
use crate::{Error, client::Result};

/// Preferences of this node (`GET prefs`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the daemon has as many")]
#[non_exhaustive]
pub struct Prefs {
    /// Whether subnet routes of others are used.
    #[serde(rename = "RouteAll", deserialize_with = "null")]
    pub accept_routes: bool,
    /// Stable ID of the exit node; empty if there is none.
    #[serde(rename = "ExitNodeID", deserialize_with = "null")]
    pub exit_node_id: String,
    /// Whether the local network stays reachable while an exit node is in use.
    #[serde(rename = "ExitNodeAllowLANAccess", deserialize_with = "null")]
    pub allow_lan: bool,
    /// Whether the tailnet's DNS is used.
    #[serde(rename = "CorpDNS", deserialize_with = "null")]
    pub accept_dns: bool,
    /// Whether all incoming connections are refused.
    #[serde(deserialize_with = "null")]
    pub shields_up: bool,
    /// Whether Tailscale is switched on.
    #[serde(deserialize_with = "null")]
    pub want_running: bool,
    /// The routes that this node offers, the exit node's pair included.
    #[serde(deserialize_with = "null")]
    pub advertise_routes: Vec<String>,
    /// The user who may change preferences besides root.
    #[serde(rename = "OperatorUser", deserialize_with = "null")]
    pub operator: String,
    /// Fields that this program does not know. Private keys are never among them.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// Values to set; absent ones are left unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EditPrefs {
    /// Whether to use subnet routes of others.
    pub accept_routes: Option<bool>,
    /// Stable ID of the exit node to use; empty for none.
    pub exit_node_id: Option<String>,
    /// Whether the local network stays reachable while an exit node is in use.
    pub allow_lan: Option<bool>,
    /// The routes to offer, the exit node's pair included.
    pub advertise_routes: Option<Vec<String>>,
    /// Whether to refuse all incoming connections.
    pub shields_up: Option<bool>,
}

impl EditPrefs {
    /// The daemon's form: each value with a mark that it is to be set.
    fn masked(&self) -> Value {
        let mut masked = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                masked.insert(name.to_owned(), value);
                masked.insert(format!("{name}Set"), Value::Bool(true));
            }
        };
        set("RouteAll", self.accept_routes.map(Value::Bool));
        set("ExitNodeID", self.exit_node_id.clone().map(Value::String));
        // An exit node that was given by its address would win over the ID.
        set("ExitNodeIP", self.exit_node_id.as_ref().map(|_| Value::String(String::new())));
        set("ExitNodeAllowLANAccess", self.allow_lan.map(Value::Bool));
        set("ShieldsUp", self.shields_up.map(Value::Bool));
        set("AdvertiseRoutes", self.advertise_routes.clone().map(Value::from));
        Value::Object(masked)
    }
}

impl Daemon {
    /// The preferences of this node (`GET prefs`).
    ///
    /// # Errors
    ///
    /// The same as [`status`](Self::status).
    pub async fn prefs(&self) -> Result<Prefs> {
        self.get("prefs", MAX_SMALL).await?.json("prefs")
    }

    /// Sets preferences, and returns all of them afterwards (`PATCH prefs`). The daemon checks almost
    /// nothing: with an exit node that does not exist, this machine loses its internet access.
    ///
    /// # Errors
    ///
    /// [`NotOperator`](crate::ErrorKind::NotOperator) if the user who runs this program may not change them.
    pub async fn edit_prefs(&self, edit: &EditPrefs) -> Result<Prefs> {
        let body = serde_json::to_vec(&edit.masked()).map_err(Error::unsendable)?;
        self.send(Ask::change(Method::PATCH, "prefs", body)).await?.json("prefs")
    }

    /// Why this machine does not forward IP packets; empty if it does (`GET check-ip-forwarding`).
    ///
    /// # Errors
    ///
    /// The same as [`status`](Self::status).
    pub async fn forwarding_problem(&self) -> Result<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Found {
            #[serde(default, deserialize_with = "null")]
            warning: String,
        }
        let found: Found =
            self.get("check-ip-forwarding", MAX_SMALL).await?.json("check-ip-forwarding")?;
        Ok(found.warning)
    }
}
