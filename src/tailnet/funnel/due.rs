//! Funnels that end by themselves.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Funnel, LONGEST,
    change::{ENDS_AFTER, FUNNEL, HANDLER, Handlers, KIND, id, of_id},
    plan::others,
};
use crate::{
    Error, ErrorKind,
    change::{
        Change, Outcome, Plan,
        journal::{Find, Step},
    },
    client::Result,
    local::serve::{Mount, ServeConfig},
};

/// How many of the latest changes of Funnels are searched.
const CHANGES: usize = 200;
/// How many steps a change with a Funnel has at most: what it mends, and its own.
const STEPS: usize = 50;

/// A Funnel with a time limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Due {
    /// Where it is.
    pub mount: Mount,
    /// Stable ID of the node.
    pub node: String,
    /// When it ends.
    pub until: Timestamp,
    /// Number of the change in the journal.
    pub change: i64,
    /// Who made it.
    pub principal: String,
    /// What the change served there; none if that was served before, and only became public.
    handler: Option<Value>,
    /// Whether the change made the port public.
    opened: bool,
}

impl Due {
    /// Whether it is still public, and what the change served there is still what is served.
    fn holds(&self, config: &ServeConfig) -> bool {
        let at = config.at(&self.mount);
        at.funnel
            && self.handler.as_ref().is_none_or(|it| it.get("Proxy") == at.handler.get("Proxy"))
    }
}

/// What a change did at a place.
#[derive(Debug)]
struct At {
    ends_after: Option<SignedDuration>,
    handler: Option<Value>,
    opened: bool,
    touches: bool,
}

impl Funnel<'_> {
    /// The Funnels of this node that end by themselves and are still there, by the journal.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) without a journal.
    pub async fn timed(&self) -> Result<Vec<Due>> {
        let journal = self.tailnet().actor().journal.as_ref().ok_or_else(|| {
            let why = "without a journal, it is not known which Funnels have a time limit";
            Error::new(ErrorKind::Unsupported, why)
        })?;
        let text = Some(KIND.to_owned());
        let since = Timestamp::now().checked_sub(LONGEST).ok();
        // Whatever tailnet was served then: they are on this machine.
        let find = Find { text, since, limit: CHANGES, ..Find::default() };
        let entries = journal.list(&find).await?.0;
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        // This is asked every few seconds: where nothing is public, the journal is not read any further.
        let status = self.daemon().own_status().await?.running()?;
        let config = self.daemon().serve_config().await?;
        if !config.served().iter().any(|it| it.funnel) {
            return Ok(Vec::new());
        }
        let mut timed: Vec<Due> = Vec::new();
        let mut decided: Vec<String> = Vec::new();
        // The newest change of a place decides.
        for entry in entries {
            let steps = journal.steps(entry.change, 0, STEPS).await?;
            for step in steps.iter().filter(|it| it.kind == KIND) {
                if decided.contains(&step.id) {
                    continue;
                }
                let at = at(&steps, &step.id);
                if !at.touches {
                    continue;
                }
                decided.push(step.id.clone());
                let Some(time) = at.ends_after.filter(|_| entry.undone_by.is_none()) else {
                    continue;
                };
                let (node, mount) = of_id(&step.id)?;
                timed.push(Due {
                    node: node.to_owned(),
                    mount,
                    until: entry.at.saturating_add(time).unwrap_or(Timestamp::MAX),
                    change: entry.change,
                    principal: entry.principal.clone(),
                    handler: at.handler,
                    opened: at.opened,
                });
            }
        }
        // Only what is still there, on the machine that this is: others may serve something else there by now.
        timed.retain(|it| it.node == status.id() && it.holds(&config));
        Ok(timed)
    }

    /// The Funnels of this node whose time is over.
    ///
    /// # Errors
    ///
    /// The same as [`timed`](Self::timed).
    pub async fn due(&self, now: Timestamp) -> Result<Vec<Due>> {
        let timed = self.timed().await?;
        Ok(timed.into_iter().filter(|it| it.until <= now).collect())
    }

    /// Plans to end a Funnel whose time is over. This needs no confirmation: it was confirmed with the Funnel.
    /// What was served there before stays, as does what others serve there by now. The port stays public for
    /// other paths if it was public before, or if another Funnel there has a time limit that is not over.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if it has ended already.
    pub async fn plan_due(&self, due: &Due) -> Result<Plan> {
        let config = self.daemon().serve_config().await?;
        if !due.holds(&config) {
            return Err(ended());
        }
        let others = others(&config, &due.mount);
        let timed = self.timed().await?;
        let is_needed = |it: &Due| {
            it.mount.host_port() == due.mount.host_port()
                && it.mount.path != due.mount.path
                && it.until > due.until
        };
        let stays = !others.is_empty() && (!due.opened || timed.iter().any(is_needed));
        let mut changes = Vec::new();
        if !stays {
            changes.push(Change::new(FUNNEL, true, false));
        }
        if let Some(handler) = &due.handler {
            changes.push(Change::new(HANDLER, handler.clone(), Value::Null));
        }
        let mount = &due.mount;
        let mut plan = Plan::one(&Handlers, &id(&due.node, mount), &mount.url(), changes);
        plan.notes.push(format!(
            "its time limit, set by change {}, ended at {:.0}",
            due.change, due.until
        ));
        if plan.is_empty() {
            return Err(ended());
        }
        Ok(plan)
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::NotFound, "the Funnel has already ended")
}

/// What the steps of one change did at the place `id`.
fn at(steps: &[Step], id: &str) -> At {
    let took = |it: &&Step| {
        // What was interrupted may have been done.
        it.id == id && !matches!(it.outcome, Some(Outcome::Failed | Outcome::RolledBack))
    };
    let mut at = At { ends_after: None, handler: None, opened: false, touches: false };
    for step in steps.iter().filter(took) {
        match step.change.field.as_str() {
            ENDS_AFTER => {
                let time = step.change.to.as_str().and_then(|it| it.parse().ok());
                at.ends_after = time;
            }
            HANDLER => {
                at.touches = true;
                at.handler = Some(step.change.to.clone());
            }
            FUNNEL => {
                at.touches = true;
                at.opened = step.change.to == true;
            }
            _ => {}
        }
    }
    at
}
