//! A connection, and who was found behind it.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use crate::server::{holder::Holder, refusal::Refusal};

/// How long an answer about a connection counts.
const FRESH: Duration = Duration::from_secs(5);

/// A connection. Every request carries that of its own.
#[derive(Clone)]
pub(in crate::server) struct Connection(Arc<Inner>);

struct Inner {
    /// The other end; none on a Unix socket.
    peer: Option<SocketAddr>,
    known: Mutex<Option<(Instant, Result<Holder, Refusal>)>>,
}

impl Connection {
    pub(in crate::server) fn new(peer: Option<SocketAddr>) -> Self {
        Self(Arc::new(Inner { peer, known: Mutex::default() }))
    }

    /// The other end, as the operating system says; none on a Unix socket.
    pub(in crate::server) fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// Who is behind it, by `ask` or by what that found a moment ago. That it could not be found out is not
    /// remembered.
    pub(super) async fn holder(
        &self,
        ask: impl Future<Output = Result<Holder, Refusal>>,
    ) -> Result<Holder, Refusal> {
        let mut known = self.0.known.lock().await;
        if let Some((_, found)) = known.as_ref().filter(|it| it.0.elapsed() < FRESH) {
            return found.clone();
        }
        let found = ask.await;
        let is_known = !matches!(found, Err(Refusal::Unknown(_)));
        *known = is_known.then(|| (Instant::now(), found.clone()));
        found
    }
}
