//! `tailsteward serve`: runs the MCP server over stdin and stdout, or over HTTP.

use std::{num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use jiff::SignedDuration;
use secrecy::SecretString;
use url::Url;

use super::{
    complain,
    identity::{Auth, ByNode, Listen},
    print,
    report::Reporting,
    token,
};
use crate::{
    Tailnet,
    alerts::Receivers,
    client::{Error, Result, resolve},
    config, jobs,
    live::Live,
    mcp::{SealingKey, Server},
    server::{Access, Ask, Hook, Limits, Options, Probe, Tokens, serve_stdio},
    tailnet::reports::Schedule,
};

/// A warning for `--confirm other`.
const PRIVATE_STORE: &str = "warning: only the user who runs this server can open its store, so nobody else can approve plans with their own \
     account; keep it in Postgres (--store), or see \"Two people\" in docs/approval.md";

/// How to run the server.
#[derive(Debug, Default, Args)]
pub(crate) struct Serve {
    /// Serve Streamable HTTP instead, on this address, port or socket (unix:PATH) of this machine [default:
    /// 127.0.0.1:8710]
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "8710")]
    http: Option<Listen>,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    callers: ByNode,
    #[command(flatten)]
    caps: Caps,
    /// Watch the tailnet: poll the API, and keep a history of what changed
    #[arg(long, env = "TAILSTEWARD_WATCH", value_parser = clap::builder::BoolishValueParser::new())]
    watch: bool,
    #[command(flatten)]
    reports: Reporting,
    /// Keep no state between requests, so that any replica can answer the next one
    #[arg(long, requires = "http")]
    stateless: bool,
    /// The key that replicas share, 32 bytes in base64; or set `TAILSTEWARD_SEALING_KEY`
    #[arg(long, value_name = "PATH")]
    sealing_key_file: Option<PathBuf>,
}

/// Authentication.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Authentication (HTTP)")]
struct Guard {
    /// The token file; see `token add`
    #[arg(long, env = token::VARIABLE, value_name = "PATH")]
    tokens: Option<PathBuf>,
    /// Require no token; only on loopback addresses
    #[arg(long, requires = "http")]
    no_auth: bool,
    /// Another allowed host name: NAME or NAME:PORT; may be repeated
    #[arg(long = "allowed-host", value_name = "HOST", requires = "http")]
    hosts: Vec<String>,
    /// An origin whose pages may use the server, such as `https://app.example.com`; may be repeated
    #[arg(long = "allowed-origin", value_name = "ORIGIN", requires = "http")]
    origins: Vec<String>,
    /// The URL for clients, if a proxy is in front
    #[arg(long, value_name = "URL", requires = "http")]
    public_url: Option<Url>,
}

/// Limits for clients.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Limits (HTTP)")]
struct Caps {
    /// Requests per second for each token [default: 50]
    #[arg(long, value_name = "N", requires = "http")]
    rate: Option<NonZeroU32>,
    /// The largest body, in bytes [default: 4194304]
    #[arg(long, value_name = "BYTES", requires = "http")]
    max_body: Option<usize>,
    /// Concurrent requests; no token gets more than half [default: 256]
    #[arg(long, value_name = "N", requires = "http")]
    max_requests: Option<usize>,
    /// Concurrent sessions; no token gets more than half [default: 1024]
    #[arg(long, value_name = "N", requires = "http")]
    max_sessions: Option<usize>,
    /// How long a call may take, including the user's answer [default: 15m]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "http")]
    call_timeout: Option<Duration>,
    /// Time without a message after which a session ends [default: 30m]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "http")]
    idle_timeout: Option<Duration>,
    /// How long running calls may take to finish at shutdown [default: 1m]
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "http")]
    grace: Option<Duration>,
}

impl Serve {
    /// Whether the tailnet is to be watched.
    pub(super) fn watches(&self) -> bool {
        self.watch
    }

    /// How often reports are made, if this server is to watch.
    pub(super) fn reports(&self) -> Result<Option<Schedule>> {
        let schedule = self.reports.schedule()?;
        if schedule.is_some() && !self.watch {
            let needs = "needs --watch: reports are made by who watches";
            return Err(Error::invalid_input("--report-every", needs));
        }
        Ok(schedule)
    }

    /// The URL of the heartbeat, if this server is to watch.
    pub(super) fn heartbeat(&self) -> Result<Option<SecretString>> {
        if self.watch { config::heartbeat_url() } else { Ok(None) }
    }

    /// Whether HTTP was selected.
    pub(super) fn is_http(&self) -> bool {
        self.http.is_some()
    }

    /// Rejects `--stateless` without a shared store: a plan confirmed at one replica must not run again at
    /// another.
    pub(super) fn shares_its_store(&self, named: bool) -> Result<()> {
        if named || !self.stateless {
            return Ok(());
        }
        Err(Error::config(
            "--stateless needs --store: without it, each replica would have its own journal",
            "give all replicas the same Postgres database with --store, or use --store memory to \
             try it",
        ))
    }

    /// Serves until the client disconnects or the process receives a stop signal.
    pub(crate) async fn run(
        self,
        server: Server,
        tailnet: Tailnet,
        receivers: Live<Receivers>,
    ) -> Result<()> {
        if server.approves_alone() {
            complain(PRIVATE_STORE);
        }
        let due = server.clone();
        tokio::spawn(async move { due.revoke_rotated(jobs::POLL_INTERVAL).await });
        let ending = server.clone();
        tokio::spawn(async move { ending.end_funnels(jobs::FUNNEL_INTERVAL).await });
        let telling = server.clone();
        tokio::spawn(async move { telling.tell_of_alerts().await });
        if self.watch {
            let watching = server.clone();
            tokio::spawn(async move { watching.watch(&receivers).await });
        }
        if let Some(listen) = self.http.clone() {
            return self.over_http(listen, server, tailnet).await;
        }
        let ended = tokio::select! {
            ended = serve_stdio(server.clone()) => ended,
            // A host closes stdin before it stops the process, and does not wait long.
            () = stop_signal() => Ok(()),
        };
        // If the client disconnects, running changes are completed or rolled back before the program exits.
        server.idle().await;
        ended
    }

    /// The key that encrypts the state that clients keep.
    pub(crate) fn sealing_key(&self) -> Result<SealingKey> {
        let shared = match &self.sealing_key_file {
            Some(path) => {
                let key = resolve("--sealing-key-file", &format!("file:{}", path.display()))?;
                keep_private(path);
                Some(key)
            }
            None => config::sealing_key()?,
        };
        match shared {
            Some(key) => SealingKey::parse(&key),
            None if self.stateless => Err(Error::config(
                "--stateless needs a sealing key: without it, no other replica could accept an \
                 answer",
                "create one with `openssl rand -base64 32 > key`, and pass --sealing-key-file to \
                 all replicas",
            )),
            None => SealingKey::random(),
        }
    }

    /// Whether callers may differ in what they are allowed, so that they need tools to ask about it.
    pub(super) fn has_callers(&self) -> bool {
        self.callers.mode() != Auth::Token
    }

    async fn over_http(self, listen: Listen, server: Server, tailnet: Tailnet) -> Result<()> {
        self.callers.fits()?;
        let access = match self.callers.mode() {
            Auth::Token => self.guard.access()?,
            Auth::Oauth => {
                self.guard.has_no_token()?;
                self.callers.tokens(self.guard.public_url.as_ref())?
            }
            Auth::Tailnet | Auth::TailnetServe => {
                self.guard.has_no_token()?;
                self.callers.access(tailnet.daemon())?
            }
        };
        let mut options = Options::new(access);
        options.hosts = self.guard.hosts;
        options.origins = self.guard.origins;
        options.public_url = self.guard.public_url;
        options.stateless = self.stateless;
        options.limits = self.caps.limits();
        report(&mut options, &server)?;
        if server.needs_approvals() {
            options.approvals = Some(server.approvals());
        }
        if let Access::OAuth(tokens) = &options.access {
            let tokens = Arc::clone(tokens);
            tokio::spawn(async move { tokens.try_out().await });
        }
        let authenticates = matches!(options.access, Access::Tokens(_) | Access::OAuth(_));
        let http = self.callers.bind(listen, options, tailnet.daemon()).await?;
        if let Some(address) = http.address() {
            server.reached_at(address, authenticates);
        }
        if let Some(base) = http.base_url().filter(|_| server.needs_approvals()) {
            server.approve_at(&base);
        }
        print(&format!("MCP at {}", http.title()));
        let probe = Probe::new(move || {
            let tailnet = tailnet.clone();
            async move { tailnet.probe().await.map(drop) }
        });
        let idle = server.clone();
        http.serve(server, probe, stop_signal(), async move { idle.idle().await }).await
    }
}

/// Lets the server tell what the history knows, and hear Tailscale's webhooks if there is a secret for them.
fn report(options: &mut Options, server: &Server) -> Result<()> {
    let secrets = config::webhook_secrets()?;
    if server.tailnet().history().is_none() {
        if secrets.is_empty() {
            return Ok(());
        }
        return Err(Error::config(
            "webhooks need a history, and --history is `off`",
            "name a file or a Postgres database with --history, or unset TAILSTEWARD_WEBHOOK_SECRET",
        ));
    }
    if !secrets.is_empty() {
        let listener = server.clone();
        options.hook = Some(Hook::new(secrets, move |kinds| listener.heard(&kinds)));
    }
    let asked = server.clone();
    options.tailnet_metrics = Some(Ask::new(move || {
        let server = asked.clone();
        async move { server.tailnet_metrics().await }
    }));
    let asked = server.clone();
    options.watch = Some(Ask::new(move || {
        let server = asked.clone();
        async move { server.watch_state().await }
    }));
    Ok(())
}

impl Guard {
    /// Fails if an option for tokens is set. A listener identifies callers in one way only.
    fn has_no_token(&self) -> Result<()> {
        if self.no_auth || self.tokens.is_some() {
            return Err(Error::config(
                "--no-auth and --tokens only apply to --auth token",
                "leave them out, or use --auth token",
            ));
        }
        Ok(())
    }

    fn access(&self) -> Result<Access> {
        if self.no_auth && (self.public_url.is_some() || !self.hosts.is_empty()) {
            return Err(Error::config(
                "--no-auth is only for this machine, so it cannot be combined with --public-url or \
                 --allowed-host",
                "create a token with `tailsteward token add NAME`, and leave --no-auth out",
            ));
        }
        if self.no_auth {
            return Ok(Access::Anyone);
        }
        let path = token::path(self.tokens.as_deref())?;
        let tokens = Tokens::open(&path).map_err(|error| {
            error.with_remedy(
                "create a token with `tailsteward token add NAME`, or use --no-auth if only this \
                 machine connects",
            )
        });
        Ok(Access::Tokens(Arc::new(tokens?)))
    }
}

impl Caps {
    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.rate = self.rate.unwrap_or(limits.rate);
        limits.body = self.max_body.unwrap_or(limits.body);
        limits.requests = self.max_requests.unwrap_or(limits.requests);
        limits.sessions = self.max_sessions.unwrap_or(limits.sessions);
        // One connection for each stream, and as many for other requests.
        limits.connections = limits.connections.max(limits.sessions.saturating_mul(2));
        limits.call = self.call_timeout.unwrap_or(limits.call);
        limits.idle = self.idle_timeout.unwrap_or(limits.idle);
        limits.grace = self.grace.unwrap_or(limits.grace);
        limits
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration: Option<SignedDuration> = text.parse().ok();
    duration
        .and_then(|it| Duration::try_from(it).ok())
        .filter(|it| !it.is_zero())
        .ok_or_else(|| "must be a duration, such as `90s` or `15m`".to_owned())
}

/// Returns at the first stop signal. A second one ends the process immediately.
pub(super) async fn stop_signal() {
    signal().await;
    complain("finishing running calls; press Ctrl-C or send the signal again to stop now");
    tokio::spawn(async {
        signal().await;
        complain("stopped before all calls were finished");
        #[expect(clippy::exit, reason = "a second signal asks not to wait")]
        std::process::exit(1);
    });
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}

/// Takes the right to read `path` away from others, as far as the file system lets us.
#[cfg(unix)]
fn keep_private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(mode) = std::fs::metadata(path).map(|file| file.permissions().mode()) else { return };
    let others = mode & 0o077;
    if others == 0 {
        return;
    }
    let own = std::fs::Permissions::from_mode(mode & 0o700);
    let tightened = std::fs::set_permissions(path, own).is_ok();
    tracing::warn!(path = %path.display(), tightened, "others could read the sealing key");
}

#[cfg(not(unix))]
fn keep_private(_: &std::path::Path) {}
