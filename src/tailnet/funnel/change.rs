//! Changes of what this node serves.

use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Funnel;
use crate::{
    Error, ErrorKind, Tailnet,
    change::{
        Change, Checked, Checks, Compare, Fields, Risk, Subject, Write, Written, journal::Step,
    },
    client::Result,
    local::serve::Mount,
    tailnet::this_node::change::same_node,
};

pub(super) const KIND: &str = "funnel";
/// What answers at a place.
pub(super) const HANDLER: &str = "handler";
/// Whether the internet reaches the port.
pub(super) const FUNNEL: &str = "funnel";
/// A note in the journal: after how long a Funnel ends by itself.
pub(super) const ENDS_AFTER: &str = "ends_after";

/// How long the daemon may take to hear of a permission that was just given.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(250);

/// A note to end a Funnel later; nothing is sent. It holds a duration instead of a time, so that the plan is
/// the same when it is confirmed a moment later.
pub(super) fn ends_after(time: SignedDuration) -> Change {
    Change::new(ENDS_AFTER, Value::Null, format!("{time:#}"))
}

/// The ID of a place: the node that serves it, and where.
pub(super) fn id(node: &str, mount: &Mount) -> String {
    format!("{node} {mount}")
}

/// The node and the place of an ID.
pub(super) fn of_id(id: &str) -> Result<(&str, Mount)> {
    let (node, mount) = id.split_once(' ').ok_or_else(|| {
        Error::invalid_input("id", "must be the node and the HOST:PORT/PATH of a Funnel")
    })?;
    Ok((node, Mount::read(mount)?))
}

/// Places where this node serves something.
#[derive(Debug)]
pub(crate) struct Handlers;

#[async_trait]
impl Subject for Handlers {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn read(&self, tailnet: &Tailnet, id: &str, fields: &[&str]) -> Result<Fields> {
        let (node, mount) = of_id(id)?;
        same_node(tailnet, node).await?;
        let at = tailnet.daemon().serve_config().await?.at(&mount);
        let mut now = Fields::new();
        for field in fields {
            let value = match *field {
                HANDLER => at.handler.clone(),
                FUNNEL => json!(at.funnel),
                _ => Value::Null,
            };
            now.insert((*field).to_owned(), value);
        }
        Ok(now)
    }

    async fn describe(&self, tailnet: &Tailnet, id: &str) -> Result<String> {
        let (node, _) = of_id(id)?;
        let status = same_node(tailnet, node).await?;
        Ok(format!("of the machine that this program runs on, {}", status.machine()))
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        let (node, mount) = of_id(write.id)?;
        let Change { field, to, .. } = write.change;
        match field.as_str() {
            ENDS_AFTER => {}
            HANDLER => {
                same_node(tailnet, node).await?;
                tailnet.daemon().set_handler(&mount, to).await?;
            }
            FUNNEL => {
                same_node(tailnet, node).await?;
                let on = to.as_bool() == Some(true);
                tailnet.daemon().set_funnel(&mount, on).await?;
            }
            field => return Err(Error::invalid_input(field, "cannot be changed")),
        }
        Ok(Written::default())
    }

    fn compare(&self) -> &dyn Compare {
        self
    }

    fn checks(&self) -> &dyn Checks {
        self
    }
}

impl Compare for Handlers {
    fn is_visible(&self, _: &str, change: &Change) -> bool {
        change.field != ENDS_AFTER
    }

    fn is_note(&self, change: &Change) -> bool {
        change.field == ENDS_AFTER
    }

    /// What a handler stands for, instead of the daemon's form.
    fn display(&self, field: &str, value: &Value) -> Value {
        match (field, value.get("Proxy")) {
            (HANDLER, Some(to)) => to.clone(),
            _ => value.clone(),
        }
    }
}

#[async_trait]
impl Checks for Handlers {
    /// An undo opens nothing: a Funnel is made anew, so that all is checked again, and it can have an end.
    async fn before_undo(&self, _: &Tailnet, steps: &[Step]) -> Result<()> {
        let opens =
            |it: &&Step| it.kind == KIND && it.change.field == FUNNEL && it.change.from == true;
        let Some(step) = steps.iter().find(opens) else { return Ok(()) };
        Err(Error::refused(
            format!("an undo would open {} to the internet again", step.name),
            "enable the Funnel again instead: it is then checked again, and can have a time limit",
        ))
    }

    /// An undo may put back what was served before, on a port that is public.
    async fn check(&self, tailnet: &Tailnet, id: &str, change: &Change) -> Result<Checked> {
        let mut checked = Checked::default();
        let (_, mount) = of_id(id)?;
        let puts_back = change.field == HANDLER && !change.to.is_null();
        if puts_back && tailnet.daemon().serve_config().await?.at(&mount).funnel {
            checked.least = Risk::Danger;
            checked.warnings.push(format!("{} is open to everybody on the internet", mount.url()));
        }
        Ok(checked)
    }

    fn verifies_in_batch(&self) -> bool {
        true
    }

    async fn verify(
        &self,
        tailnet: &Tailnet,
        id: &str,
        changes: &[Change],
        _: Result<&Fields, &Error>,
    ) -> Result<Vec<String>> {
        let opened = changes.iter().any(|it| it.field == FUNNEL && it.to.as_bool() == Some(true));
        if !opened {
            return Ok(Vec::new());
        }
        let (_, mount) = of_id(id)?;
        tailnet.funnel().permitted(&mount).await?;
        let outside = tailnet.funnel().outside(&mount).await;
        let found = match (outside.status, outside.why) {
            (Some(status), _) => {
                format!("reachable from the internet: it responds with status {status}")
            }
            (None, why) => {
                let why = why.unwrap_or_else(|| "no answer".to_owned());
                format!("not reachable from the internet yet: {why}; check again in a few minutes")
            }
        };
        let url = mount.url();
        Ok(vec![format!("public address: {url}"), found])
    }
}

impl Funnel<'_> {
    /// Waits until the daemon has all that a Funnel needs: what was changed a moment ago takes a little.
    async fn permitted(self, mount: &Mount) -> Result<()> {
        let started = tokio::time::Instant::now();
        loop {
            let ready = self.ready().await?;
            let missing: Vec<&str> =
                ready.requirements.iter().filter(|it| !it.met).map(|it| it.need).collect();
            if missing.is_empty() && ready.allows(mount.port) {
                return Ok(());
            }
            if started.elapsed() >= PATIENCE {
                let why = format!(
                    "this machine still lacks {} after {} seconds, so the Funnel does not work yet",
                    if missing.is_empty() {
                        format!("port {}", mount.port)
                    } else {
                        missing.join(", ")
                    },
                    PATIENCE.as_secs()
                );
                return Err(Error::new(ErrorKind::Refused, why)
                    .with_remedy("check the status of Funnel for what is missing, and try again"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
