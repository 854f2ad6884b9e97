//! Streamable HTTP: the MCP endpoint, its middleware, and the endpoints beside it.

use std::{net::SocketAddr, num::NonZeroU32, path::Path, sync::Arc, time::Duration};

use axum::{
    Router, middleware,
    response::IntoResponse as _,
    routing::{get, post},
};
use http::Method;
use rmcp::{
    ServerHandler,
    transport::{StreamableHttpServerConfig, StreamableHttpService},
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use url::Url;

use super::{
    approve::{self, Desk},
    ask::Ask,
    auth::Access,
    calls::Calls,
    gate::Gate,
    guard::{self, Shared},
    health::{self, Health, Probe},
    hooks::{self, Hook},
    identity::Nodes,
    limits::{Places, Rate},
    listen::Connections,
    listener::Listener,
    metrics::Metrics,
    oauth,
    refusal::Refusal,
    sessions::{SESSION_ID, Sessions},
};
use crate::{
    client::{Error, Result},
    guard::Approvals,
};

/// The host names of this machine, always allowed on loopback.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The answer to somebody who opens the server's address in a browser.
const ABOUT: &str = "This is tailsteward, an MCP server for Tailscale. MCP clients connect to /mcp; \
                     /health reports whether the server is running.\n";

/// How often the token file is checked between requests.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long streams may take to close at shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Options for serving over HTTP. Start with [`Options::new`] and change the fields that differ.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Authentication.
    pub access: Access,
    /// Allowed values of `Host` besides the names of this machine: `NAME` or `NAME:PORT`.
    pub hosts: Vec<String>,
    /// Origins whose pages may use the server: `SCHEME://NAME`, with `:PORT` or with `:*` for any port. On
    /// loopback, pages of this machine are allowed, too.
    pub origins: Vec<String>,
    /// The server's URL for clients, if it is behind a proxy.
    pub public_url: Option<Url>,
    /// Whether no state is kept between requests, so that any replica can answer the next one.
    pub stateless: bool,
    /// Takes Tailscale's webhooks; without it, there is no `/hooks/tailscale`.
    pub hook: Option<Hook>,
    /// What `/metrics/tailnet` answers, in the text format of Prometheus; without it, there is none.
    pub tailnet_metrics: Option<Ask<String>>,
    /// What `/health/ready` says of watching to those who may read metrics.
    pub watch: Option<Ask<Value>>,
    /// The plans that are approved on the page `/approve/ID`; without it, there is none.
    pub approvals: Option<Approvals>,
    /// Limits for clients.
    pub limits: Limits,
}

/// Limits on what one client, and all clients together, may use.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Sustained requests per second for each principal.
    pub rate: NonZeroU32,
    /// The largest request body, in bytes.
    pub body: usize,
    /// How long the headers of a request may take, and how long a connection may be idle.
    pub head_within: Duration,
    /// How long a request body may take.
    pub body_within: Duration,
    /// How long a tool call may take, including the time that a user takes to confirm.
    pub call: Duration,
    /// Concurrent requests. One token gets at most half of them.
    pub requests: usize,
    /// Concurrent sessions, and the same number of streams. One token gets at most half of them.
    pub sessions: usize,
    /// Concurrent connections. One address gets at most half of them.
    pub connections: usize,
    /// How long a session may be idle before it ends.
    pub idle: Duration,
    /// How long running calls may take to finish at shutdown.
    pub grace: Duration,
    /// How often the caller of an open stream is identified again, if callers are nodes of the tailnet.
    pub recheck: Duration,
}

impl Options {
    /// The default options.
    pub fn new(access: Access) -> Self {
        Self {
            access,
            hosts: Vec::new(),
            origins: Vec::new(),
            public_url: None,
            stateless: false,
            hook: None,
            tailnet_metrics: None,
            watch: None,
            approvals: None,
            limits: Limits::default(),
        }
    }

    fn gate(&self, address: Option<SocketAddr>) -> Result<Gate> {
        let mut hosts = self.hosts.clone();
        let mut origins = self.origins.clone();
        hosts.extend(LOOPBACK.map(str::to_owned));
        hosts.extend(address.filter(|it| !it.ip().is_unspecified()).map(|it| it.to_string()));
        let public = self.public_url.as_ref().and_then(Url::host_str);
        hosts.extend(public.map(str::to_owned));
        if address.is_some_and(|it| it.ip().is_loopback()) {
            for scheme in ["http", "https"] {
                origins.extend(LOOPBACK.map(|it| format!("{scheme}://{it}:*")));
            }
        }
        Gate::new(&hosts, &origins)
    }
}

impl Default for Limits {
    fn default() -> Self {
        let rate = NonZeroU32::MIN.saturating_add(49);
        Self {
            rate,
            body: 4 << 20,
            head_within: Duration::from_secs(30),
            body_within: Duration::from_secs(30),
            call: Duration::from_mins(15),
            requests: 256,
            sessions: 1024,
            connections: 4096,
            idle: Duration::from_mins(30),
            grace: Duration::from_mins(1),
            recheck: Duration::from_secs(30),
        }
    }
}

/// A bound server that does not accept requests yet.
#[derive(Debug)]
pub struct Http {
    listener: Listener,
    options: Options,
    /// This node's name in MagicDNS, if callers from the tailnet connect to it.
    name: Option<String>,
}

impl Http {
    /// Binds to `address`.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the address cannot be bound, or is not a loopback address
    /// and there is no authentication, or if a host or origin in the options is invalid. For callers by node,
    /// if the daemon does not answer, or if the address is neither of this node nor a loopback address.
    pub async fn bind(address: SocketAddr, mut options: Options) -> Result<Self> {
        if matches!(options.access, Access::Anyone) && !address.ip().is_loopback() {
            return Err(Error::config(
                format!("{address} can be reached from other machines, and no token is required"),
                "create a token with `tailsteward token add NAME`, or listen on 127.0.0.1",
            ));
        }
        let mut name = None;
        match &options.access {
            Access::Tailnet(nodes) => {
                let status = nodes.status().await?;
                let ip = address.ip().to_canonical();
                if !ip.is_loopback() && !status.addresses.contains(&ip) {
                    return Err(Error::config(
                        format!("{address} is not a Tailscale address of this machine"),
                        match status.addresses.first() {
                            Some(own) => format!("listen on {own}"),
                            None => "this machine has no Tailscale address yet".to_owned(),
                        },
                    ));
                }
                options.hosts.extend(Nodes::names(&status));
                name = Nodes::magic_name(&status);
            }
            Access::TailnetServe(_) => {
                return Err(Error::config(
                    format!(
                        "{address} can be reached without `tailscale serve`, by everybody on this machine"
                    ),
                    "listen on a Unix socket, such as `--http unix:/run/tailsteward/mcp.sock`",
                ));
            }
            _ => {}
        }
        Ok(Self { name, ..Self::bound(Listener::tcp(address).await?, options)? })
    }

    /// Binds to a Unix socket for `tailscale serve`. `users` are the user IDs whose programs may connect: that
    /// of `tailscaled`.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the socket cannot be bound, or callers are
    /// not identified through `tailscale serve`.
    pub async fn bind_unix(path: &Path, users: Vec<u32>, mut options: Options) -> Result<Self> {
        let Access::TailnetServe(nodes) = &options.access else {
            return Err(Error::config(
                "a Unix socket is only for `tailscale serve`",
                "identify callers behind `tailscale serve`, or listen on an address",
            ));
        };
        let status = nodes.status().await?;
        options.hosts.extend(Nodes::names(&status));
        Self::bound(Listener::unix(path, users).await?, options)
    }

    fn bound(listener: Listener, options: Options) -> Result<Self> {
        if options.limits.idle <= options.limits.call {
            return Err(Error::config(
                "the idle timeout would end a session in the middle of a long call",
                "set the idle timeout to more than the call timeout",
            ));
        }
        // An invalid host or origin must not be found only when the address is known to clients.
        options.gate(listener.address())?;
        Ok(Self { listener, options, name: None })
    }

    /// The address it is bound to; none for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.address()
    }

    /// Where clients connect: `http://ADDRESS/mcp`, with this node's name in `MagicDNS` for callers from the
    /// tailnet, or `unix:PATH`.
    pub fn title(&self) -> String {
        match (self.address(), &self.name) {
            (Some(address), Some(name)) => format!("http://{name}:{}/mcp", address.port()),
            (Some(_), None) => format!("{}/mcp", self.listener.title()),
            (None, _) => self.listener.title(),
        }
    }

    /// The URL of the server for people: that of the proxy in front if there is one, otherwise with this node's
    /// name in `MagicDNS` for callers from the tailnet, or the address that it is bound to; none if it is bound
    /// to all addresses.
    pub fn base_url(&self) -> Option<Url> {
        let one = self.address().filter(|it| !it.ip().is_unspecified());
        let named = self.name.as_ref().zip(self.address());
        let named = named.map(|(name, address)| format!("http://{name}:{}/", address.port()));
        let own = named.or_else(|| one.map(|it| format!("http://{it}/")));
        let own = own.and_then(|it| it.parse().ok());
        self.options.public_url.clone().or(own)
    }

    /// Serves `handler` until `stop` completes. Then it accepts no more requests and waits for running
    /// calls and for `idle`, but no longer than the grace period.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) for an invalid host or origin in the options.
    pub async fn serve<H: ServerHandler + Clone>(
        self,
        handler: H,
        probe: Probe,
        stop: impl Future<Output = ()>,
        idle: impl Future<Output = ()>,
    ) -> Result<()> {
        let Self { listener, options, name: _ } = self;
        let shared = Arc::new(shared(&options, listener.address(), probe)?);
        let mut config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(!options.stateless)
            .with_json_response(true)
            .with_max_request_body_bytes(options.limits.body)
            // Both are checked by our own `Gate`, for all paths.
            .disable_allowed_hosts()
            .disable_allowed_origins();
        config.cancellation_token = CancellationToken::new();
        let streams = config.cancellation_token.clone();
        let calls =
            Calls { handler, longest: options.limits.call, metrics: Arc::clone(&shared.metrics) };
        let router = router(calls, config, &shared);
        let spare = spare_router(&shared);
        let connections = Connections::new(listener, router, spare, Arc::clone(&shared));

        accept(&connections, &shared, stop).await;
        shared.stopping.cancel();
        let finished = async { tokio::join!(shared.requests.empty(), idle) };
        if tokio::time::timeout(options.limits.grace, finished).await.is_err() {
            tracing::warn!("some calls did not finish in time");
        }
        streams.cancel();
        connections.open.close();
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, connections.open.wait()).await;
        Ok(())
    }
}

async fn accept(connections: &Connections, shared: &Shared, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut look = tokio::time::interval(POLL_INTERVAL);
    loop {
        tokio::select! {
            () = stop.as_mut() => return,
            () = connections.next() => {}
            _ = look.tick() => {
                if let Access::Tokens(tokens) = &shared.access {
                    tokens.refresh();
                    shared.sessions.end_revoked().await;
                }
            }
        }
    }
}

fn shared(options: &Options, address: Option<SocketAddr>, probe: Probe) -> Result<Shared> {
    let limits = &options.limits;
    // Without authentication, all callers are one principal.
    let alone = options.access.is_open();
    let places = |all: usize| Places::new(all, if alone { all } else { all.div_ceil(2) });
    Ok(Shared {
        gate: options.gate(address)?,
        access: options.access.clone(),
        rate: Rate::new(limits.rate),
        requests: places(limits.requests),
        streams: places(limits.sessions),
        sessions: Arc::new(Sessions::new(places(limits.sessions), limits.idle)),
        metrics: Arc::new(Metrics::new()),
        health: Health::new(probe),
        hook: options.hook.clone(),
        tailnet_metrics: options.tailnet_metrics.clone(),
        watch: options.watch.clone(),
        desk: options.approvals.clone().map(|it| Desk::new(it, options.public_url.clone())),
        stopping: CancellationToken::new(),
        limits: options.limits.clone(),
    })
}

/// All paths with their middleware.
fn router<H: ServerHandler + Clone>(
    calls: Calls<H>,
    config: StreamableHttpServerConfig,
    shared: &Arc<Shared>,
) -> Router {
    let sessions = Arc::clone(&shared.sessions);
    let mcp = StreamableHttpService::new(move || Ok(calls.clone()), sessions, config);
    let guard = middleware::from_fn_with_state(Arc::clone(shared), guard::guard);
    let count = middleware::from_fn_with_state(Arc::clone(shared), guard::count);
    let hooks = Router::new().route("/hooks/tailscale", post(hooks::take));
    let desk = Router::new().route("/approve/{plan}", get(approve::show).post(approve::take));
    let is_oauth = matches!(shared.access, Access::OAuth(_));
    // With the path of the endpoint, and for clients that look at the root.
    let documents = Router::new()
        .route(oauth::PLACE, get(oauth::document))
        .route(&format!("{}/{{*path}}", oauth::PLACE), get(oauth::document));
    let inventory = Router::new().route("/metrics/tailnet", get(health::inventory));
    Router::new()
        .route_service("/mcp", mcp)
        .route_layer(guard)
        .merge(if is_oauth { documents } else { Router::new() })
        .layer(cors(shared))
        .route("/", get(async || ABOUT))
        .route("/metrics", get(health::counters))
        .merge(if shared.tailnet_metrics.is_some() { inventory } else { Router::new() })
        .merge(if shared.desk.is_some() { desk } else { Router::new() })
        .merge(if shared.hook.is_some() { hooks } else { Router::new() })
        // Not behind the `Host` check: health checks use an address instead of a name.
        .route("/health", get(health::live))
        .route("/health/ready", get(health::ready))
        .layer(count)
        .with_state(Arc::clone(shared))
}

/// What connections beyond the limit get.
fn spare_router(shared: &Arc<Shared>) -> Router {
    let full = async || Refusal::ConnectionsFull.into_response();
    Router::new().route("/health", get(health::live)).fallback(full).with_state(Arc::clone(shared))
}

/// Lets pages of allowed origins read the responses (CORS).
fn cors(shared: &Arc<Shared>) -> CorsLayer {
    let shared = Arc::clone(shared);
    let known = AllowOrigin::predicate(move |origin, _| shared.gate.admits(origin));
    CorsLayer::new()
        .allow_origin(known)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            http::HeaderName::from_static(SESSION_ID),
            http::header::WWW_AUTHENTICATE,
            http::header::RETRY_AFTER,
        ])
}
