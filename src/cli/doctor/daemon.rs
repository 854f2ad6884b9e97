//! Checks of this machine's Tailscale daemon, for the tools that need it.

use super::{Check, State};
use crate::{
    catalogue::Offer,
    client::Result,
    local::{Daemon, Prefs, Status},
    tailnet::funnel::Ready,
};

/// The toolsets that need the daemon.
const THIS_NODE: &str = "this_node";
const FUNNEL: &str = "funnel";

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
    checks
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
