//! Whether the server lives, and whether it is ready: whether the API answers.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, Uri, header};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{sync::Mutex, time::Instant};

use super::{auth::Purpose, guard::Shared, metrics, refusal::Refusal};
use crate::{
    ErrorKind,
    client::{Error, Result},
};

/// How long an answer holds. Whoever asks more often does not make us ask the API.
const FRESH: Duration = Duration::from_secs(5);

/// How long the API may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

type Answer = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Asks whether what the server needs answers.
#[derive(Clone)]
pub struct Probe(Arc<dyn Fn() -> Answer + Send + Sync>);

impl Probe {
    /// Asks with `ask`.
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

/// What the probe said last.
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
        // Whoever comes while one asks waits for the same answer.
        let mut last = self.last.lock().await;
        if let Some((_, said)) = last.as_ref().filter(|it| it.0.elapsed() < FRESH) {
            return said.clone();
        }
        let said =
            tokio::time::timeout(CHECK_TIMEOUT, (self.probe.0)()).await.unwrap_or_else(|_| {
                let message =
                    format!("the API did not answer within {} s", CHECK_TIMEOUT.as_secs());
                Err(Error::new(ErrorKind::Timeout, message))
            });
        *last = Some((Instant::now(), said.clone()));
        said
    }
}

/// It lives: no more than that this is answered.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The answer on readiness.
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
}

/// Whether it is ready. What stands in the way is told to those who may know.
pub(super) async fn ready(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    mut headers: HeaderMap,
) -> Response {
    let said = if shared.stopping.is_cancelled() {
        Err(Error::new(ErrorKind::Refused, "the server is going down"))
    } else {
        shared.health.ask().await
    };
    let told = shared.gate.check(&uri, &headers).is_ok()
        && shared.admit(Purpose::Metrics, &uri, &mut headers).is_ok();
    let error = said.as_ref().err().filter(|_| told);
    let body = Readiness {
        status: if said.is_ok() { "ready" } else { "unready" },
        sessions: told.then(|| shared.sessions.count()),
        requests: told.then(|| shared.requests.taken()),
        kind: error.map(Error::kind),
        message: error.map(ToString::to_string),
        remedy: error.and_then(Error::remedy),
    };
    let code = if said.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(body)).into_response()
}

/// The counters, for Prometheus.
pub(super) async fn counters(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    mut headers: HeaderMap,
) -> Result<Response, Refusal> {
    shared.gate.check(&uri, &headers)?;
    shared.admit(Purpose::Metrics, &uri, &mut headers)?;
    let text = shared.metrics.text(shared.sessions.count(), shared.requests.taken());
    Ok(([(header::CONTENT_TYPE, metrics::MEDIA_TYPE)], text).into_response())
}
