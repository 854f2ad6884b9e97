//! Accepts connections up to a limit, closes slow ones, and lets them finish at shutdown. Beyond the limit,
//! health checks are still answered.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};
use tokio_util::task::TaskTracker;
use tower_http::add_extension::AddExtension;

use super::{
    guard::Shared,
    identity::Connection,
    limits::Places,
    listener::{Accepted, Listener},
};

/// How long to wait if accepting fails, for example because no file descriptors are left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// The most bytes in the headers of a request.
const HEAD_BYTES: usize = 64 << 10;

/// Connections beyond the limit that are open at once. They get an answer to one request.
const SPARE_CONNECTIONS: usize = 1024;
/// How long such a connection may take to send its request.
const SPARE_HEAD_TIMEOUT: Duration = Duration::from_secs(1);

/// The listener, its limits, and the open connections.
pub(super) struct Connections {
    listener: Listener,
    router: Router,
    /// Answers health checks, and says to all else that there are too many connections.
    spare_router: Router,
    shared: Arc<Shared>,
    /// One address gets at most half of them.
    places: Places,
    spare_places: Arc<Semaphore>,
    pub(super) open: TaskTracker,
}

impl Connections {
    pub(super) fn new(
        listener: Listener,
        router: Router,
        spare_router: Router,
        shared: Arc<Shared>,
    ) -> Self {
        let all = shared.limits.connections;
        // All that comes through a Unix socket is from one program.
        let each = if listener.address().is_some() { all.div_ceil(2) } else { all };
        let places = Places::new(all, each);
        let spare_places = Arc::new(Semaphore::new(SPARE_CONNECTIONS));
        let open = TaskTracker::new();
        Self { listener, router, spare_router, shared, places, spare_places, open }
    }

    /// Accepts the next connection and serves it in its own task. Cancel-safe.
    pub(super) async fn next(&self) {
        match self.listener.accept().await {
            Ok(Some((stream, connection))) => self.admit(stream, connection),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

impl Connections {
    /// Serves a connection, as one beyond the limit if there are as many already.
    fn admit(&self, stream: Accepted, connection: Connection) {
        let shared = Arc::clone(&self.shared);
        let address = connection.peer().map(|it| it.ip().to_canonical().to_string());
        if let Some(place) = self.places.take(&address.unwrap_or_default().into()) {
            let router = self.router.clone();
            let head_within = shared.limits.head_within;
            let open = Open { router, shared, head_within, keep_alive: true, connection };
            self.open.spawn(open.serve(stream, place));
        } else if let Ok(place) = Arc::clone(&self.spare_places).try_acquire_owned() {
            let (router, head_within) = (self.spare_router.clone(), SPARE_HEAD_TIMEOUT);
            let open = Open { router, shared, head_within, keep_alive: false, connection };
            self.open.spawn(open.serve(stream, place));
        }
        // Beyond those, connections are closed.
    }
}

/// How an open connection is served.
struct Open {
    router: Router,
    shared: Arc<Shared>,
    head_within: Duration,
    keep_alive: bool,
    connection: Connection,
}

impl Open {
    /// Serves the connection, which takes `_place` as long as it is open.
    async fn serve<P>(self, stream: Accepted, _place: P) {
        self.shared.metrics.connections.inc();
        let metrics = Arc::clone(&self.shared.metrics);
        match stream {
            Accepted::Tcp(stream) => {
                // Send small responses immediately, without Nagle's algorithm.
                let _ = stream.set_nodelay(true);
                self.speak(stream).await;
            }
            #[cfg(unix)]
            Accepted::Unix(stream) => self.speak(stream).await,
        }
        metrics.connections.dec();
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let service = AddExtension::new(self.router, self.connection);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_within)
            .keep_alive(self.keep_alive)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shared.stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection was interrupted");
        }
    }
}
