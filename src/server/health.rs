//! Health endpoints: liveness, and readiness (whether the Tailscale API answers).

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Extension, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, Uri, header};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{sync::Mutex, time::Instant};

use super::{auth::Purpose, guard::Shared, identity::Connection, metrics, refusal::Refusal};
use crate::{
    ErrorKind,
    client::{Error, Result},
};

/// How long a result is reused, so that frequent requests do not cause as many API calls.
const FRESH: Duration = Duration::from_secs(5);

/// How long the API may take to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

type Answer = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A check whether the Tailscale API answers.
#[derive(Clone)]
pub struct Probe(Arc<dyn Fn() -> Answer + Send + Sync>);

impl Probe {
    /// A probe that runs `ask`.
    pub fn new<F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(ask())))
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Probe").finish()
    }
}

/// The probe and its last result.
#[derive(Debug)]
pub(super) struct Health {
    probe: Probe,
    last: Mutex<Option<(Instant, Result<()>)>>,
}

impl Health {
    pub(super) fn new(probe: Probe) -> Self {
        Self { probe, last: Mutex::default() }
    }

    async fn ask(&self) -> Result<()> {
        // A request during a probe waits for its result.
        let mut last = self.last.lock().await;
        if let Some((_, result)) = last.as_ref().filter(|it| it.0.elapsed() < FRESH) {
            return result.clone();
        }
        let result =
            tokio::time::timeout(CHECK_TIMEOUT, (self.probe.0)()).await.unwrap_or_else(|_| {
                let message =
                    format!("the API did not answer within {} s", CHECK_TIMEOUT.as_secs());
                Err(Error::new(ErrorKind::Timeout, message))
            });
        *last = Some((Instant::now(), result.clone()));
        result
    }
}

/// Liveness: responds as long as the process runs.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The body of the readiness answer.
#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<ErrorKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    /// By tailnet, since when it was not looked at. Who is blind still serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    watch: Option<Value>,
}

/// Readiness. Callers who may read metrics get the reason, others only the status.
pub(super) async fn ready(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    uri: Uri,
    mut headers: HeaderMap,
) -> Response {
    let result = if shared.stopping.is_cancelled() {
        Err(Error::new(ErrorKind::Refused, "the server is shutting down"))
    } else {
        shared.health.ask().await
    };
    let detailed = shared.gate.check(&uri, &headers).is_ok()
        && shared.admit(Purpose::Metrics, &connection, &mut headers).await.is_ok();
    let error = result.as_ref().err().filter(|_| detailed);
    let watch = match shared.watch.as_ref().filter(|_| detailed) {
        Some(watch) => tokio::time::timeout(CHECK_TIMEOUT, watch.answer()).await.ok(),
        None => None,
    };
    let body = Readiness {
        status: if result.is_ok() { "ready" } else { "unready" },
        sessions: detailed.then(|| shared.sessions.count()),
        requests: detailed.then(|| shared.requests.taken()),
        kind: error.map(Error::kind),
        message: error.map(ToString::to_string),
        remedy: error.and_then(Error::remedy),
        watch,
    };
    let code = if result.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(body)).into_response()
}

/// The metrics in the format of Prometheus.
pub(super) async fn counters(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    uri: Uri,
    mut headers: HeaderMap,
) -> Result<Response, Refusal> {
    shared.gate.check(&uri, &headers)?;
    shared.admit(Purpose::Metrics, &connection, &mut headers).await?;
    let text = shared.metrics.text(shared.sessions.count(), shared.requests.taken());
    Ok(([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], text).into_response())
}

/// The inventory of the tailnets as metrics, in the text format of Prometheus.
pub(super) async fn inventory(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    uri: Uri,
    mut headers: HeaderMap,
) -> Result<Response, Refusal> {
    shared.gate.check(&uri, &headers)?;
    let admitted = shared.admit(Purpose::TailnetMetrics, &connection, &mut headers).await?;
    let who = &admitted.holder.principal.key;
    shared.rate.take(who).map_err(Refusal::TooFast)?;
    let _place = shared.requests.take(who).ok_or(Refusal::Busy)?;
    let Some(ask) = &shared.tailnet_metrics else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    Ok(([(header::CONTENT_TYPE, metrics::PLAIN_MEDIA_TYPE)], ask.answer().await).into_response())
}
