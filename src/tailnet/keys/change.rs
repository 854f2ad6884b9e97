//! Keys as something that changes.

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::Value;

use crate::{
    Error, ErrorKind, Operation, Tailnet,
    change::{
        Change, Checked, Checks, Compare, Fields, Plan, Subject, Write, Written, journal::Step,
    },
    client::{Action, Result, call},
    tailnet::resource::ResourceSpec,
};

/// What can be set of a key; of an auth key only when it is made.
pub(super) const KEY: &ResourceSpec = &ResourceSpec {
    is_gone: Some(is_gone),
    make: Some(Operation::CreateKey),
    change: Some(Operation::SetKey),
    remove: Some(Operation::DeleteKey),
    once: &["key"],
    ..ResourceSpec::new(
        "key",
        "keyId",
        "id",
        Operation::GetKey,
        &[
            "keyType",
            "description",
            "capabilities",
            "expirySeconds",
            "scopes",
            "tags",
            "issuer",
            "subject",
            "audience",
            "customClaimRules",
        ],
    )
};

/// How long a key that was replaced works on. Only the journal knows.
pub(super) const REVOKE_AFTER: &str = "revoke_after";

/// One that is revoked or expired may be listed for long.
pub(super) fn is_gone(key: &Value) -> bool {
    key.get("invalid") == Some(&Value::Bool(true)) || call::member(key, "revoked").is_some()
}

/// A note to revoke a key later: nothing is sent. It says how long, and not until when: a plan is the
/// same a moment later, when it is confirmed.
pub(super) fn revoke_after(grace: SignedDuration) -> Change {
    Change::new(REVOKE_AFTER, Value::Null, format!("{grace:#}"))
}

/// Keys as resources; a new key is only kept if it works.
#[derive(Debug)]
pub(crate) struct Keys;

#[async_trait]
impl Subject for Keys {
    fn kind(&self) -> &'static str {
        KEY.kind
    }

    async fn read(&self, tailnet: &Tailnet, id: &str, fields: &[&str]) -> Result<Fields> {
        KEY.read(tailnet, id, fields).await
    }

    async fn describe(&self, tailnet: &Tailnet, id: &str) -> Result<String> {
        KEY.describe(tailnet, id).await
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        if write.change.field == REVOKE_AFTER {
            return Ok(Written::default());
        }
        let sent = KEY.write(tailnet, write).await?;
        match (&write.change.from, sent.id.clone()) {
            (Value::Null, Some(id)) => verified(tailnet, &id, sent).await,
            _ => Ok(sent),
        }
    }

    fn compare(&self) -> &dyn Compare {
        self
    }

    fn checks(&self) -> &dyn Checks {
        self
    }
}

impl Compare for Keys {
    fn verb(&self, change: &Change) -> Option<&'static str> {
        match (&change.from, &change.to) {
            _ if change.field == REVOKE_AFTER => None,
            (_, Value::Null) => Some("Revoke"),
            _ => KEY.compare().verb(change),
        }
    }

    fn is_visible(&self, id: &str, change: &Change) -> bool {
        change.field != REVOKE_AFTER && KEY.compare().is_visible(id, change)
    }

    fn is_note(&self, change: &Change) -> bool {
        change.field == REVOKE_AFTER
    }

    fn reached(&self, change: &Change, now: &Value) -> bool {
        KEY.compare().reached(change, now)
    }
}

#[async_trait]
impl Checks for Keys {
    /// A rotation is taken back as long as that leaves a key.
    async fn before_undo(&self, tailnet: &Tailnet, steps: &[Step]) -> Result<()> {
        let Some((old, _)) = rotated(steps) else { return Ok(()) };
        match KEY.get(tailnet, old).await {
            Err(gone) if gone.kind() == ErrorKind::NotFound => Err(Error::refused(
                format!("`{old}` is revoked: without the new key there would be none"),
                "rotate the new key if it should be another one",
            )),
            found => found.map(drop),
        }
    }

    async fn check(&self, tailnet: &Tailnet, id: &str, change: &Change) -> Result<Checked> {
        KEY.checks().check(tailnet, id, change).await
    }
}

/// The plan, where a new key is made once it works, and a rotation taken back if that leaves one.
pub(super) fn of_keys(mut plan: Plan) -> Plan {
    plan.items.iter_mut().for_each(|it| it.subject = &Keys);
    plan
}

/// The old key and the new one, if these are the steps of a rotation.
pub(super) fn rotated(steps: &[Step]) -> Option<(&str, &str)> {
    let is_old = |it: &&Step| it.change.field == REVOKE_AFTER || it.change.to.is_null();
    let old = steps.iter().find(is_old)?;
    let new = steps.iter().find(|it| it.change.from.is_null() && it.id != old.id)?;
    Some((&old.id, &new.id))
}

fn with_note(mut sent: Written, note: String) -> Written {
    sent.notes.push(note);
    sent
}

/// Gives the new key back if the API has it, and says that it is good.
async fn verified(tailnet: &Tailnet, id: &str, sent: Written) -> Result<Written> {
    match KEY.get(tailnet, id).await {
        Ok(_) => Ok(with_note(sent, format!("made the key {id}"))),
        // Its secret is here and nowhere else: better a key that nobody looked at than none.
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Ok(with_note(sent, format!("made the key {id}, which could not be read back: {error}")))
        }
        Err(_) => Err(Error::new(
            ErrorKind::Upstream,
            format!("the API made the key {id}, and says that it is not valid"),
        )
        .with_remedy("look for the key, and revoke it if it is there")
        .with_action(Action::Call(Operation::GetKey))
        .with_unknown_effect()),
    }
}
