//! `tailsteward sandbox`: runs only the emulated admin API.

use std::{io::ErrorKind, net::SocketAddr, path::PathBuf};

use super::{complain, print};
use crate::{
    Error,
    client::Result,
    sandbox::{Options, Sandbox},
};

/// The warning if the sandbox listens on an address that other machines may reach.
const EXPOSED: &str = "warning: this address is not loopback; anybody who can reach it can read and \
                       change the made-up data";

/// Arguments of `sandbox`.
#[derive(Debug, clap::Args)]
pub(super) struct SandboxArguments {
    /// The address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Load the state from this file if it exists, and save it when stopped
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Add a tailnet of the same size; may be repeated
    #[arg(long = "tailnet", value_name = "NAME")]
    tailnets: Vec<String>,
    /// The seed of the emulated tailnet; the same seed creates the same tailnet
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Let devices go offline and come back by themselves
    #[arg(long)]
    moving: bool,
    /// Generate constant traffic: 24 hours of 36 devices have about 0.6 GB of flow logs
    #[arg(long)]
    busy: bool,
    /// Refuse features that the free plan lacks
    #[arg(long)]
    free_plan: bool,
}

/// Serves until the process receives a stop signal.
pub(super) async fn serve(arguments: SandboxArguments, devices: usize) -> Result<()> {
    let SandboxArguments { listen, state, tailnets, seed, moving, busy, free_plan } = arguments;
    let mut names = vec![Sandbox::TAILNET.to_owned()];
    names.extend(tailnets.iter().cloned());
    let is_twice = |name: &&String| names.iter().filter(|it| it == name).count() > 1;
    if let Some(name) = names.iter().find(is_twice) {
        let why = format!("there is more than one tailnet `{name}`");
        return Err(Error::config(why, "give each --tailnet another name"));
    }
    let options = Options {
        devices,
        seed,
        listen,
        more_tailnets: tailnets,
        devices_move: moving,
        busy,
        free_plan,
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.map_err(|error| {
        Error::config(
            format!("cannot start the sandbox on {listen}: {error}"),
            "choose another address",
        )
    })?;
    if let Some(file) = &state {
        match sandbox.load(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let message = format!("cannot load the state in {}: {error}", file.display());
                return Err(Error::config(message, "name another file, or move this one away"));
            }
            _ => {}
        }
    }
    let url = sandbox.base_url();
    let mut lines = vec![format!("the emulated admin API is at {url}; Ctrl-C stops it")];
    for name in names.iter().skip(1) {
        let key = Sandbox::credentials(name).api_key;
        lines.push(format!("the API key of the tailnet {name} is {key}"));
    }
    if !listen.ip().is_loopback() {
        lines.push(EXPOSED.to_owned());
    }
    let stopped = stopped();
    complain(&lines.join("\n"));
    // Nothing but what a shell can run goes to stdout.
    let key = Sandbox::credentials(Sandbox::TAILNET).api_key;
    print(&format!("export TAILSCALE_BASE_URL={url}\nexport TAILSCALE_API_KEY={key}"));
    stopped.await;
    if let Some(file) = &state {
        sandbox.save(file).map_err(|error| {
            let message = format!("cannot write {}: {error}", file.display());
            Error::config(message, "name a file in a directory you can write to")
        })?;
    }
    Ok(())
}

/// Waits for a stop signal. Signals are caught from the call on, before the future is polled, so that none
/// is missed.
fn stopped() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    };
    async move {
        #[cfg(unix)]
        if let (Ok(mut terminated), Ok(mut interrupted)) = signals {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
            }
            return;
        }
        // If signals cannot be caught, wait forever.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
