//! The policy file, as something that changes: one text becomes another. The journal
//! keeps both, so it is where old files come back from.

use async_trait::async_trait;
use serde_json::Value;

use super::{PolicyFile, Verdict, conflict, named, pipeline};
use crate::{
    Error, ErrorKind,
    change::{Change, Checked, Checks, Compare, Fields, Item, Plan, Risk, Subject, Write, Written},
    client::Result,
    tailnet::Tailnet,
};

pub(crate) const KIND: &str = "policy file";
const TEXT: &str = "text";

/// A plan to put `to` in the place of `from`.
pub(super) fn plan(from: &str, to: &str) -> Plan {
    let change = Change::new(TEXT, from, to);
    let changes = if from == to { Vec::new() } else { vec![change] };
    let mut plan = Plan::one(&File, "", "", changes);
    plan.least = Risk::Danger;
    plan
}

/// The text that a recorded value is.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The policy file.
#[derive(Debug)]
pub(crate) struct File;

#[async_trait]
impl Subject for File {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn read(&self, tailnet: &Tailnet, _: &str, _: &[&str]) -> Result<Fields> {
        let live = tailnet.policy_file().get().await?;
        Ok([(TEXT.to_owned(), live.text.into())].into_iter().collect())
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        send(tailnet, write.change).await?;
        Ok(Written::default())
    }

    fn compare(&self) -> &dyn Compare {
        self
    }

    fn checks(&self) -> &dyn Checks {
        self
    }
}

impl Compare for File {
    fn display(&self, _: &str, value: &Value) -> Value {
        value.as_str().map_or_else(|| value.clone(), |text| named(text).into())
    }
}

#[async_trait]
impl Checks for File {
    async fn check(&self, tailnet: &Tailnet, _: &str, change: &Change) -> Result<Checked> {
        let allow = pipeline::Allow::default();
        pipeline::check(tailnet, text(&change.from), text(&change.to), allow).await
    }

    async fn on_stale(&self, tailnet: &Tailnet, _: &Item, change: &Change, now: &Value) -> Error {
        conflict::moved(tailnet, text(&change.from), text(&change.to), text(now)).await
    }

    async fn verify(
        &self,
        tailnet: &Tailnet,
        _: &str,
        changes: &[Change],
        now: Result<&Fields, &Error>,
    ) -> Result<Vec<String>> {
        verify(tailnet, changes, now).await
    }
}

/// Sends a text under the version of just the text that it was made from.
async fn send(tailnet: &Tailnet, change: &Change) -> Result<()> {
    let (from, Some(to)) = (text(&change.from), change.to.as_str()) else {
        return Err(Error::invalid_input(&change.field, "is no text"));
    };
    // An empty text would put Tailscale's default policy in place.
    if change.field != TEXT || to.trim().is_empty() {
        return Err(Error::invalid_input(&change.field, "cannot become that"));
    }
    let policy = tailnet.policy_file();
    let live = policy.get().await?.versioned()?;
    // What the API made of a text that was sent is not somebody else's change.
    if live.text != from && !tailnet.client().policy_texts().came_of(&live.etag, from) {
        return Err(conflict::moved(tailnet, from, to, &live.text).await);
    }
    match policy.write(to, &live.etag).await {
        Err(error) if error.kind() == ErrorKind::Stale => Err(match policy.get().await {
            Ok(PolicyFile { text, .. }) => conflict::moved(tailnet, from, to, &text).await,
            Err(_) => error,
        }),
        written => written,
    }
}

/// The text is as it was sent, and its tests pass.
async fn verify(
    tailnet: &Tailnet,
    changes: &[Change],
    now: Result<&Fields, &Error>,
) -> Result<Vec<String>> {
    let Some(wanted) = changes.last() else { return Ok(Vec::new()) };
    let failed = |error: &Error, what: &str| {
        Error::new(error.kind(), format!("it was written, but {what}: {error}"))
    };
    let now = now.map_err(|error| failed(error, "could not be read back"))?;
    let live = now.get(TEXT).map_or("", text);
    if *live != *text(&wanted.to) {
        let lines = conflict::difference(text(&wanted.to), live).join("  ");
        let message = format!("what is live is not what was sent, but {}: {lines}", named(live));
        return Err(Error::new(ErrorKind::Rejected, message)
            .with_remedy("look at what is live now, and call again"));
    }
    let verdict = tailnet.policy_file().validate(live).await;
    let verdict = verdict.map_err(|error| failed(&error, "could not be verified"))?;
    if !verdict.is_pass() {
        let message = "it was written, but Tailscale says that it is wrong, now that it is live";
        return Err(refusal(ErrorKind::Rejected, message, verdict));
    }
    Ok(vec!["read back and verified: as it was sent, and its tests pass".to_owned()])
}

/// An error with what Tailscale found wrong.
pub(super) fn refusal(kind: ErrorKind, message: &str, verdict: Verdict) -> Error {
    let errors = (!verdict.errors.is_empty()).then(|| verdict.errors.join("; "));
    Error::new(kind, message)
        .with_upstream(errors, verdict.failed_tests)
        .with_remedy("change the text as the message says")
}
