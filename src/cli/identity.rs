//! How `serve --http` identifies callers.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, sync::Arc};

use clap::{Args, ValueEnum};

use url::Url;

use crate::{
    client::{Error, Result},
    config,
    local::Daemon,
    server::{Access, AccessTokens, Http, NodeRules, Nodes, OAuthRules, Options},
};

/// The default port.
const PORT: u16 = 8710;

/// How the server identifies callers. A listener uses one of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Auth {
    /// By a token (see `token add`)
    #[default]
    Token,
    /// By the caller's tailnet node; grants in the policy file decide what it may do
    Tailnet,
    /// By the caller's tailnet node, behind `tailscale serve`; needs a Unix socket
    TailnetServe,
    /// By an access token of an authorization server
    Oauth,
}

/// Who may call, if nodes of the tailnet do.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Identification of callers (HTTP)")]
pub(super) struct ByNode {
    /// How the server identifies callers [default: token]
    #[arg(long, env = "TAILSTEWARD_AUTH", value_name = "MODE", requires = "http")]
    pub(super) auth: Option<Auth>,
    /// The app capability in grants of the policy file, under a domain that you own, such as
    /// `example.com/cap/tailsteward`
    #[arg(long, env = "TAILSTEWARD_CAPABILITY", value_name = "NAME", requires = "http")]
    capability: Option<String>,
    /// Allow calls from this machine through its own Tailscale address, as the node's owner
    #[arg(long, requires = "http")]
    allow_self: bool,
    /// Allow calls from nodes of other tailnets, if this node is shared with their users
    #[arg(long, requires = "http")]
    allow_shared: bool,
    /// A user ID that may connect to the Unix socket, instead of root and the user of `tailscaled`; may be
    /// repeated
    #[arg(long = "serve-user", value_name = "UID", requires = "http")]
    serve_users: Vec<u32>,
    /// The issuer URL of the authorization server whose access tokens are accepted
    #[arg(long, env = "TAILSTEWARD_OAUTH_ISSUER", value_name = "URL", requires = "http")]
    oauth_issuer: Option<Url>,
    /// Check each token with the authorization server (introspection), as this client; its secret is in
    /// `TAILSTEWARD_OAUTH_SECRET`
    #[arg(long, env = "TAILSTEWARD_OAUTH_CLIENT_ID", value_name = "ID", requires = "http")]
    oauth_client_id: Option<String>,
}

impl ByNode {
    /// How the server identifies callers, by token by default.
    pub(super) fn mode(&self) -> Auth {
        self.auth.unwrap_or_default()
    }

    /// Fails if an option is set that the mode has no use for.
    pub(super) fn fits(&self) -> Result<()> {
        let of_nodes = self.capability.is_some() || self.allow_self || self.allow_shared;
        if matches!(self.mode(), Auth::Token | Auth::Oauth) && of_nodes {
            return Err(Error::config(
                "--capability, --allow-self and --allow-shared only apply to callers from the tailnet",
                "add --auth tailnet, or leave them out",
            ));
        }
        let of_oauth = [
            ("--oauth-issuer", self.oauth_issuer.is_some()),
            ("--oauth-client-id", self.oauth_client_id.is_some()),
        ];
        if let Some((option, _)) = of_oauth.iter().find(|it| it.1)
            && self.mode() != Auth::Oauth
        {
            let remedy = "add --auth oauth, or leave it out";
            return Err(Error::config(format!("{option} only applies to access tokens"), remedy));
        }
        if self.mode() != Auth::TailnetServe && !self.serve_users.is_empty() {
            let remedy = "add --auth tailnet-serve, or leave it out";
            return Err(Error::config(
                "--serve-user only applies behind `tailscale serve`",
                remedy,
            ));
        }
        Ok(())
    }

    /// The nodes that `daemon` knows, under these options.
    fn nodes(&self, daemon: &Daemon) -> Result<Arc<Nodes>> {
        let Some(capability) = &self.capability else {
            return Err(Error::config(
                "--capability is required: the app capability that grants give callers of this server",
                "choose a name under a domain that you own, such as `--capability example.com/cap/tailsteward`",
            ));
        };
        let mut rules = NodeRules::new(capability)?;
        (rules.allow_self, rules.allow_shared) = (self.allow_self, self.allow_shared);
        Ok(Arc::new(Nodes::new(daemon.clone(), rules)))
    }

    /// Callers with access tokens for the endpoint below `public_url`.
    pub(super) fn tokens(&self, public_url: Option<&Url>) -> Result<Access> {
        let Some((issuer, public_url)) = self.oauth_issuer.clone().zip(public_url.cloned()) else {
            return Err(Error::config(
                "--auth oauth needs the authorization server and this server's own URL, for which tokens are \
                 issued",
                "add --oauth-issuer https://… and --public-url https://…",
            ));
        };
        let mut resource = public_url;
        if !resource.path().ends_with("/mcp") {
            resource.set_path(&format!("{}/mcp", resource.path().trim_end_matches('/')));
        }
        let mut rules = OAuthRules::new(issuer, resource)?;
        if let Some(id) = &self.oauth_client_id {
            rules.introspection = Some((id.clone(), config::oauth_secret()?));
        }
        Ok(Access::OAuth(Arc::new(AccessTokens::new(rules))))
    }

    /// Callers from the tailnet.
    pub(super) fn access(&self, daemon: &Daemon) -> Result<Access> {
        let nodes = self.nodes(daemon)?;
        Ok(match self.mode() {
            Auth::TailnetServe => Access::TailnetServe(nodes),
            _ => Access::Tailnet(nodes),
        })
    }

    /// Binds to the address or socket that was asked for.
    pub(super) async fn bind(
        &self,
        listen: Listen,
        options: Options,
        daemon: &Daemon,
    ) -> Result<Http> {
        match listen {
            Listen::Unix(path) => {
                let mut users = self.serve_users.clone();
                if users.is_empty() {
                    users.extend([0, daemon.user().await?]);
                }
                Http::bind_unix(&path, users, options).await
            }
            Listen::Address(address) => Http::bind(address, options).await,
            Listen::Port(port) if self.mode() == Auth::Tailnet => {
                let status = daemon.own_status().await?.running()?;
                let own = status.addresses.first().copied().filter(|_| status.tun);
                // A daemon without a network device hands connections on to the loopback address.
                let ip = own.unwrap_or(std::net::Ipv4Addr::LOCALHOST.into());
                Http::bind(SocketAddr::new(ip, port), options).await
            }
            Listen::Port(port) => {
                Http::bind(SocketAddr::from(([127, 0, 0, 1], port)), options).await
            }
        }
    }
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listen {
    /// A port of this machine's own address in the tailnet, or else of 127.0.0.1.
    Port(u16),
    /// An address.
    Address(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("must be unix:PATH".to_owned()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let port = text.strip_prefix(':').unwrap_or(text);
        if let Ok(port) = port.parse::<u16>() {
            return Ok(Self::Port(port));
        }
        let address = match text.parse::<std::net::IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, PORT),
            Err(_) => text.replace("localhost", "127.0.0.1").parse().map_err(|_| {
                "must be a port, an IP address, or both, such as 127.0.0.1:8710, or unix:PATH"
                    .to_owned()
            })?,
        };
        Ok(Self::Address(address))
    }
}
