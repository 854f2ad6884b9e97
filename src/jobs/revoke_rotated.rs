//! Revokes rotated keys when their grace period is over. The user confirmed the revocation together with
//! the rotation, and is not asked again.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    ErrorKind, Tailnet, catalogue,
    client::Result,
    guard::{Caller, Guard, Principal},
    tailnet::keys::grace::Due,
    tool::ToolDef,
};

/// The tool that rotates keys. A server that does not offer it does not revoke them, either.
const TOOL: &str = "rotate_key";
/// How often the job checks for keys to revoke.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_mins(1);
/// How long to wait before trying again to revoke a key.
const RETRY_AFTER: Duration = Duration::from_hours(1);

/// Keys, by tailnet and ID, that need no check until the given time; `None` means never again.
type Settled = HashMap<(String, String), Option<Instant>>;

/// Checks every `interval` for rotated keys whose grace period is over and revokes them, until the server
/// ends.
pub(crate) async fn revoke_rotated(guard: &Guard, interval: Duration) {
    let Ok(tool) = catalogue::named(TOOL).and_then(|tool| guard.offer().allow(tool)) else {
        return;
    };
    let job = Job { guard, tool };
    let mut settled = Settled::new();
    loop {
        for tailnet in guard.tailnets().all() {
            job.revoke_all(tailnet, &mut settled).await;
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = guard.ending().cancelled() => return,
        }
    }
}

struct Job<'a> {
    guard: &'a Guard,
    tool: &'static ToolDef,
}

impl Job<'_> {
    async fn revoke_all(&self, tailnet: &Tailnet, settled: &mut Settled) {
        let recorded = self.guard.acting(tailnet, &Principal::local(), TOOL, None);
        let due = match recorded.keys().due(Timestamp::now()).await {
            Ok(due) => due,
            Err(error) => {
                return tracing::warn!(%error, "cannot find out which rotated keys are due to be revoked");
            }
        };
        for due in due {
            let key = (tailnet.label(), due.key.clone());
            let is_settled = |until: &Option<Instant>| until.is_none_or(|it| it > Instant::now());
            if settled.get(&key).is_some_and(is_settled) || self.guard.ending().is_cancelled() {
                continue;
            }
            let until = match self.revoke(tailnet, &due).await {
                Ok(()) => None,
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => {
                    tracing::warn!(key = due.key, %error, "a rotated key could not be revoked yet");
                    Some(Instant::now() + RETRY_AFTER)
                }
            };
            settled.insert(key, until);
        }
    }

    /// Revokes a key, on behalf of the user who asked for the rotation.
    async fn revoke(&self, tailnet: &Tailnet, due: &Due) -> Result<()> {
        let caller = Caller {
            principal: Principal::new(due.principal.as_str()),
            offer: self.guard.offer().clone(),
            progress: None,
            cancelled: CancellationToken::new(),
        };
        let tailnet = self.guard.acting(tailnet, &caller.principal, TOOL, None);
        let plan = tailnet.keys().plan_due(due).await?;
        self.guard.run_job(&caller, self.tool, tailnet, plan, &due.key).await.map(drop)
    }
}
