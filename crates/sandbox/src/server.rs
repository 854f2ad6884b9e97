//! Routes HTTP requests to handlers and sends their responses.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response};
use tokio::runtime::Handle;

use super::connection::Cut;
use super::faults::{self, Faults};
use super::http::{Call, Failure, Outcome, Reply};
use super::operations::{Lookup, find};
use super::organizations::Membership;
use super::tailnets::Tailnets;
use super::webhooks;
use super::{Options, admin, origin};

/// The largest request body. It fits attributes for every device of a large tailnet.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// How many requests are remembered.
const LOGGED_REQUESTS: usize = 1000;

/// A request that got a response: method, path with query, status.
pub(crate) type Logged = (String, String, u16);

/// The shared state of the server.
#[derive(Debug)]
pub(crate) struct Server {
    tailnets: Mutex<Tailnets>,
    faults: Mutex<Faults>,
    log: Mutex<VecDeque<Logged>>,
    count: AtomicU64,
    /// The address that the server listens on.
    addr: SocketAddr,
}

impl Server {
    pub(crate) fn new(options: Options, addr: SocketAddr) -> Self {
        Self {
            faults: Mutex::new(Faults::new(options.seed, options.faults.clone())),
            tailnets: Mutex::new(Tailnets::new(options)),
            log: Mutex::new(VecDeque::with_capacity(LOGGED_REQUESTS)),
            count: AtomicU64::new(0),
            addr,
        }
    }

    /// Locks the tailnets. After a panic in a handler, the state is used as it is.
    pub(crate) fn tailnets(&self) -> MutexGuard<'_, Tailnets> {
        self.tailnets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Posts what webhooks are to get. Outside of a runtime, the next request posts it.
    pub(crate) fn post_notices(&self) {
        let Ok(runtime) = Handle::try_current() else { return };
        for notice in self.tailnets().list.iter_mut().flat_map(|state| state.notices.drain(..)) {
            runtime.spawn(webhooks::post(notice));
        }
    }

    /// A value for `x-tailscale-request-id`.
    fn request_id(&self) -> String {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        format!("REQ-{}", super::ids::hex_digest(number, 9))
    }

    /// Executes a request.
    fn answer(&self, parts: &Parts, body: Bytes) -> Outcome {
        let Some(path) = parts.uri.path().strip_prefix("/api/v2/") else {
            return Err(Failure::not_found("not found"));
        };
        let mut tailnets = self.tailnets();
        let method = parts.method.as_str();
        if matches!(path, "oauth/token" | "oauth/token-exchange") {
            return match method {
                "POST" => tailnets.token(path, &parts.headers, &body),
                _ => Err(wrong_method("POST".into())),
            };
        }
        let now = tailnets.now();
        let (at, principal) = tailnets.authenticate(&parts.headers, now)?;
        let lookup = find(method, &format!("/{path}"));
        let (state, abroad, options) = tailnets.split(at).ok_or_else(Failure::unauthorized)?;
        let is_own =
            |name: &str| name == "-" || name == state.identity.name || name == state.identity.id;
        let (operation, params) = match lookup {
            Lookup::Found(operation, params) => (operation, params),
            Lookup::WrongMethod(allowed) => return Err(wrong_method(allowed)),
            Lookup::Unknown => return Err(Failure::not_found("not found")),
        };
        if options.devices_move {
            state.devices.follow_schedule(now);
        }
        let tailnet = params.iter().find(|(name, _)| *name == "tailnet");
        if tailnet.is_some_and(|(_, name)| !is_own(name)) {
            return Err(Failure::not_found("tailnet not found"));
        }
        operation.access.check(&principal)?;
        let query = parts.uri.query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let headers = &parts.headers;
        let membership = Membership::Unchanged;
        let mut call = Call {
            state,
            abroad,
            options,
            membership,
            principal,
            now,
            params,
            query,
            headers,
            body,
        };
        let outcome = (operation.handler)(&mut call);
        let membership = call.membership;
        tailnets.settle(at, membership);
        outcome
    }
}

fn wrong_method(allowed: String) -> Failure {
    let mut failure = Failure::new(405, "method not allowed");
    failure.headers.push(("allow", allowed));
    failure
}

/// A router that passes every request to [`serve`].
pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new().fallback(serve).with_state(server)
}

async fn serve(
    Shared(server): Shared<Arc<Server>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        server.note(&parts, 413);
        let reply = Failure::new(413, "request body too large").into();
        return respond(reply, &server.request_id());
    };
    if let Some(path) = parts.uri.path().strip_prefix("/_sandbox/") {
        let outcome = origin::check(&parts.headers, server.addr)
            .and_then(|()| admin::answer(&server, &parts.method, path, &body));
        return respond(outcome.unwrap_or_else(Reply::from), &server.request_id());
    }
    let fault = server.faults().next(parts.method.as_str(), parts.uri.path());
    let refused = fault.as_ref().and_then(|fault| faults::refusal(fault, server.tailnets().now()));
    let reply = match refused {
        Some(reply) => reply,
        None => server.answer(&parts, body).unwrap_or_else(Reply::from),
    };
    server.post_notices();
    server.note(&parts, reply.status);
    let response = respond(reply, &server.request_id());
    match fault {
        Some(fault) => faults::deliver(&fault, response, &cut).await,
        None => response,
    }
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
