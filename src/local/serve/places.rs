//! Where something is served, and what.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Error, client::Result, visible::visible_up_to};

/// The most characters of a text of the document that is shown.
const MAX_SHOWN: usize = 200;

/// A place over HTTPS: a name of this node, a port, and a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Mount {
    /// This node's name in MagicDNS, without a dot at its end.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, which begins with a slash.
    pub path: String,
}

/// How something is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServedAs {
    /// Over HTTPS.
    Https,
    /// Over HTTP.
    Http,
    /// As a TCP connection.
    Tcp,
    /// As a TCP connection whose TLS ends here.
    TlsTerminatedTcp,
}

/// Something that is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Served {
    /// Host and port.
    pub at: String,
    /// The path; absent for TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The protocol.
    #[serde(rename = "as")]
    pub how: ServedAs,
    /// The address or the folder behind it, or the kind of response.
    pub target: String,
    /// Whether the internet reaches it (Funnel).
    pub funnel: bool,
    /// Whether it runs in the foreground, so that it ends with its command.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub foreground: bool,
    /// The Tailscale Service that it belongs to; absent if it belongs to the node itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

impl Mount {
    /// A place of this node.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the path is not one.
    pub fn new(host: &str, port: u16, path: &str) -> Result<Self> {
        let wrong = |why: &str| Err(Error::invalid_input("path", why));
        if !path.starts_with('/') {
            return wrong("must begin with a slash, such as `/` or `/docs`");
        }
        let is_plain = |it: char| it.is_ascii_graphic() && !matches!(it, '?' | '#' | '%' | '\\');
        if path.len() > 200 || !path.chars().all(is_plain) || path.contains("//") {
            return wrong("must be a path of at most 200 plain characters, such as `/docs`");
        }
        if path.split('/').any(|it| it == "." || it == "..") {
            return wrong("must not contain `.` or `..`");
        }
        Ok(Self { host: host.trim_end_matches('.').to_owned(), port, path: path.to_owned() })
    }

    /// A place as its [`Display`](fmt::Display) writes it.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is none.
    pub fn read(text: &str) -> Result<Self> {
        let parts = text.find('/').and_then(|at| {
            let (host_port, path) = text.split_at(at);
            let (host, port) = host_port.rsplit_once(':')?;
            Some((host, port.parse().ok()?, path))
        });
        let (host, port, path) =
            parts.ok_or_else(|| Error::invalid_input("id", "must have the form HOST:PORT/PATH"))?;
        Self::new(host, port, path)
    }

    /// Host and port, as the daemon's document has them.
    pub fn host_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The address for a browser.
    pub fn url(&self) -> String {
        match self.port {
            443 => format!("https://{}{}", self.host, self.path),
            port => format!("https://{}:{port}{}", self.host, self.path),
        }
    }
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}{}", self.host, self.port, self.path)
    }
}

/// All that a document serves.
pub(super) fn served(document: &Value) -> Vec<Served> {
    let mut all = part(document, None, false);
    for (name, of) in objects(document, "Services") {
        all.extend(part(of, Some(name), false));
    }
    for (_, of) in objects(document, "Foreground") {
        all.extend(part(of, None, true));
    }
    all
}

fn part(document: &Value, service: Option<&str>, foreground: bool) -> Vec<Served> {
    let service = service.map(str::to_owned);
    let funnels = |at: &str| {
        let allowed = document.get("AllowFunnel").and_then(|it| it.get(at));
        allowed.and_then(Value::as_bool) == Some(true)
    };
    let mut all = Vec::new();
    for (at, site) in objects(document, "Web") {
        let port = at.rsplit(':').next().unwrap_or_default();
        let tcp = document.get("TCP").and_then(|it| it.get(port));
        let http = tcp.and_then(|it| it.get("HTTP")).and_then(Value::as_bool) == Some(true);
        let how = if http { ServedAs::Http } else { ServedAs::Https };
        for (path, handler) in objects(site, "Handlers") {
            let (target, path) = (target(handler), Some(shown(path)));
            let (at, funnel, service) = (shown(at), funnels(at), service.clone());
            all.push(Served { at, path, how, target, funnel, foreground, service });
        }
    }
    for (port, tcp) in objects(document, "TCP") {
        let Some(to) = tcp.get("TCPForward").and_then(Value::as_str) else { continue };
        let name = tcp.get("TerminateTLS").and_then(Value::as_str).unwrap_or_default();
        let how = if name.is_empty() { ServedAs::Tcp } else { ServedAs::TlsTerminatedTcp };
        let allowed = objects(document, "AllowFunnel");
        let suffix = format!(":{port}");
        let funnel = allowed.filter(|(at, _)| at.ends_with(&suffix)).any(|(at, _)| funnels(at));
        let (at, target) = (shown(&format!("{name}:{port}")), shown(to));
        let service = service.clone();
        all.push(Served { at, path: None, how, target, funnel, foreground, service });
    }
    all
}

/// What a handler does.
fn target(handler: &Value) -> String {
    for name in ["Proxy", "Path", "Redirect"] {
        if let Some(to) = handler.get(name).and_then(Value::as_str).filter(|it| !it.is_empty()) {
            return shown(to);
        }
    }
    if handler.get("Text").is_some() { "a text".to_owned() } else { shown(&handler.to_string()) }
}

fn shown(text: &str) -> String {
    visible_up_to(text, MAX_SHOWN).into_owned()
}

/// The members of the object under `name`.
fn objects<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = (&'v str, &'v Value)> {
    let object = value.get(name).and_then(Value::as_object);
    object.into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}
