//! Accepts connections up to a limit, closes slow ones, and lets them finish at shutdown. Beyond the limit,
//! health checks are still answered.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::task::TaskTracker;

use super::{guard::Shared, limits::Places};

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
    listener: TcpListener,
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
        listener: TcpListener,
        router: Router,
        spare_router: Router,
        shared: Arc<Shared>,
    ) -> Self {
        let all = shared.limits.connections;
        let places = Places::new(all, all.div_ceil(2));
        let spare_places = Arc::new(Semaphore::new(SPARE_CONNECTIONS));
        let open = TaskTracker::new();
        Self { listener, router, spare_router, shared, places, spare_places, open }
    }

    /// Accepts the next connection and serves it in its own task. Cancel-safe.
    pub(super) async fn next(&self) {
        match self.listener.accept().await {
            Ok((stream, peer)) => self.admit(stream, peer.ip()),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

impl Connections {
    /// Serves a connection, as one beyond the limit if there are as many already.
    fn admit(&self, stream: TcpStream, address: IpAddr) {
        let shared = Arc::clone(&self.shared);
        if let Some(place) = self.places.take(&address.to_canonical().to_string().into()) {
            let router = self.router.clone();
            let head_within = shared.limits.head_within;
            self.open.spawn(serve(stream, router, shared, head_within, true, place));
        } else if let Ok(place) = Arc::clone(&self.spare_places).try_acquire_owned() {
            let router = self.spare_router.clone();
            self.open.spawn(serve(stream, router, shared, SPARE_HEAD_TIMEOUT, false, place));
        }
        // Beyond those, connections are closed.
    }
}

/// Serves one connection, which takes `_place` as long as it is open.
async fn serve<P>(
    stream: TcpStream,
    router: Router,
    shared: Arc<Shared>,
    head_within: Duration,
    keep_alive: bool,
    _place: P,
) {
    shared.metrics.connections.inc();
    // Send small responses immediately, without Nagle's algorithm.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .keep_alive(keep_alive)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shared.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection was interrupted");
    }
    shared.metrics.connections.dec();
}
