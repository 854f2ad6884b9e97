//! What this node serves to its tailnet (Serve) and to the internet (Funnel).
//!
//! The daemon keeps one document. It is always read, changed in one place and written back under its
//! version, so that what others serve stays as it is.

use http::{Method, header::IF_MATCH};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Ask, Daemon};
use crate::{Error, ErrorKind, client::Result};

mod places;

pub use self::places::{Mount, Served, ServedAs};

/// How often a change is repeated when somebody else has changed the document in between.
const TRIES: usize = 5;

/// The document of what this node serves, with its version.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ServeConfig {
    /// The document as the daemon has it; null if nothing was ever served.
    pub document: Value,
    /// The version, for a change.
    etag: String,
}

/// What is served at one mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AtMount {
    /// The handler as the daemon has it, such as `{"Proxy":"http://127.0.0.1:3000"}`; null if there is none.
    pub handler: Value,
    /// Whether the internet reaches the port (Funnel).
    pub funnel: bool,
}

impl ServeConfig {
    /// All that is served.
    pub fn served(&self) -> Vec<Served> {
        places::served(&self.document)
    }

    /// What is served at `mount`.
    pub fn at(&self, mount: &Mount) -> AtMount {
        let web = self.document.get("Web").and_then(|it| it.get(mount.host_port()));
        let handlers = web.and_then(|it| it.get("Handlers"));
        let handler = handlers.and_then(|it| it.get(&mount.path)).cloned().unwrap_or_default();
        AtMount { handler, funnel: self.funnels(&mount.host_port()) }
    }

    /// Whether the internet reaches a host and port.
    fn funnels(&self, host_port: &str) -> bool {
        let allowed = self.document.get("AllowFunnel").and_then(|it| it.get(host_port));
        allowed.and_then(Value::as_bool) == Some(true)
    }

    /// Why nothing can be served over HTTPS at `mount`. None if it can.
    pub fn conflict(&self, mount: &Mount) -> Option<String> {
        let port = mount.port;
        let in_use = |all: &Value| all.get("TCP").and_then(|it| it.get(port.to_string())).cloned();
        let foreground = self.document.get("Foreground").and_then(Value::as_object);
        if foreground.into_iter().flat_map(Map::values).any(|it| in_use(it).is_some()) {
            let why =
                "is in use by a `tailscale serve` or `tailscale funnel` running in a terminal";
            return Some(format!("port {port} {why}"));
        }
        let tcp = in_use(&self.document)?;
        let is_https = tcp.get("HTTPS").and_then(Value::as_bool) == Some(true);
        if !is_https {
            return Some(format!("port {port} serves something other than HTTPS: {tcp}"));
        }
        // `/x` and `/x/` would replace each other.
        let twin = match mount.path.strip_suffix('/') {
            Some("") => return None,
            Some(without) => without.to_owned(),
            None => format!("{}/", mount.path),
        };
        let twin = Mount { path: twin, ..mount.clone() };
        let taken = !self.at(&twin).handler.is_null();
        taken.then(|| format!("{} is already served, and would be replaced", twin.path))
    }

    /// The document with another handler at `mount`; null removes it, and what is empty then.
    fn with_handler(&self, mount: &Mount, handler: &Value) -> Result<Value> {
        let mut document = self.object()?;
        let (host_port, port) = (mount.host_port(), mount.port.to_string());
        if handler.is_null() {
            let web = child(&mut document, "Web")?;
            let emptied = match web.get_mut(&host_port).and_then(Value::as_object_mut) {
                Some(site) => {
                    let handlers = child(site, "Handlers")?;
                    handlers.remove(&mount.path);
                    handlers.is_empty()
                }
                None => true,
            };
            if emptied {
                web.remove(&host_port);
                let others = web.keys().any(|it| it.ends_with(&format!(":{port}")));
                if !others {
                    child(&mut document, "TCP")?.remove(&port);
                }
                // Left behind, the daemon warns that Funnel is on with nothing to serve.
                child(&mut document, "AllowFunnel")?.remove(&host_port);
            }
        } else {
            child(child(child(&mut document, "Web")?, &host_port)?, "Handlers")?
                .insert(mount.path.clone(), handler.clone());
            child(&mut document, "TCP")?.insert(port, json!({ "HTTPS": true }));
        }
        Ok(tidy(document))
    }

    /// The document with Funnel switched on or off for the mount's port.
    fn with_funnel(&self, mount: &Mount, on: bool) -> Result<Value> {
        let mut document = self.object()?;
        let allowed = child(&mut document, "AllowFunnel")?;
        if on {
            allowed.insert(mount.host_port(), Value::Bool(true));
        } else {
            allowed.remove(&mount.host_port());
        }
        Ok(tidy(document))
    }

    fn object(&self) -> Result<Map<String, Value>> {
        match &self.document {
            Value::Null => Ok(Map::new()),
            Value::Object(object) => Ok(object.clone()),
            other => Err(odd(other)),
        }
    }
}

impl Daemon {
    /// What this node serves (`GET serve-config`).
    ///
    /// # Errors
    ///
    /// The same as [`status`](Self::status).
    pub async fn serve_config(&self) -> Result<ServeConfig> {
        let answer = self.get("serve-config", super::MAX_SMALL).await?;
        let etag = answer.header("etag").unwrap_or_default().to_owned();
        Ok(ServeConfig { document: answer.json("serve-config")?, etag })
    }

    /// Sets the handler at `mount`, or removes it if it is null. Everything else that is served is left unchanged.
    ///
    /// # Errors
    ///
    /// [`NotOperator`](ErrorKind::NotOperator) if the user who runs this program may not change it;
    /// [`Stale`](ErrorKind::Stale) if others keep changing it.
    pub async fn set_handler(&self, mount: &Mount, handler: &Value) -> Result<()> {
        self.change_serve(|now| now.with_handler(mount, handler)).await
    }

    /// Switches Funnel on or off for the mount's port.
    ///
    /// # Errors
    ///
    /// The same as [`set_handler`](Self::set_handler).
    pub async fn set_funnel(&self, mount: &Mount, on: bool) -> Result<()> {
        self.change_serve(|now| now.with_funnel(mount, on)).await
    }

    /// Reads, changes and writes the document, again if somebody else was faster.
    async fn change_serve(&self, change: impl Fn(&ServeConfig) -> Result<Value>) -> Result<()> {
        let mut last = None;
        for _ in 0..TRIES {
            let now = self.serve_config().await?;
            let wanted = change(&now)?;
            if wanted == now.document {
                return Ok(());
            }
            let body = serde_json::to_vec(&wanted).map_err(Error::unsendable)?;
            let mut ask = Ask::change(Method::POST, "serve-config", body);
            if !now.etag.is_empty() {
                ask = ask.with(IF_MATCH, &now.etag)?;
            }
            match self.send(ask).await {
                Ok(_) => return self.kept(&wanted).await,
                Err(error) if error.kind() == ErrorKind::Stale => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::new(ErrorKind::Stale, "somebody else kept changing the serve configuration")
        }))
    }

    /// Checks that the daemon kept all that was written: it drops what it does not know without a word.
    async fn kept(&self, wanted: &Value) -> Result<()> {
        let now = self.serve_config().await?;
        let same = |name: &str| now.document.get(name) == wanted.get(name);
        let lost: Vec<&str> =
            ["TCP", "Web", "AllowFunnel"].into_iter().filter(|it| !same(it)).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let why = format!(
            "the serve configuration was written, but reads back differently: {}",
            lost.join(", ")
        );
        Err(Error::new(ErrorKind::OutcomeUnknown, why).with_unknown_effect().with_remedy(
            "check `tailscale serve status`; somebody else may be changing it at the same time",
        ))
    }
}

/// The object under `name`, made if it is missing or null.
fn child<'m>(object: &'m mut Map<String, Value>, name: &str) -> Result<&'m mut Map<String, Value>> {
    let value = object.entry(name).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(object) => Ok(object),
        other => Err(odd(other)),
    }
}

/// Without the objects that a change has left empty, as the daemon's own command does it.
fn tidy(mut document: Map<String, Value>) -> Value {
    for name in ["TCP", "Web", "AllowFunnel"] {
        let empty = document.get(name).and_then(Value::as_object).is_some_and(Map::is_empty);
        if empty {
            document.remove(name);
        }
    }
    Value::Object(document)
}

fn odd(value: &Value) -> Error {
    let why =
        format!("the serve configuration has an unknown format, and is left unchanged: {value}");
    Error::new(ErrorKind::Unsupported, why).with_remedy("change it with `tailscale serve`")
}
