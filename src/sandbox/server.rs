//! From an HTTP request to a handler and back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State as Shared};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response};

use super::http::{Call, Failure, Outcome, Reply, form_pairs};
use super::operations::{Lookup, find};
use super::state::State;
use super::{Sandbox, auth, oauth};

/// Larger than any request the API takes: a batch of attributes for a whole tailnet.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// How many answered requests are remembered.
const LOGGED_REQUESTS: usize = 1000;

/// One answered request: method, path with query, status.
pub(crate) type Logged = (String, String, u16);

/// What the server's tasks share.
#[derive(Debug)]
pub(crate) struct Server {
    state: Mutex<State>,
    log: Mutex<VecDeque<Logged>>,
    count: AtomicU64,
}

impl Server {
    pub(crate) fn new(state: State) -> Self {
        let log = Mutex::new(VecDeque::with_capacity(LOGGED_REQUESTS));
        Self { state: Mutex::new(state), log, count: AtomicU64::new(0) }
    }

    /// The state. A handler that panicked has changed nothing half-way that would matter more than
    /// going on.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn logged(&self) -> Vec<Logged> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn note(&self, parts: &Parts, status: u16) {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LOGGED_REQUESTS {
            log.pop_front();
        }
        log.push_back((parts.method.as_str().to_owned(), path.to_owned(), status));
    }

    /// A value for `x-tailscale-request-id`.
    fn request_id(&self) -> String {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        format!("REQ-{}", super::ids::hex_digest(number, 9))
    }

    fn answer(&self, parts: &Parts, body: Bytes) -> Outcome {
        let Some(path) = parts.uri.path().strip_prefix("/api/v2/") else {
            return Err(Failure::not_found("not found"));
        };
        let mut state = self.state();
        let now = state.clock.now();
        let method = parts.method.as_str();
        match (method, path) {
            ("POST", "oauth/token") => return oauth::token(&mut state, &parts.headers, &body, now),
            ("POST", "oauth/token-exchange") => {
                return oauth::token_exchange(&mut state, &body, now);
            }
            (_, "oauth/token" | "oauth/token-exchange") => return Err(wrong_method("POST".into())),
            _ => {}
        }
        let principal = auth::authenticate(&state, &parts.headers, now)?;
        let (operation, params) = match find(method, &format!("/{path}")) {
            Lookup::Found(operation, params) => (operation, params),
            Lookup::WrongMethod(allowed) => return Err(wrong_method(allowed)),
            Lookup::Unknown => return Err(Failure::not_found("not found")),
        };
        let tailnet = params.iter().find(|(name, _)| *name == "tailnet");
        if tailnet.is_some_and(|(_, name)| name != "-" && name != Sandbox::TAILNET) {
            return Err(Failure::not_found("tailnet not found"));
        }
        operation.access.check(&principal)?;
        let Some(handler) = operation.handler else {
            let (method, path) = (operation.method, operation.path);
            let message =
                format!("the sandbox does not emulate this operation yet: {method} {path}");
            return Err(Failure::new(501, message));
        };
        let query = form_pairs(parts.uri.query().unwrap_or_default());
        let headers = &parts.headers;
        handler(&mut Call { state: &mut state, principal, now, params, query, headers, body })
    }
}

fn wrong_method(allowed: String) -> Failure {
    let mut failure = Failure::new(405, "method not allowed");
    failure.headers.push(("allow", allowed));
    failure
}

/// The server's one route: everything.
pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new().fallback(serve).with_state(server)
}

async fn serve(Shared(server): Shared<Arc<Server>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let outcome = match to_bytes(body, MAX_BODY_BYTES).await {
        Ok(body) => server.answer(&parts, body),
        Err(_) => Err(Failure::new(413, "request body too large")),
    };
    let reply = outcome.unwrap_or_else(Reply::from);
    server.note(&parts, reply.status);
    respond(reply, &server.request_id())
}

fn respond(reply: Reply, request_id: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() =
        reply.status.try_into().unwrap_or(axum::http::StatusCode::INTERNAL_SERVER_ERROR);
    let content_type =
        (!reply.content_type.is_empty()).then(|| ("content-type", reply.content_type.to_owned()));
    let request_id = ("x-tailscale-request-id", request_id.to_owned());
    for (name, value) in reply.headers.into_iter().chain(content_type).chain([request_id]) {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
