//! Checks every request before it reaches the MCP handler.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody, to_bytes},
    extract::{Extension, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Method, StatusCode, header, request::Parts};
use hyper::body::{Frame, SizeHint};
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    approve::Desk,
    ask::Ask,
    auth::{Access, Admitted, Purpose},
    gate::Gate,
    health::Health,
    holder::Holder,
    hooks::Hook,
    http::Limits,
    identity::Connection,
    limits::{Place, Places, Rate},
    metrics::Metrics,
    refusal::{Reason, Refusal},
    sessions::Sessions,
};

/// What all requests share.
pub(super) struct Shared {
    pub(super) gate: Gate,
    pub(super) access: Access,
    pub(super) limits: Limits,
    pub(super) rate: Rate,
    /// Slots for requests.
    pub(super) requests: Places,
    /// Slots for streams, which last as long as a client listens.
    pub(super) streams: Places,
    pub(super) sessions: Arc<Sessions>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Health,
    pub(super) hook: Option<Hook>,
    pub(super) tailnet_metrics: Option<Ask<String>>,
    pub(super) watch: Option<Ask<Value>>,
    /// The page on which plans are approved.
    pub(super) desk: Option<Desk>,
    /// Cancelled at shutdown.
    pub(super) stopping: CancellationToken,
}

/// Counts responses.
pub(super) async fn count(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let path = match request.uri().path() {
        "/mcp" => "/mcp",
        "/health" => "/health",
        "/health/ready" => "/health/ready",
        "/metrics" => "/metrics",
        "/metrics/tailnet" => "/metrics/tailnet",
        "/hooks/tailscale" => "/hooks/tailscale",
        path if path.starts_with("/approve/") => "/approve",
        _ => "other",
    };
    let response = next.run(request).await;
    shared.metrics.answered(path, response.status().as_u16());
    if let Some(Reason(reason)) = response.extensions().get() {
        shared.metrics.refused(reason);
        tracing::debug!(path, reason, "refused");
    }
    response
}

/// Checks a request and passes it on to the MCP handler, with its principal.
pub(super) async fn guard(
    State(shared): State<Arc<Shared>>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    shared.gate.check(&parts.uri, &parts.headers)?;
    let Admitted { holder, again } =
        shared.admit(Purpose::Mcp, &connection, &mut parts.headers).await?;
    if shared.stopping.is_cancelled() {
        return Err(Refusal::Stopping);
    }
    let who = &holder.principal.key;
    shared.rate.take(who).map_err(Refusal::TooFast)?;
    shared.sessions.check(&parts.headers, &holder)?;
    let places = if listens(&parts) { &shared.streams } else { &shared.requests };
    let place = places.take(who).ok_or(Refusal::Busy)?;
    let limits = &shared.limits;
    let body = read(body, &parts.headers, limits.body, limits.body_within).await?;

    let is_json = parts.method == Method::POST && says_json(&parts.headers);
    let ends_session = parts.method == Method::DELETE;
    parts.extensions.insert(holder.principal.clone());
    let request = Request::from_parts(parts, Body::from(body.clone()));
    let response = Sessions::on_behalf_of(holder.clone(), next.run(request)).await?;
    if is_json && response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return Err(not_a_message(&body));
    }
    if ends_session && response.status() == StatusCode::ACCEPTED {
        // The session has ended, so nothing is left to accept. Clients take only 200 and 204 for success.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let changed = again.map(|it| Arc::clone(&shared).until_changed(holder.clone(), it));
    Ok(response.map(|body| Body::new(Held::new(body, place, holder, changed))))
}

/// Whether the request opens a stream that stays open as long as the client listens.
fn listens(parts: &Parts) -> bool {
    let says = |name: &str, word: &str| parts.headers.get(name).is_some_and(|it| it == word);
    // Earlier protocol versions do not require this header to match the body.
    let stateless = says("mcp-protocol-version", "2026-07-28");
    parts.method == Method::GET || (stateless && says("mcp-method", "subscriptions/listen"))
}

/// Reads a request body, within the limits on size and time.
pub(super) async fn read(
    body: Body,
    headers: &HeaderMap,
    limit: usize,
    within: Duration,
) -> Result<Bytes, Refusal> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    if announced.is_some_and(|it: usize| it > limit) {
        return Err(Refusal::TooLarge(limit));
    }
    match tokio::time::timeout(within, to_bytes(body, limit)).await {
        Ok(Ok(body)) => Ok(body),
        // The only other reason is a client that has disconnected and reads no answer.
        Ok(Err(_)) => Err(Refusal::TooLarge(limit)),
        Err(_) => Err(Refusal::TooSlow),
    }
}

fn says_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = kind.and_then(|it| it.split(';').next());
    kind.is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json"))
}

/// The refusal for a body that rmcp rejected; rmcp does not distinguish the two reasons.
fn not_a_message(body: &[u8]) -> Refusal {
    match serde_json::from_slice::<IgnoredAny>(body) {
        Ok(_) => Refusal::NoMessage,
        Err(_) => Refusal::NotJson,
    }
}

/// A response body that keeps its slot until it is sent, and ends when the token becomes invalid or the caller
/// is not allowed the same any more.
struct Held {
    body: Body,
    _place: Place,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Held {
    fn new(
        body: Body,
        place: Place,
        holder: Holder,
        changed: Option<impl Future<Output = ()> + Send + 'static>,
    ) -> Self {
        let ended = async move {
            let changed = async {
                match changed {
                    Some(changed) => changed.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = holder.ended.cancelled() => {}
                () = changed => {}
            }
        };
        Self { body, _place: place, ended: Box::pin(ended) }
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.ended.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
