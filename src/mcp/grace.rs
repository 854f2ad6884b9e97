//! Rotated keys are revoked when their grace is over: that was confirmed with the rotation, so nobody
//! is asked again.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

use super::Server;
use crate::{
    ErrorKind, Tailnet,
    change::{Actor, Journal, Report, Risk, store::Audit},
    client::Result,
    tailnet::keys::grace::Due,
    tool,
};

/// The tool that makes the promise. A server that does not offer it does not keep it, either.
const TOOL: &str = "rotate_key";
/// How long a key that could not be revoked is left alone.
const RETRY_AFTER: Duration = Duration::from_hours(1);

/// Until when a key is left alone, by tailnet and id; none for good.
type Settled = HashMap<(String, String), Option<Instant>>;

impl Server {
    /// How often [`revoke_due`](Self::revoke_due) usually looks.
    pub const POLL_INTERVAL: Duration = Duration::from_mins(1);

    /// Revokes rotated keys whose grace is over, and looks for them every so often until the server
    /// goes down. A server that does not offer `rotate_key` leaves them.
    pub async fn revoke_due(&self, every: Duration) {
        let offered = tool::named(TOOL).and_then(|it| self.inner.setup.offer.allow(it));
        if offered.is_err() {
            return;
        }
        let mut settled = Settled::new();
        loop {
            for tailnet in self.tailnets().all() {
                self.revoke_due_of(tailnet, &mut settled).await;
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = self.ending().cancelled() => return,
            }
        }
    }

    async fn revoke_due_of(&self, tailnet: &Tailnet, settled: &mut Settled) {
        let due = match self
            .on_behalf(tailnet, super::Principal::LOCAL)
            .keys()
            .due(Timestamp::now())
            .await
        {
            Ok(due) => due,
            Err(error) => {
                return tracing::warn!(%error, "nobody knows which keys are to be revoked");
            }
        };
        for due in due {
            let key = (tailnet.label(), due.key.clone());
            let is_left = |until: &Option<Instant>| until.is_none_or(|it| it > Instant::now());
            if settled.get(&key).is_some_and(is_left) || self.ending().is_cancelled() {
                continue;
            }
            let until = match self.revoke(tailnet, &due).await {
                Ok(()) => None,
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => {
                    tracing::warn!(key = due.key, %error, "a rotated key is not revoked yet");
                    Some(Instant::now() + RETRY_AFTER)
                }
            };
            settled.insert(key, until);
        }
    }

    /// Whoever asked for the rotation is who asks for its end.
    fn on_behalf(&self, tailnet: &Tailnet, principal: &str) -> Tailnet {
        let journal: Arc<dyn Journal> = self.store().clone();
        tailnet.acting_as(Actor::new(principal, Some(journal)).with_tool(TOOL))
    }

    async fn revoke(&self, tailnet: &Tailnet, due: &Due) -> Result<()> {
        // Whoever waits for the server to end waits for this, or it is not begun.
        let _under_way = self.change_under_way().await;
        if self.ending().is_cancelled() {
            return Ok(());
        }
        let tailnet = self.on_behalf(tailnet, &due.principal);
        let plan = tailnet.keys().plan_due(due).await?;
        let done = tailnet.apply(&plan).await;
        self.announcer().tell(&plan, done.as_ref().unwrap_or(&Report::default()));
        let mut line = Audit::now(&due.principal.as_str().into(), TOOL, Risk::Danger);
        due.key.clone_into(&mut line.resource);
        line.outcome = match &done {
            Ok(_) => "applied".to_owned(),
            Err(error) => error.kind().as_str().to_owned(),
        };
        line.change = done.as_ref().ok().and_then(|it| it.change);
        self.store().audit(line).await;
        done.map(drop)
    }
}
