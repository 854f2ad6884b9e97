//! The API calls that create, change and revoke keys.

use async_trait::async_trait;
use jiff::SignedDuration;
use serde_json::Value;

use super::Kind;
use crate::{
    Error, ErrorKind, Operation, Tailnet,
    change::{
        Change, Checked, Checks, Compare, Fields, Plan, Subject, Write, Written, journal::Step,
    },
    client::{Action, Result, call},
    tailnet::resource::ResourceSpec,
    words::listed,
};

/// The fields of a key that can be set; those of an auth key only when it is created.
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

/// A note in the journal: how long an old key stays valid after its rotation.
pub(super) const REVOKE_AFTER: &str = "revoke_after";

/// Whether a key is revoked or expired. The API may list such keys for a long time.
pub(crate) fn is_gone(key: &Value) -> bool {
    key.get("invalid") == Some(&Value::Bool(true)) || call::member(key, "revoked").is_some()
}

/// A note to revoke a key later; nothing is sent. It holds a duration instead of a time, so that
/// the plan is the same when it is confirmed a moment later.
pub(super) fn revoke_after(grace: SignedDuration) -> Change {
    Change::new(REVOKE_AFTER, Value::Null, format!("{grace:#}"))
}

/// Changes of keys. A new key is read back before the change counts as done.
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
        let key = KEY.get(tailnet, id).await?;
        let text = |field: &str| key.get(field).and_then(Value::as_str).unwrap_or_default();
        let tags = key.get("tags").and_then(Value::as_array).into_iter().flatten();
        let tags: Vec<&str> = tags.filter_map(Value::as_str).collect();
        let expires = text("expires").split('T').next().unwrap_or_default();
        let expires = if expires.is_empty() { String::new() } else { format!("expires {expires}") };
        let kind = Kind::of(&key).to_string();
        Ok(listed([kind.as_str(), text("description"), &tags.join(" "), &expires]))
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
    /// Refuses to undo a rotation if that would leave no valid key.
    async fn before_undo(&self, tailnet: &Tailnet, steps: &[Step]) -> Result<()> {
        let Some((old, _)) = rotated(steps) else { return Ok(()) };
        match KEY.get(tailnet, old).await {
            Err(gone) if gone.kind() == ErrorKind::NotFound => Err(Error::refused(
                format!("`{old}` is already revoked: without the new key, none would be left"),
                "to replace the new key, rotate it",
            )),
            found => found.map(drop),
        }
    }

    async fn check(&self, tailnet: &Tailnet, id: &str, change: &Change) -> Result<Checked> {
        KEY.checks().check(tailnet, id, change).await
    }
}

/// Makes the changes of a plan use [`Keys`], which checks new keys and the undo of rotations.
pub(super) fn of_keys(mut plan: Plan) -> Plan {
    plan.items.iter_mut().for_each(|it| it.subject = &Keys);
    plan
}

/// The IDs of the old and the new key, if these are the steps of a rotation.
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

/// Reads a new key back and adds a note about it; an error if the API does not have it.
async fn verified(tailnet: &Tailnet, id: &str, sent: Written) -> Result<Written> {
    match KEY.get(tailnet, id).await {
        Ok(_) => Ok(with_note(sent, format!("created key {id}"))),
        // The secret exists only here, so keep it even if the key could not be checked.
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Ok(with_note(sent, format!("created key {id}, which could not be read back: {error}")))
        }
        Err(_) => Err(Error::new(
            ErrorKind::Upstream,
            format!("the API created key {id}, but then did not find it"),
        )
        .with_remedy("check whether the key exists, and revoke it if it does")
        .with_action(Action::Call(Operation::GetKey))
        .with_unknown_effect()),
    }
}
