//! Plans to make a program of this machine public, and to end that.

use jiff::SignedDuration;

use super::{
    Funnel, LONGEST, SHORTEST,
    change::{FUNNEL, HANDLER, Handlers, ends_after, id},
    ready::Ready,
    server::{Found, look},
    target::Target,
};
use crate::{
    Error, ErrorKind,
    change::{Change, Item, OnFailure, Plan, Risk},
    client::Result,
    local::serve::{Mount, ServeConfig, Served},
    words::counted,
};

/// The public ports that Tailscale gives to all nodes with the attribute.
pub(super) const USUAL_PORTS: [u16; 3] = [443, 8443, 10000];

/// What is to be public.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A program of this machine: a port, or an address with http, https or https+insecure.
    Program(String),
    /// This server. With `changes`, even if it offers tools that change something.
    ThisServer {
        /// Whether tools that change something may be public.
        changes: bool,
    },
}

/// A Funnel to make.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expose {
    /// What is to be public.
    pub what: What,
    /// The public port.
    pub port: u16,
    /// The public path.
    pub path: String,
    /// After how long it closes automatically. None for no time limit.
    pub ends_after: Option<SignedDuration>,
}

impl Expose {
    /// A Funnel on port 443 without a time limit.
    pub fn new(what: What) -> Self {
        Self { what, port: 443, path: "/".to_owned(), ends_after: None }
    }
}

impl Funnel<'_> {
    /// Plans to make a program of this machine public. The plan first adds what Funnel needs, if the
    /// credential allows it: `MagicDNS`, HTTPS, the node attribute, and shields up turned off.
    ///
    /// # Errors
    ///
    /// [`Refused`](ErrorKind::Refused) if something else is served at the port and path, if what is missing
    /// cannot be set up from here, and for an MCP server without authentication.
    /// [`InvalidInput`](ErrorKind::InvalidInput) if Funnel does not allow the port.
    pub async fn plan_enable(&self, expose: &Expose) -> Result<Plan> {
        check_time(expose.ends_after)?;
        let ready = self.ready().await?;
        let mount = Mount::new(&ready.host, expose.port, &expose.path)?;
        if !ready.allows(expose.port) {
            let should = format!(
                "must be one of {}, the ports that Funnel allows here",
                ready.ports.join(", ")
            );
            return Err(Error::invalid_input("public_port", should));
        }
        let config = self.daemon().serve_config().await?;
        if let Some(why) = config.conflict(&mount) {
            return Err(in_use(why, &ready, &config));
        }
        let (target, mut warnings) = self.target(expose).await?;
        if let Some(other) = other_handler(&config, &mount, &target) {
            let why = format!("{} already serves {other}, which stays as it is", mount.url());
            return Err(in_use(why, &ready, &config));
        }
        let mut plan = of(&ready.id, &mount, &config, &target, expose.ends_after);
        if plan.is_empty() {
            return Ok(plan);
        }
        plan.least = Risk::Danger;
        plan.warnings.append(&mut warnings);
        self.mend(&ready, &mut plan).await?;
        Ok(plan)
    }

    /// Plans to end what is public at a port and path of this node. The handler is removed with it.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if nothing is served there.
    pub async fn plan_disable(&self, port: u16, path: &str) -> Result<Plan> {
        let status = self.daemon().own_status().await?.running()?;
        let host = status.node.as_ref().map(|it| it.full_name().to_owned()).unwrap_or_default();
        let mount = Mount::new(&host, port, path)?;
        let config = self.daemon().serve_config().await?;
        let at = config.at(&mount);
        if at.handler.is_null() && !at.funnel {
            let why = format!("`{}` serves nothing at {}", status.machine(), mount.url());
            return Err(Error::new(ErrorKind::NotFound, why)
                .with_remedy("check what the machine serves, and give the same port and path"));
        }
        let paths = others(&config, &mount);
        let mut changes = Vec::new();
        // The port's Funnel is for all paths of it.
        if at.funnel && paths.is_empty() {
            changes.push(Change::new(FUNNEL, true, false));
        }
        if !at.handler.is_null() {
            changes.push(Change::new(HANDLER, at.handler, serde_json::Value::Null));
        }
        let mut plan = Plan::one(&Handlers, &id(status.id(), &mount), &mount.url(), changes);
        if at.funnel && !paths.is_empty() {
            let count = counted(paths.len(), "other path", "other paths");
            plan.notes.push(format!("port {port} stays public for {count}: {}", paths.join(", ")));
        }
        Ok(plan)
    }

    /// What is to be public, and what to warn of.
    async fn target(self, expose: &Expose) -> Result<(Target, Vec<String>)> {
        let own = self.tailnet().own_server();
        let (target, may_change) = match &expose.what {
            What::Program(text) => (Target::read(text)?, false),
            What::ThisServer { changes } => {
                let own = own.ok_or_else(|| {
                    Error::refused(
                        "this server does not run over HTTP, so it cannot be made public",
                        "run it over HTTP, with tokens",
                    )
                })?;
                (Target::of_port(own.address.port()), *changes)
            }
        };
        let mut warnings = vec![
            "everybody on the internet can reach it; it must require a password or a token itself"
                .to_owned(),
        ];
        if let Some(own) = own.filter(|it| it.is_at(target.at)) {
            if !own.authenticates {
                return Err(open_server("this server"));
            }
            needs_end(expose)?;
            if own.access > Risk::Read && !may_change {
                return Err(Error::refused(
                    format!("this server offers tools with {} access", own.access),
                    "run it with read access, or allow changes explicitly",
                ));
            }
            warnings.push(
                "it exposes this server and its tools for the tailnet; calls are in the audit log"
                    .to_owned(),
            );
            return Ok((target, warnings));
        }
        match look(&target).await {
            Found::OpenMcp => return Err(open_server(&format!("the MCP server at {}", target.at))),
            Found::Nobody => warnings.push(format!("nothing listens at {} yet", target.at)),
            Found::Guarded => {
                needs_end(expose)?;
                warnings.push(
                    "it looks like an MCP server with tokens: anyone with a token can use all of its tools, so \
                     run it with read access"
                        .to_owned(),
                );
            }
            Found::Other => {}
        }
        Ok((target, warnings))
    }
}

fn open_server(what: &str) -> Error {
    Error::refused(
        format!("{what} accepts requests without authentication, so it must not be public"),
        "set up tokens for it first",
    )
}

/// An MCP server is public for a time only.
fn needs_end(expose: &Expose) -> Result<()> {
    if expose.ends_after.is_some() {
        return Ok(());
    }
    let why =
        "is required for an MCP server, such as `2h`, so that it does not stay public forever";
    Err(Error::invalid_input("for", why))
}

fn check_time(time: Option<SignedDuration>) -> Result<()> {
    match time {
        Some(time) if !(SHORTEST..=LONGEST).contains(&time) => {
            Err(Error::invalid_input("for", "must be between 10s and 30d, such as `2h`"))
        }
        _ => Ok(()),
    }
}

/// The plan for one place, with what is as wanted already left out.
fn of(
    node: &str,
    mount: &Mount,
    config: &ServeConfig,
    target: &Target,
    time: Option<SignedDuration>,
) -> Plan {
    let at = config.at(mount);
    let mut changes = Vec::new();
    let handler = target.handler();
    let same = at.handler.get("Proxy") == handler.get("Proxy");
    if !same {
        changes.push(Change::new(HANDLER, at.handler.clone(), handler));
    }
    if !at.funnel {
        changes.push(Change::new(FUNNEL, false, true));
    }
    // The note comes first: after a crash in the middle, the end is known.
    if let Some(time) = time.filter(|_| !changes.is_empty()) {
        changes.insert(0, ends_after(time));
    }
    let mut plan = Plan::new(vec![Item::new(&Handlers, &id(node, mount), &mount.url(), changes)]);
    plan.on_failure = OnFailure::Undo;
    let paths = others(config, mount);
    if !at.funnel && !paths.is_empty() {
        plan.warnings
            .push(format!("other paths on this port become public, too: {}", paths.join(", ")));
    }
    if let Some(time) = time {
        plan.notes.push(format!(
            "it closes {time:#} after it was opened, if a server with the same journal is running then; \
             otherwise, it closes when the next one starts"
        ));
    }
    plan
}

/// What is served at `mount` now, if it is something other than `target`.
fn other_handler(config: &ServeConfig, mount: &Mount, target: &Target) -> Option<String> {
    let handler = config.at(mount).handler;
    if handler.is_null() || handler.get("Proxy") == target.handler().get("Proxy") {
        return None;
    }
    let is_it = |it: &Served| {
        it.at == mount.host_port()
            && it.path.as_deref() == Some(&mount.path)
            && it.service.is_none()
    };
    let served = config.served().into_iter().find(is_it).map(|it| it.target);
    Some(served.unwrap_or_else(|| "something else".to_owned()))
}

/// A refusal because a place is in use, with the ports at which nothing is served.
fn in_use(why: String, ready: &Ready, config: &ServeConfig) -> Error {
    let served = config.served();
    let is_free = |port: &u16| {
        let end = format!(":{port}");
        ready.allows(*port) && !served.iter().any(|it| it.at.ends_with(&end))
    };
    let free: Vec<String> =
        USUAL_PORTS.into_iter().filter(is_free).map(|port| port.to_string()).collect();
    let remedy = if free.is_empty() {
        "choose another public path, or stop what is served there first".to_owned()
    } else {
        format!(
            "choose a public port where nothing is served ({}), or stop what is served there first",
            free.join(" or ")
        )
    };
    Error::refused(why, remedy)
}

/// The other paths that are served on the same host and port.
pub(super) fn others(config: &ServeConfig, mount: &Mount) -> Vec<String> {
    let own = |it: &&Served| it.at == mount.host_port() && it.service.is_none() && !it.foreground;
    let served = config.served();
    let paths = served.iter().filter(own).filter_map(|it| it.path.clone());
    paths.filter(|it| *it != mount.path).collect()
}
