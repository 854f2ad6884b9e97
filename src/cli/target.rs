//! The tailnet that a command is about: a profile, the environment, or the sandbox.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use crate::{
    Credential, Error, ErrorKind, Settings, Tailnet,
    client::Result,
    config::{self, Profiles},
    history::History,
    local::Daemon,
    sandbox::{Options, Sandbox},
    tailnet::Tailnets,
};

/// Requests per second and endpoint to the sandbox, which needs no rate limit.
const SANDBOX_RATE: f64 = 10_000.0;

/// Which tailnet a command is about.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Tailnet")]
pub(super) struct Target {
    /// Use an emulated tailnet instead of a real one; needs no account or setup
    #[arg(long, global = true)]
    pub(super) sandbox: bool,
    /// Devices of the emulated tailnet
    #[arg(long, global = true, default_value_t = 100, value_name = "N")]
    pub(super) sandbox_devices: usize,
    /// A profile of `auth list`; to serve several, separate them with commas
    #[arg(
        long = "profile",
        global = true,
        env = "TAILSTEWARD_PROFILE",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub(super) profiles: Vec<String>,
    /// Let DNS tests and the heartbeat reach this machine and private networks
    #[arg(long, global = true, env = "TAILSTEWARD_PRIVATE_RESOLVERS", value_parser = clap::builder::BoolishValueParser::new())]
    pub(super) private_resolvers: bool,
    /// The file with the profiles
    #[arg(long, global = true, env = "TAILSTEWARD_CONFIG", value_name = "PATH")]
    pub(super) config: Option<PathBuf>,
    /// The socket (on Windows, the named pipe) of this machine's Tailscale daemon, if it is not in the
    /// default place
    #[arg(long, global = true, env = "TAILSTEWARD_SOCKET", value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    /// Look at a Funnel from outside through this address, instead of the public ones of its name
    #[arg(
        long,
        global = true,
        env = "TAILSTEWARD_FUNNEL_INGRESS",
        value_name = "ADDRESS",
        hide = true
    )]
    pub(super) funnel_ingress: Option<SocketAddr>,
}

/// The served tailnets, and the sandbox behind them, if any.
pub(super) struct Served {
    pub(super) tailnets: Tailnets,
    _one: Option<Connected>,
}

/// A tailnet, and the sandbox behind it, if any.
pub(super) struct Connected {
    pub(super) tailnet: Tailnet,
    /// A description of where the settings come from.
    pub(super) source: String,
    _sandbox: Option<Sandbox>,
}

impl Connected {
    /// The tailnet, with its history if one is kept.
    pub(super) fn with_history(&self, history: Option<Arc<History>>) -> Tailnet {
        history.map_or_else(|| self.tailnet.clone(), |it| self.tailnet.with_history(it))
    }
}

impl Target {
    /// Connects to all named tailnets.
    pub(super) async fn connect_all(&self) -> Result<Served> {
        if self.sandbox || self.profiles.len() < 2 {
            let one = self.connect().await?;
            return Ok(Served { tailnets: (&one.tailnet).into(), _one: Some(one) });
        }
        let profiles = Profiles::load(self.config.as_deref())?;
        let open = |name: &String| {
            let name = profiles.choose(Some(name))?;
            Ok((name.to_owned(), self.tailnet(profiles.settings(name)?)))
        };
        let named = self.profiles.iter().map(open).collect::<Result<Vec<_>>>()?;
        Ok(Served { tailnets: Tailnets::new(named)?, _one: None })
    }

    /// Connects to each named tailnet, with the errors of those that cannot be set up.
    pub(super) async fn connect_each(&self) -> Vec<Result<Connected>> {
        if self.sandbox || self.profiles.len() < 2 {
            return vec![self.connect().await];
        }
        let open = |profiles: &Profiles, name: &String| {
            let settings = profiles.settings(profiles.choose(Some(name))?)?;
            let source = format!("profile `{name}`");
            Ok(Connected { tailnet: self.tailnet(settings), source, _sandbox: None })
        };
        match Profiles::load(self.config.as_deref()) {
            Ok(profiles) => self.profiles.iter().map(|name| open(&profiles, name)).collect(),
            Err(error) => vec![Err(error)],
        }
    }

    /// The profile given by `--profile`, if any. More than one is an error.
    pub(super) fn profile(&self) -> Result<Option<&str>> {
        match self.profiles.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            several => Err(Error::config(
                format!("--profile names {} profiles; this command takes one", several.len()),
                "name one profile; only `serve`, `call` and `doctor` take several",
            )),
        }
    }

    pub(super) async fn connect(&self) -> Result<Connected> {
        if !self.sandbox {
            let (settings, source, name) = self.settings()?;
            let tailnet = self.tailnet(settings);
            // People know the tailnet by the name of its profile.
            let tailnet = name.map_or(tailnet.clone(), |name| tailnet.with_name(&name));
            return Ok(Connected { tailnet, source, _sandbox: None });
        }
        let sandbox = self.start(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
        settings.base_url = sandbox.base_url();
        settings.rate = SANDBOX_RATE;
        let source = "the sandbox".to_owned();
        Ok(Connected { tailnet: self.tailnet(settings), source, _sandbox: Some(sandbox) })
    }

    pub(super) fn tailnet(&self, mut settings: Settings) -> Tailnet {
        settings.private_resolvers = self.private_resolvers;
        settings.funnel_ingress = self.funnel_ingress;
        Tailnet::new(settings).with_daemon(self.daemon())
    }

    /// The Tailscale daemon of this machine.
    pub(super) fn daemon(&self) -> Daemon {
        self.socket.as_deref().map_or_else(Daemon::usual, Daemon::at)
    }

    pub(super) async fn start(&self, listen: SocketAddr) -> Result<Sandbox> {
        let options = Options { devices: self.sandbox_devices, listen, ..Options::default() };
        Sandbox::start(options).await.map_err(|error| {
            Error::config(
                format!("cannot start the sandbox on {listen}: {error}"),
                "choose another address",
            )
        })
    }

    /// The settings of the given profile, the environment, or the default profile, a description of the
    /// source, and the profile's name. Never those of the sandbox, which has to be requested.
    pub(super) fn settings(&self) -> Result<(Settings, String, Option<String>)> {
        let profile = |profiles: &Profiles| {
            let name = profiles.choose(self.profile()?)?;
            let source = format!("profile `{name}` in {}", profiles.path().display());
            Ok((profiles.settings(name)?, source, Some(name.to_owned())))
        };
        if self.profile()?.is_some() {
            return profile(&Profiles::load(self.config.as_deref())?);
        }
        if self.config.is_some() {
            let profiles = Profiles::load(self.config.as_deref())?;
            // A file may have receivers and alert rules only.
            if profiles.names().next().is_some() {
                return profile(&profiles);
            }
        }
        match config::from_env() {
            Err(missing) if missing.kind() == ErrorKind::NoCredential => {
                let profiles = Profiles::load(None)?;
                if profiles.names().next().is_none() {
                    return Err(missing);
                }
                profile(&profiles)
            }
            settings => Ok((settings?, "the environment".to_owned(), None)),
        }
    }
}
