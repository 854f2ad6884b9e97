//! Requests to a program on this machine over HTTP: through a Unix socket, a Windows pipe, or a port with a
//! password. Nothing of the API's credential or settings goes there.

use std::{error::Error as _, io, path::PathBuf, sync::Arc, sync::OnceLock, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Error, Result, http as built, retry};

/// Where a program on this machine takes requests.
#[derive(Debug, Clone)]
pub(crate) enum Door {
    /// A Unix socket.
    Socket(PathBuf),
    /// A named pipe of Windows.
    Pipe(String),
    /// A port of 127.0.0.1 that asks for a password.
    #[cfg_attr(
        not(any(feature = "server", target_os = "macos", test)),
        expect(dead_code, reason = "only the app of macOS has one")
    )]
    Port(u16, SecretString),
}

/// Sends requests through one door. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    door: Door,
    /// The name of the host that the program expects.
    host: &'static str,
    http: Arc<OnceLock<Result<reqwest::Client>>>,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// The longest time from the start until the answer's end.
    pub(crate) timeout: Duration,
    /// The most bytes of an answer.
    pub(crate) limit: usize,
}

/// An answer of any status.
#[derive(Debug, Clone)]
pub(crate) struct ProgramAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(crate) enum NoAnswer {
    /// There is no such door.
    Absent,
    /// The door is there, and nobody is behind it.
    Closed,
    /// This user may not open it.
    Denied,
    /// Nothing came in time; the request was sent.
    TooLate,
    /// Something else, in words; whether the request was sent is not known.
    Other(Error),
}

/// How often a door that is busy, or not yet open, is tried again, and how long it waits between.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_millis(50);

impl Program {
    pub(crate) fn new(door: Door, host: &'static str) -> Self {
        Self { door, host, http: Arc::default() }
    }

    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    /// Sends a request, and reads the answer up to the request's limit.
    pub(crate) async fn send(&self, request: &Request) -> Result<ProgramAnswer, NoAnswer> {
        let client = self.http.get_or_init(|| built::build_program(&self.door));
        let client = client.as_ref().map_err(|error| NoAnswer::Other(error.clone()))?;
        let mut tries = 0;
        let answer = loop {
            let failed = match self.prepared(client, request).send().await {
                Ok(answer) => break answer,
                Err(failed) => failed,
            };
            tries += 1;
            // Nothing was sent yet, so trying again cannot do anything twice.
            if !(failed.is_connect() && is_passing(&failed)) || tries >= TRIES {
                return Err(NoAnswer::of(&failed));
            }
            tokio::time::sleep(PAUSE).await;
        };
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = built::body(answer, request.limit).await.map_err(NoAnswer::Other)?;
        Ok(ProgramAnswer { status, headers, body })
    }

    fn prepared(&self, client: &reqwest::Client, request: &Request) -> reqwest::RequestBuilder {
        let url = match &self.door {
            Door::Port(port, _) => format!("http://127.0.0.1:{port}{}", request.path),
            _ => format!("http://{}{}", self.host, request.path),
        };
        let mut prepared = client
            .request(request.method.clone(), url)
            .headers(request.headers.clone())
            .timeout(request.timeout);
        if let Door::Port(_, password) = &self.door {
            prepared = prepared.basic_auth("", Some(password.expose_secret()));
        }
        if let Some(body) = &request.body {
            let json = HeaderValue::from_static("application/json");
            prepared = prepared.header(header::CONTENT_TYPE, json).body(body.clone());
        }
        prepared
    }
}

impl NoAnswer {
    fn of(error: &reqwest::Error) -> Self {
        match cause(error) {
            Some(io::ErrorKind::NotFound) => Self::Absent,
            Some(io::ErrorKind::ConnectionRefused) => Self::Closed,
            Some(io::ErrorKind::PermissionDenied) => Self::Denied,
            _ if error.is_timeout() => Self::TooLate,
            _ => Self::Other(Error::new(retry::failure(error), retry::words(error))),
        }
    }
}

/// The operating system's reason.
fn cause(error: &reqwest::Error) -> Option<io::ErrorKind> {
    io_error(error).map(io::Error::kind)
}

fn io_error(error: &reqwest::Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io);
        }
        source = error.source();
    }
    None
}

/// A pipe of which all instances are taken.
const PIPE_BUSY: i32 = 231;

/// Whether the next try may find the door open: all instances of a pipe were taken, or its owner has just
/// started.
fn is_passing(error: &reqwest::Error) -> bool {
    let busy = io_error(error).and_then(io::Error::raw_os_error) == Some(PIPE_BUSY);
    (cfg!(windows) && busy) || cause(error) == Some(io::ErrorKind::ConnectionRefused)
}
