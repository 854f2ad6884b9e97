//! Ends Funnels when their time is over, those of an earlier process included. The user confirmed the end
//! together with the Funnel, and is not asked again.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    ErrorKind, Tailnet,
    catalogue::{self, Offer},
    client::Result,
    guard::{Caller, Guard, Principal},
    tailnet::funnel::Due,
    tool::{Risk, ToolDef},
};

/// The tool that ends a Funnel.
const TOOL: &str = "funnel_disable";
/// How often the job checks for Funnels to end.
pub(crate) const FUNNEL_INTERVAL: Duration = Duration::from_secs(5);
/// How long it waits after a failure.
const PAUSE: Duration = Duration::from_secs(30);

/// Checks every `interval` for Funnels whose time is over and ends them, until the server ends. A server that
/// may change nothing does so, too: what is public longer than somebody agreed to is worse.
pub(crate) async fn end_funnels(guard: &Guard, interval: Duration) {
    let Ok(tool) = catalogue::named(TOOL) else { return };
    loop {
        // Of all tailnets there is one journal, and one daemon on this machine.
        let mut wait = interval;
        if let Err(error) = end_all(guard, tool, guard.tailnets().first()).await {
            tracing::warn!(%error, "could not check whether a Funnel has to end");
            wait = PAUSE;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = guard.ending().cancelled() => return,
        }
    }
}

async fn end_all(guard: &Guard, tool: &'static ToolDef, tailnet: &Tailnet) -> Result<()> {
    let recorded = guard.acting(tailnet, &Principal::local(), TOOL, None);
    for due in recorded.funnel().due(Timestamp::now()).await? {
        if guard.ending().is_cancelled() {
            return Ok(());
        }
        match end(guard, tool, tailnet, &due).await {
            Ok(()) => tracing::info!(url = due.mount.url(), "a Funnel has ended"),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(url = due.mount.url(), %error, "a Funnel could not be ended yet");
            }
        }
    }
    Ok(())
}

/// Ends a Funnel, on behalf of the user who made it.
async fn end(guard: &Guard, tool: &'static ToolDef, tailnet: &Tailnet, due: &Due) -> Result<()> {
    let caller = Caller {
        principal: Principal::new(due.principal.as_str()),
        offer: Offer::up_to(Risk::Danger),
        progress: None,
        cancelled: CancellationToken::new(),
    };
    let acting = guard.acting(tailnet, &caller.principal, TOOL, None);
    // What is public longer than somebody agreed to is worse than one change too many in the hour.
    let mut actor = acting.actor().clone();
    actor.changes_per_hour = None;
    let tailnet = acting.acting_as(actor);
    let plan = tailnet.funnel().plan_due(due).await?;
    guard.run_job(&caller, tool, tailnet, plan, &due.mount.url()).await.map(drop)
}
