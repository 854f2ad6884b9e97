//! Changes of this node's preferences.

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    Error, Tailnet,
    change::{Change, Compare, Fields, Subject, Write, Written, same},
    client::Result,
    local::{EditPrefs, Peer, Status},
};

pub(super) const EXIT_NODE: &str = "exit_node";
pub(super) const ALLOW_LAN: &str = "allow_lan_access";
pub(super) const ADVERTISED: &str = "advertised_routes";
pub(super) const ACCEPT_ROUTES: &str = "accept_routes";
pub(crate) const SHIELDS_UP: &str = "shields_up";

/// Preferences of the node that this program runs on.
#[derive(Debug)]
pub(crate) struct Preferences;

/// An exit node as the journal has it: what identifies it, and what people call it.
pub(super) fn exit_node(id: &str, status: &Status) -> Value {
    if id.is_empty() {
        return Value::Null;
    }
    json!({ "id": id, "name": status.peer_by_id(id).map_or(id, Peer::short_name) })
}

/// The status of this node without its peers, if it is the one with the stable ID `id`.
pub(crate) async fn same_node(tailnet: &Tailnet, id: &str) -> Result<Status> {
    let status = tailnet.daemon().own_status().await?.running()?;
    if status.id() == id {
        return Ok(status);
    }
    let (machine, is) = (status.machine(), status.id());
    Err(Error::refused(
        format!("this change is for the node {id}, but this program runs on `{machine}` ({is})"),
        "run it on the machine that it is for; a machine that was logged out and in again is a new node",
    ))
}

#[async_trait]
impl Subject for Preferences {
    fn kind(&self) -> &'static str {
        "node preferences"
    }

    async fn read(&self, tailnet: &Tailnet, id: &str, fields: &[&str]) -> Result<Fields> {
        same_node(tailnet, id).await?;
        let prefs = tailnet.daemon().prefs().await?;
        let mut now = Fields::new();
        for field in fields {
            let value = match *field {
                // Its name is known of the peers only.
                EXIT_NODE if !prefs.exit_node_id.is_empty() => {
                    exit_node(&prefs.exit_node_id, &tailnet.daemon().status().await?)
                }
                ALLOW_LAN => json!(prefs.allow_lan),
                ADVERTISED => json!(prefs.advertise_routes),
                ACCEPT_ROUTES => json!(prefs.accept_routes),
                SHIELDS_UP => json!(prefs.shields_up),
                _ => Value::Null,
            };
            now.insert((*field).to_owned(), value);
        }
        Ok(now)
    }

    async fn describe(&self, tailnet: &Tailnet, id: &str) -> Result<String> {
        let status = same_node(tailnet, id).await?;
        let address = status.addresses.first().map(ToString::to_string).unwrap_or_default();
        let os = status.node.as_ref().map(|it| it.os.clone()).unwrap_or_default();
        Ok(format!("the machine that this program runs on, {address}, {os}"))
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        same_node(tailnet, write.id).await?;
        let change = write.change;
        let mut edit = EditPrefs::default();
        match change.field.as_str() {
            EXIT_NODE => {
                let id = change.to.get("id").and_then(Value::as_str).unwrap_or_default();
                edit.exit_node_id = Some(id.to_owned());
            }
            ALLOW_LAN => edit.allow_lan = Some(wanted(change)?),
            ADVERTISED => edit.advertise_routes = Some(wanted(change)?),
            ACCEPT_ROUTES => edit.accept_routes = Some(wanted(change)?),
            SHIELDS_UP => edit.shields_up = Some(wanted(change)?),
            field => {
                return Err(Error::invalid_input(field, "is not a preference that can be changed"));
            }
        }
        tailnet.daemon().edit_prefs(&edit).await?;
        Ok(Written::default())
    }

    fn compare(&self) -> &dyn Compare {
        self
    }
}

impl Compare for Preferences {
    /// The name of an exit node is for people only.
    fn is_same(&self, field: &str, a: &Value, b: &Value) -> bool {
        match field {
            EXIT_NODE => a.get("id") == b.get("id"),
            _ => same(a, b),
        }
    }

    fn display(&self, field: &str, value: &Value) -> Value {
        match (field, value.get("name")) {
            (EXIT_NODE, Some(name)) => name.clone(),
            _ => value.clone(),
        }
    }
}

fn wanted<T: DeserializeOwned>(change: &Change) -> Result<T> {
    serde_json::from_value(change.to.clone()).map_err(|error| {
        Error::invalid_input(&change.field, format!("has an invalid value: {error}"))
    })
}
