//! The Tailscale daemon on this machine (`tailscaled`), asked through its LocalAPI.
//!
//! It knows what the admin API does not: how this node reaches its peers, what it sends and receives, what
//! it serves, and who is behind a connection. Nothing is asked before a function needs it.
//!
//! ```no_run
//! # async fn example() -> tailsteward::Result<()> {
//! use tailsteward::local::Daemon;
//!
//! let status = Daemon::usual().status().await?;
//! println!("{} is {}", status.machine(), status.state);
//! # Ok(()) }
//! ```

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

mod certificate;
mod command;
mod counters;
mod dial;
mod failure;
mod metrics;
mod own_server;
mod peer;
mod ping;
mod places;
mod prefs;
mod regions;
pub mod serve;
mod status;
mod whois;

pub use self::{
    certificate::Certificate,
    command::NetCheck,
    counters::{Counters, Moved},
    dial::Dialled,
    metrics::UserMetrics,
    own_server::OwnServer,
    peer::{Path as PeerPath, Peer},
    ping::{Ping, PingKind},
    prefs::{EditPrefs, Prefs},
    regions::Region,
    status::{ExitNodeStatus, Status, TailnetOfNode, UserProfile},
    whois::{WhoIs, WhoIsHost, WhoIsNode},
};
use crate::{
    Error, ErrorKind,
    client::{
        Result,
        program::{Door, NoAnswer, Program, ProgramAnswer, Request},
    },
};

/// The host that the daemon expects.
const HOST: &str = "local-tailscaled.sock";
/// How long most answers may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer: the status of a node with 50,000 peers has about 50 MB.
const MAX_ANSWER: usize = 64 << 20;
/// The largest answer of what is small.
const MAX_SMALL: usize = 4 << 20;

/// The Tailscale daemon on this machine. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Daemon(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The socket that was given. None to look where the platform has it.
    given: Option<Program>,
    /// Where the platform has it, found at the first request that got through.
    found: std::sync::OnceLock<Program>,
}

/// A request to the daemon.
struct Ask<'a> {
    method: Method,
    /// Name of the call, with its query.
    name: &'a str,
    body: Option<Bytes>,
    headers: HeaderMap,
    /// Whether it changes something, so that a lost answer leaves its effect unknown.
    changes: bool,
    timeout: Duration,
    limit: usize,
}

impl<'a> Ask<'a> {
    /// A request that only reads, with a small answer.
    fn new(method: Method, name: &'a str) -> Self {
        let (headers, timeout, limit) = (HeaderMap::new(), TIMEOUT, MAX_SMALL);
        Self { method, name, body: None, headers, changes: false, timeout, limit }
    }

    /// A request that changes something.
    fn change(method: Method, name: &'a str, body: Vec<u8>) -> Self {
        Self { body: Some(body.into()), changes: true, ..Self::new(method, name) }
    }

    /// The same request with a header.
    fn with(mut self, name: HeaderName, value: &str) -> Result<Self> {
        self.headers.insert(name, HeaderValue::from_str(value).map_err(Error::unsendable)?);
        Ok(self)
    }
}

/// An answer of the daemon.
#[derive(Debug)]
struct Answered {
    headers: HeaderMap,
    body: Bytes,
}

impl Daemon {
    /// The daemon at the default place of this platform: a socket, a pipe, or the port of the macOS app.
    pub fn usual() -> Self {
        Self(Arc::new(Inner { given: None, found: std::sync::OnceLock::new() }))
    }

    /// The daemon behind a socket, or on Windows behind a pipe.
    pub fn at(socket: &Path) -> Self {
        let door = if cfg!(windows) {
            Door::Pipe(socket.to_string_lossy().into_owned())
        } else {
            Door::Socket(socket.to_owned())
        };
        let given = Some(Program::new(door, HOST));
        Self(Arc::new(Inner { given, found: std::sync::OnceLock::new() }))
    }

    /// The socket that was given, if any, for the daemon's own command.
    pub(crate) fn socket(&self) -> Option<&Path> {
        match self.0.given.as_ref()?.door() {
            Door::Socket(path) => Some(path),
            _ => None,
        }
    }

    /// The ID of the user that the daemon runs as.
    ///
    /// # Errors
    ///
    /// [`DaemonAbsent`](ErrorKind::DaemonAbsent) if it has no Unix socket, which would show the user.
    #[cfg(feature = "server")]
    pub async fn user(&self) -> Result<u32> {
        let given = self.0.given.as_ref().map(|it| it.door().clone());
        let doors = given.map_or_else(places::doors, |it| vec![it]);
        #[cfg(unix)]
        for door in &doors {
            let Door::Socket(path) = door else { continue };
            let Ok(stream) = tokio::net::UnixStream::connect(path).await else { continue };
            if let Ok(other) = stream.peer_cred() {
                return Ok(other.uid());
            }
        }
        drop(doors);
        Err(failure::absent())
    }

    async fn get(&self, name: &str, limit: usize) -> Result<Answered> {
        self.send(Ask { limit, ..Ask::new(Method::GET, name) }).await
    }

    /// Sends a request; any status but one of success is an error.
    async fn send(&self, ask: Ask<'_>) -> Result<Answered> {
        let request = Request {
            method: ask.method,
            path: format!("/localapi/v0/{}", ask.name),
            headers: ask.headers,
            body: ask.body,
            timeout: ask.timeout,
            limit: ask.limit,
        };
        let answer = self.through(&request, ask.changes).await?;
        if answer.status.is_success() {
            return Ok(Answered { headers: answer.headers, body: answer.body });
        }
        Err(failure::refused(ask.name, &answer, ask.changes))
    }

    /// Sends a request through the door that was given, or through the first that the platform has.
    async fn through(&self, request: &Request, changes: bool) -> Result<ProgramAnswer> {
        if let Some(program) = self.0.given.as_ref().or_else(|| self.0.found.get()) {
            return program
                .send(request)
                .await
                .map_err(|why| failure::unreached(&why, program.door(), changes));
        }
        let mut last = None;
        for door in places::doors() {
            let program = Program::new(door, HOST);
            match program.send(request).await {
                Ok(answer) => {
                    let _ = self.0.found.set(program);
                    return Ok(answer);
                }
                Err(NoAnswer::Absent) => {}
                // A port or a socket that is left of an earlier start.
                Err(NoAnswer::Closed) => {
                    last = Some(failure::unreached(&NoAnswer::Closed, program.door(), changes));
                }
                Err(why) => return Err(failure::unreached(&why, program.door(), changes)),
            }
        }
        Err(last.unwrap_or_else(failure::absent))
    }
}

impl Default for Daemon {
    fn default() -> Self {
        Self::usual()
    }
}

impl Answered {
    /// The value of a header.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|it| it.to_str().ok())
    }

    /// The body as a value of a type.
    fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let why = format!("the Tailscale daemon's answer ({what}) cannot be read: {error}");
            Error::new(ErrorKind::NotJson, why)
                .with_remedy("update Tailscale on this machine, or report this")
        })
    }
}

/// `null` counts as absent.
fn null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Whether an answer says that there is no such thing.
fn is_missing(error: &Error) -> bool {
    error.status() == Some(StatusCode::NOT_FOUND.as_u16())
}
