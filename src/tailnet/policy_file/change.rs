//! Replaces the policy file: a change of its entire text. The journal keeps the old and the new
//! text, which is how a recorded version can be restored.

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

/// Makes a plan that replaces the text `from` with `to`.
pub(super) fn plan(from: &str, to: &str) -> Plan {
    let change = Change::new(TEXT, from, to);
    let changes = if from == to { Vec::new() } else { vec![change] };
    let mut plan = Plan::one(&File, "", "", changes);
    plan.least = Risk::Danger;
    plan
}

/// A recorded value as text.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Changes of the policy file.
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

    fn verifies_in_batch(&self) -> bool {
        true
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

/// Sends the new text, on condition that the live text is the one the change started from.
async fn send(tailnet: &Tailnet, change: &Change) -> Result<()> {
    let (from, Some(to)) = (text(&change.from), change.to.as_str()) else {
        return Err(Error::invalid_input(&change.field, "is not text"));
    };
    // The API would replace an empty text with Tailscale's default policy.
    if change.field != TEXT || to.trim().is_empty() {
        return Err(Error::invalid_input(&change.field, "cannot be set to this value"));
    }
    let policy = tailnet.policy_file();
    let live = policy.get().await?.versioned()?;
    // The API may reformat a text that was sent; that is not a change by somebody else.
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

/// Checks that the live text is the one that was sent, and that Tailscale accepts it and its tests.
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
        let message = format!(
            "the live policy file is not the text that was sent, but {}: {lines}",
            named(live)
        );
        return Err(Error::new(ErrorKind::Rejected, message)
            .with_remedy("read the live policy file, and call again"));
    }
    let verdict = tailnet.policy_file().validate(live).await;
    let verdict = verdict.map_err(|error| failed(&error, "could not be verified"))?;
    if !verdict.is_pass() {
        let message = "it was written and is live, but Tailscale now reports errors in it";
        return Err(refusal(ErrorKind::Rejected, message, verdict));
    }
    Ok(vec!["read back and verified: the text is as sent, and its tests pass".to_owned()])
}

/// Makes an error with the problems that Tailscale found.
pub(super) fn refusal(kind: ErrorKind, message: &str, verdict: Verdict) -> Error {
    let errors = (!verdict.errors.is_empty()).then(|| verdict.errors.join("; "));
    Error::new(kind, message)
        .with_upstream(errors, verdict.failed_tests)
        .with_remedy("change the text as the message says")
}
