//! Who calls, where nodes of the tailnet do: by a daemon of a test's own, and in `real_daemon` by real ones.

mod callers;
mod entries;
mod fake;
mod real_daemon;
mod streams;
mod unix;
mod wire;

use std::{net::SocketAddr, path::Path, sync::Arc};

use tailsteward::{
    Tailnet,
    local::Daemon,
    mcp::{Server, Setup},
    sandbox::Sandbox,
    server::{Access, Http, NodeRules, Nodes, Options, Probe},
    tailnet::Tailnets,
    tool::Risk,
};
use tokio::task::JoinHandle;

use crate::support::tailnet::sandbox;

pub const CAPABILITY: &str = "example.com/cap/tailsteward";

/// A server whose callers are nodes of a tailnet; it ends with this value.
pub struct Served {
    pub address: Option<SocketAddr>,
    task: JoinHandle<tailsteward::Result<()>>,
    /// Kept as long as it is served.
    sandbox: Option<Sandbox>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
        drop(self.sandbox.take());
    }
}

/// What the server is asked to be: where its daemon is, and what differs from the usual.
pub struct Wanted<'a> {
    pub socket: &'a Path,
    pub rules: NodeRules,
    pub listen: &'a str,
    pub behind_serve: bool,
    pub users: Vec<u32>,
}

impl<'a> Wanted<'a> {
    pub fn by(socket: &'a Path) -> Self {
        let rules = NodeRules::new(CAPABILITY).unwrap();
        Self { socket, rules, listen: "127.0.0.1:0", behind_serve: false, users: Vec::new() }
    }

    fn access(&self) -> Access {
        let nodes = Arc::new(Nodes::new(Daemon::at(self.socket), self.rules.clone()));
        if self.behind_serve { Access::TailnetServe(nodes) } else { Access::Tailnet(nodes) }
    }

    /// A server of a sandbox, up to `danger`.
    pub async fn served(self) -> Served {
        let (sandbox, tailnet) = sandbox().await;
        let mut served = self.of(tailnet, |_| ()).await;
        served.sandbox = Some(sandbox);
        served
    }

    pub async fn of(
        self,
        tailnets: impl Into<Tailnets>,
        change: impl FnOnce(&mut Options),
    ) -> Served {
        let mut setup = Setup::new(Risk::Danger).unwrap();
        setup.offer = setup.offer.with_caller_tools();
        let server = Server::new(tailnets, setup);
        let mut options = Options::new(self.access());
        options.limits.rate = 10_000.try_into().unwrap();
        change(&mut options);
        let http = match self.listen.strip_prefix("unix:") {
            Some(path) => Http::bind_unix(Path::new(path), self.users, options).await,
            None => Http::bind(self.listen.parse().unwrap(), options).await,
        };
        let http = http.unwrap();
        let address = http.address();
        let probe = Probe::new(async || Ok(()));
        let task = tokio::spawn(http.serve(server, probe, std::future::pending(), async {}));
        Served { address, task, sandbox: None }
    }
}

/// A tailnet under the name of a profile.
pub fn named(name: &str, tailnet: &Tailnet) -> (String, Tailnet) {
    (name.to_owned(), tailnet.clone())
}
