//! Where connections come in: a TCP address, or a Unix socket that only some users of this machine may use.

use std::{io, net::SocketAddr, path::Path};

use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use super::identity::Connection;
use crate::client::{Error, Result};

/// A bound address or socket.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    #[cfg(unix)]
    Unix(UnixPlace),
}

/// An accepted connection, from which no byte was read.
pub(super) enum Accepted {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// A Unix socket, removed when it is dropped.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct UnixPlace {
    listener: UnixListener,
    path: std::path::PathBuf,
    /// The users whose programs may connect, as the operating system says.
    users: Vec<u32>,
}

impl Listener {
    /// Binds to a TCP address.
    pub(super) async fn tcp(address: SocketAddr) -> Result<Self> {
        let cannot = |error: io::Error| {
            Error::config(format!("cannot listen on {address}: {error}"), "choose another address")
        };
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        Ok(Self::Tcp(listener, address))
    }

    /// Binds to a Unix socket for programs of `users`. A socket that is left of an earlier run is replaced.
    #[cfg(unix)]
    pub(super) async fn unix(path: &Path, users: Vec<u32>) -> Result<Self> {
        use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
        let cannot = |why: &str| {
            Error::config(
                format!("cannot listen on unix:{}: {why}", path.display()),
                "choose another path, in a folder that this user can write to",
            )
        };
        let failed = |error: io::Error| cannot(&error.to_string());
        match std::fs::symlink_metadata(path) {
            Ok(file) if !file.file_type().is_socket() => {
                return Err(cannot("a file that is not a socket is there"));
            }
            Ok(_) if UnixStream::connect(path).await.is_ok() => {
                return Err(cannot("another program listens there"));
            }
            Ok(_) => std::fs::remove_file(path).map_err(failed)?,
            Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        // Who may connect is decided by the user of the other end. Root needs no permission; others do.
        let mode = if users.iter().all(|it| *it == 0) { 0o600 } else { 0o666 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
        Ok(Self::Unix(UnixPlace { listener, path: path.to_owned(), users }))
    }

    /// There are no Unix sockets here.
    #[cfg(not(unix))]
    pub(super) async fn unix(path: &Path, _: Vec<u32>) -> Result<Self> {
        Err(Error::config(
            format!("unix:{}: this system has no Unix sockets", path.display()),
            "listen on an address",
        ))
    }

    /// The TCP address, if it is one.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(_, address) => Some(*address),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// For people: `http://ADDRESS`, or `unix:PATH`.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Tcp(_, address) => format!("http://{address}"),
            #[cfg(unix)]
            Self::Unix(it) => format!("unix:{}", it.path.display()),
        }
    }

    /// Accepts a connection. `None` if its user may not connect: it is closed before a byte is read.
    pub(super) async fn accept(&self) -> io::Result<Option<(Accepted, Connection)>> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                Ok(Some((Accepted::Tcp(stream), Connection::new(Some(peer)))))
            }
            #[cfg(unix)]
            Self::Unix(it) => {
                let (stream, _) = it.listener.accept().await?;
                let user = stream.peer_cred().map(|it| it.uid());
                if user.as_ref().is_ok_and(|user| it.users.contains(user)) {
                    return Ok(Some((Accepted::Unix(stream), Connection::new(None))));
                }
                tracing::warn!(?user, "a program of another user was refused at the socket");
                Ok(None)
            }
        }
    }
}

#[cfg(unix)]
impl Drop for UnixPlace {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
