//! Accepts connections up to a limit, closes slow ones, and lets them finish at shutdown.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::task::TaskTracker;

use super::guard::Shared;

/// How long to wait if accepting fails, for example because no file descriptors are left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// The most bytes in the headers of a request.
const HEAD_BYTES: usize = 64 << 10;

/// The listener, its limits, and the open connections.
pub(super) struct Connections {
    listener: TcpListener,
    router: Router,
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
    pub(super) open: TaskTracker,
}

impl Connections {
    pub(super) fn new(listener: TcpListener, router: Router, shared: Arc<Shared>) -> Self {
        let places = Arc::new(Semaphore::new(shared.limits.connections));
        Self { listener, router, shared, places, open: TaskTracker::new() }
    }

    /// Accepts the next connection and serves it in its own task. Cancel-safe.
    pub(super) async fn next(&self) {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        match self.listener.accept().await {
            Ok((stream, _)) => {
                self.open.spawn(serve(
                    stream,
                    self.router.clone(),
                    Arc::clone(&self.shared),
                    place,
                ));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    router: Router,
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
) {
    shared.metrics.connections.inc();
    // Send small responses immediately, without Nagle's algorithm.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.head_within)
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
        tracing::debug!(%error, "a connection broke off");
    }
    shared.metrics.connections.dec();
}
