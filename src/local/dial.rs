//! TCP connections from this machine to a port of the tailnet.

use std::{io, net::SocketAddr, time::Duration};

use http::{HeaderName, Method, StatusCode, header};
use tokio::net::TcpStream;

use super::{Ask, Daemon};
use crate::{Error, ErrorKind, client::Result, visible::visible_up_to};

/// How long a connection may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The result of a connection attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialled {
    /// The connection was accepted.
    Open,
    /// The other machine refused it: nothing listens on the port.
    Refused,
    /// No answer: a firewall drops the packets, or the machine is offline.
    Silent,
    /// Another error, as text.
    Failed(String),
}

impl Daemon {
    /// Opens a TCP connection to a port and closes it again: directly, or through the daemon if the machine
    /// has no network device for the tailnet (`POST dial`).
    ///
    /// # Errors
    ///
    /// [`NotOperator`](ErrorKind::NotOperator) if the daemon does not connect on behalf of the user who runs
    /// this program.
    pub async fn dial(&self, to: SocketAddr, through_daemon: bool) -> Result<Dialled> {
        if through_daemon {
            return self.dial_through(to).await;
        }
        Ok(match tokio::time::timeout(TIMEOUT, TcpStream::connect(to)).await {
            Ok(Ok(_)) => Dialled::Open,
            Ok(Err(error)) => of(error.kind(), &error.to_string()),
            Err(_) => Dialled::Silent,
        })
    }

    async fn dial_through(&self, to: SocketAddr) -> Result<Dialled> {
        let named = HeaderName::from_static;
        let ask = Ask { timeout: TIMEOUT, ..Ask::new(Method::POST, "dial") }
            .with(header::UPGRADE, "ts-dial")?
            .with(header::CONNECTION, "upgrade")?
            .with(named("dial-host"), &to.ip().to_string())?
            .with(named("dial-port"), &to.port().to_string())?
            .with(named("dial-network"), "tcp")?;
        match self.send(ask).await {
            Ok(_) => Ok(Dialled::Open),
            Err(error) if error.status() == Some(StatusCode::SWITCHING_PROTOCOLS.as_u16()) => {
                Ok(Dialled::Open)
            }
            Err(error) if error.kind() == ErrorKind::Timeout => Ok(Dialled::Silent),
            Err(error) if error.kind() == ErrorKind::Upstream => Ok(in_words(&error)),
            Err(error) => Err(error),
        }
    }
}

fn of(kind: io::ErrorKind, words: &str) -> Dialled {
    match kind {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Dialled::Refused,
        io::ErrorKind::TimedOut => Dialled::Silent,
        _ => Dialled::Failed(visible_up_to(words, 200).into_owned()),
    }
}

/// The daemon's words for a connection that failed.
fn in_words(error: &Error) -> Dialled {
    let words = error.to_string();
    if words.contains("connection refused") || words.contains("connection was refused") {
        Dialled::Refused
    } else if words.contains("timeout") || words.contains("timed out") || words.contains("deadline")
    {
        Dialled::Silent
    } else {
        Dialled::Failed(visible_up_to(&words, 200).into_owned())
    }
}
