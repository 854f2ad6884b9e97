//! Checks of this machine's Tailscale daemon, for the tools that need it.

use std::{net::SocketAddr, process::Stdio};

use super::{Check, State};
use crate::{
    catalogue::{self, Offer},
    client::Result,
    local::{Daemon, Prefs, Status},
    tailnet::funnel::Ready,
    tool::Toolset,
};

/// The toolsets that need the daemon.
const THIS_NODE: &str = "this_node";
const FUNNEL: &str = "funnel";
/// The tool that runs the command of the daemon, and the command.
const NETCHECK: &str = "get_netcheck";
const COMMAND: &str = "tailscale";

/// The checks; none if no tool is offered that needs the daemon.
pub(super) async fn checks(daemon: &Daemon, offer: &Offer) -> Vec<Check> {
    let wants = |toolset: &str| offer.toolsets().any(|it| it.name == toolset);
    let (node, funnel) = (wants(THIS_NODE), wants(FUNNEL));
    if !node && !funnel {
        return Vec::new();
    }
    let (status, prefs) = match asked(daemon).await {
        Ok(asked) => asked,
        Err(error) => return vec![Check::failed("daemon", State::Limited, &error)],
    };
    let machine = status.machine();
    let found = format!("tailscaled {} on `{machine}`, {}", status.version, status.state);
    let mut checks = vec![match status.clone().running() {
        Ok(_) => Check::good("daemon", found),
        Err(error) => Check::failed("daemon", State::Limited, &error),
    }];
    if funnel && status.is_running() {
        checks.push(funnel_check(&Ready::of(&status, &prefs)));
    }
    checks.extend(identity(daemon, &status).await);
    checks.extend(operator(daemon, &prefs, offer).await);
    if offer.tools().any(|it| it.name == NETCHECK) && !has_command() {
        checks.push(Check {
            name: "daemon",
            state: State::Limited,
            found: format!("`{NETCHECK}` needs the command `{COMMAND}`, which cannot be started"),
            remedy: Some("install the Tailscale CLI, or add it to the PATH".to_owned()),
        });
    }
    checks
}

/// Whether the daemon says who calls, as `serve --auth tailnet` needs it; it is asked about this machine itself.
async fn identity(daemon: &Daemon, status: &Status) -> Option<Check> {
    let own = status.addresses.first().filter(|_| status.is_running())?;
    Some(match daemon.whois(SocketAddr::new(*own, 1)).await {
        Ok(Some(_)) => {
            let found = "callers in the tailnet can be identified (serve --http --auth tailnet)";
            Check::good("identity", found)
        }
        Ok(None) => Check {
            name: "identity",
            state: State::Limited,
            found: "the daemon does not know this machine's own address".to_owned(),
            remedy: Some("restart Tailscale, or use tokens for callers over HTTP".to_owned()),
        },
        Err(error) => Check::failed("identity", State::Limited, &error),
    })
}

/// A note if tools are offered that change settings of the daemon, and it would not let this user do that. On
/// other systems than Linux, the daemon decides in other ways.
async fn operator(daemon: &Daemon, prefs: &Prefs, offer: &Offer) -> Option<Check> {
    let of_daemon = |it: &&Toolset| it.name == THIS_NODE || it.name == FUNNEL;
    let mut tools = catalogue::toolsets().filter(of_daemon).flat_map(|it| it.tools);
    let offered = |name: &str| offer.tools().any(|it| it.name == name);
    let changes = tools.any(|it| it.is_edit() && offered(it.name));
    if !cfg!(target_os = "linux") || !changes {
        return None;
    }
    let user = whoami::username().ok()?;
    let own = own_id()?;
    // The daemon lets root, its own user and its operator change settings.
    if own == 0 || prefs.operator == user || daemon.user().await.ok() == Some(own) {
        return None;
    }
    Some(Check {
        name: "daemon",
        state: State::Limited,
        found: format!("the user {user} may not change settings of Tailscale on this machine"),
        remedy: Some(format!("sudo tailscale set --operator={user}")),
    })
}

#[cfg(unix)]
fn own_id() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    Some(std::fs::metadata("/proc/self").ok()?.uid())
}

#[cfg(not(unix))]
fn own_id() -> Option<u32> {
    None
}

/// Whether the command of the daemon can be started.
fn has_command() -> bool {
    let mut command = tokio::process::Command::new(COMMAND);
    command.arg("version").kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}

async fn asked(daemon: &Daemon) -> Result<(Status, Prefs)> {
    Ok((daemon.own_status().await?, daemon.prefs().await?))
}

/// Whether Funnel has all that it needs.
fn funnel_check(ready: &Ready) -> Check {
    let mends: Vec<&str> = ready.requirements.iter().filter_map(|it| it.mend).collect();
    if mends.is_empty() {
        return Check::good("funnel", format!("ready, on ports {}", ready.ports.join(", ")));
    }
    let lacks = ready.requirements.iter().filter(|it| !it.met).map(|it| it.need);
    let lacks = lacks.collect::<Vec<_>>().join(", ");
    Check {
        name: "funnel",
        state: State::Limited,
        found: format!("not ready on `{}`: it lacks {lacks}", ready.machine),
        remedy: Some(format!(
            "{}; `funnel_enable` does this if the credential allows it",
            mends.join("; ")
        )),
    }
}
