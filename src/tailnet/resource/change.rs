//! Changes of resources that are created, replaced and deleted as one object: plan, request, read-back.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{ResourceSpec, text};
use crate::{
    Error, ErrorKind, Operation, Tailnet,
    change::{
        Change, Checked, Checks, Compare, Fields, Plan, Risk, Secrets, Subject, Write, Written,
    },
    client::{
        Result,
        call::{self, Call},
    },
    words::listed,
};

/// The one field of such a resource: all its settings as one object, or null if it does not exist.
const CONFIGURATION: &str = "configuration";

impl ResourceSpec {
    /// Plans to create a resource. `id` is empty if the API chooses it.
    pub(crate) fn plan_make(
        &'static self,
        id: &str,
        name: &str,
        to: &Value,
        secrets: Secrets,
    ) -> Plan {
        let change = Change::new(CONFIGURATION, Value::Null, self.settable(to));
        Plan::one(self, id, name, vec![change]).with_secrets(secrets)
    }

    /// Plans to change a resource. `now` must come from [`get`](Self::get), because a list may have
    /// fewer fields. `wanted` has only the fields to change; null removes a field.
    pub(crate) fn plan_change(
        &'static self,
        id: &str,
        name: &str,
        now: &Value,
        wanted: &Map<String, Value>,
        secrets: Secrets,
    ) -> Plan {
        let from = self.settable(now);
        let mut to = from.as_object().cloned().unwrap_or_default();
        for (field, value) in wanted {
            if call::is_empty(value) {
                to.remove(field);
            } else {
                to.insert(field.clone(), value.clone());
            }
        }
        let to = Value::Object(to);
        let change = Change::new(CONFIGURATION, from.clone(), to.clone());
        // A secret cannot be read, so the new one may differ even if all other fields are the same.
        let changes = match (crate::change::same(&from, &to), secrets.is_empty()) {
            (true, true) => Vec::new(),
            (_, true) => vec![change],
            (_, false) => vec![change.irreversible()],
        };
        Plan::one(self, id, name, changes).with_secrets(secrets)
    }

    /// Plans to delete a resource; `now` must come from [`get`](Self::get).
    pub(crate) fn plan_delete(&'static self, id: &str, name: &str, now: &Value) -> Plan {
        let change = Change::new(CONFIGURATION, self.settable(now), Value::Null);
        let change = if self.returns { change } else { change.irreversible() };
        let mut plan = Plan::one(self, id, name, vec![change]);
        plan.least = crate::change::Risk::Danger;
        let lost =
            self.leaves.filter(|_| self.returns).map(|it| format!("if this is undone, {it}"));
        plan.warned(self.removal.map(str::to_owned).into_iter().chain(lost).collect())
    }

    /// Plans an action, such as sending a test event, on an existing resource.
    pub(crate) fn plan_action(&'static self, action: &str, id: &str, name: &str) -> Plan {
        Plan::one(self, id, name, vec![Change::new(action, Value::Null, true).irreversible()])
    }

    fn action(&self, field: &str) -> Option<Operation> {
        self.actions.iter().find(|(name, _)| *name == field).map(|(_, operation)| *operation)
    }

    fn operation(&self, wanted: Option<Operation>, what: &str) -> Result<Operation> {
        wanted.ok_or_else(|| {
            Error::refused(format!("the API cannot {what} the {}", self.kind), "leave it as it is")
        })
    }

    /// The part of a configuration that a request to create the resource takes.
    fn making(&self, configuration: &Value) -> Value {
        let all = configuration.clone();
        match self.makes_from {
            Some(part) => part(all),
            None => all,
        }
    }

    async fn made(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        let operation = self.operation(self.make, "create")?;
        let made_from = self.making(&write.change.to);
        let mut body = with_secrets(made_from, write.secrets);
        let owner = self.within.and_then(|it| body.as_object_mut()?.remove(it));
        let owner = owner.as_ref().map(text).unwrap_or_default();
        let body = if self.makes_lists { json!([body]) } else { body };
        let path = [(self.id_in, write.id), (self.within.unwrap_or_default(), &owner)];
        let answer = self.call(tailnet, operation, Call::on(&path).with(&body)).await?;
        let one = if self.makes_lists {
            call::records(answer, "").into_iter().next().unwrap_or_default()
        } else {
            answer
        };
        let mut sent = self.once(&one);
        let id = call::member(&one, self.id_from).map(text);
        sent.id = id.or_else(|| (!write.id.is_empty()).then(|| write.id.to_owned()));
        if sent.id.is_none() {
            let message = format!("the response has no ID for the new {}", self.kind);
            return Err(call::odd(operation, &message));
        }
        Ok(sent)
    }

    async fn changed(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        let operation = self.operation(self.change, "change")?;
        let Change { from, to, .. } = write.change;
        let body = if self.patches { difference(from, to) } else { to.clone() };
        let body = with_secrets(body, write.secrets);
        let path = [(self.id_in, write.id)];
        let answer = self.call(tailnet, operation, Call::on(&path).with(&body)).await?;
        Ok(self.once(&answer))
    }

    async fn removed(&self, tailnet: &Tailnet, id: &str) -> Result<Written> {
        let operation = self.operation(self.remove, "delete")?;
        let path = [(self.id_in, id)];
        match self.call(tailnet, operation, Call::on(&path)).await {
            // Already deleted is fine.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let notes = vec!["it was already deleted".to_owned()];
                Ok(Written { notes, ..Written::default() })
            }
            answer => answer.map(|_| Written::default()),
        }
    }

    fn once(&self, answer: &Value) -> Written {
        let secret = |field: &&str| {
            let text = call::member(answer, field)?.as_str()?.to_owned();
            Some(((*field).to_owned(), text.parse().ok()?))
        };
        Written { once: self.once.iter().filter_map(secret).collect(), ..Written::default() }
    }
}

#[async_trait]
impl Subject for ResourceSpec {
    fn kind(&self) -> &'static str {
        self.kind
    }

    async fn read(&self, tailnet: &Tailnet, id: &str, fields: &[&str]) -> Result<Fields> {
        let mut now = Fields::new();
        if fields.contains(&CONFIGURATION) && !id.is_empty() {
            now.insert(CONFIGURATION.to_owned(), self.configuration(tailnet, id).await?);
        }
        Ok(now)
    }

    /// Its ID, and what else people know it by.
    async fn describe(&self, tailnet: &Tailnet, id: &str) -> Result<String> {
        let now = self.get(tailnet, id).await?;
        let named = self.names.iter().filter_map(|field| now.get(*field)?.as_str());
        Ok(listed(std::iter::once(id).chain(named)))
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        let change = write.change;
        if let Some(operation) = self.action(&change.field) {
            let path = [(self.id_in, write.id)];
            let answer = self.call(tailnet, operation, Call::on(&path)).await?;
            return Ok(self.once(&answer));
        }
        if change.field != CONFIGURATION {
            let message = format!("is not a writable field of the {}", self.kind);
            return Err(Error::invalid_input(&change.field, message));
        }
        match (&change.from, &change.to) {
            (_, Value::Null) => self.removed(tailnet, write.id).await,
            (Value::Null, _) => self.made(tailnet, write).await,
            _ => self.changed(tailnet, write).await,
        }
    }

    fn compare(&self) -> &dyn Compare {
        self
    }

    fn checks(&self) -> &dyn Checks {
        self
    }
}

impl Compare for ResourceSpec {
    fn verb(&self, change: &Change) -> Option<&'static str> {
        match (&change.from, &change.to) {
            _ if change.field != CONFIGURATION => None,
            (Value::Null, _) => Some("Create"),
            (_, Value::Null) => Some("Delete"),
            _ => None,
        }
    }

    /// Where only a secret changes, nobody sees it.
    fn is_visible(&self, id: &str, change: &Change) -> bool {
        let secret = crate::change::same(&change.from, &change.to);
        self.action(&change.field).is_none() && !id.is_empty() && !secret
    }

    /// Compares only the fields that were sent, as the API adds defaults; removed fields must be gone.
    fn reached(&self, change: &Change, now: &Value) -> bool {
        let made = change.from.is_null() && !now.is_null();
        let of = |it: &Value| if made { self.making(it) } else { it.clone() };
        let (wanted, now) = (of(&change.to), of(now));
        let (Value::Object(wanted), Value::Object(now)) = (&wanted, &now) else {
            return wanted == now;
        };
        let is = |(field, value): (&String, &Value)| {
            now.get(field).is_some_and(|now| crate::change::same(now, value))
        };
        let gone = |field: &String| wanted.contains_key(field) || !now.contains_key(field);
        let had = change.from.as_object();
        wanted.iter().all(is) && had.is_none_or(|had| had.keys().all(gone))
    }
}

#[async_trait]
impl Checks for ResourceSpec {
    /// Refuses to undo an irreversible deletion, and adds warnings to other undos.
    async fn check(&self, _: &Tailnet, _: &str, change: &Change) -> Result<Checked> {
        let mut checked = Checked::default();
        if change.field == CONFIGURATION && change.to.is_null() {
            checked.least = Risk::Danger;
        }
        let comes_back = change.field == CONFIGURATION && change.from.is_null();
        checked.warnings.extend(self.leaves.filter(|_| comes_back).map(str::to_owned));
        if change.field != CONFIGURATION || self.returns {
            return Ok(checked);
        }
        if change.from.is_null() {
            let message = format!("a deleted {} cannot be restored as it was", self.kind);
            return Err(Error::refused(message, "create a new one"));
        }
        if change.to.is_null() {
            checked.warnings.push("this is irreversible".to_owned());
        }
        Ok(checked)
    }
}

/// The fields that differ. A removed field is sent as empty, because the API often ignores null.
fn difference(from: &Value, to: &Value) -> Value {
    let empty = Map::new();
    let (from, to) = (from.as_object().unwrap_or(&empty), to.as_object().unwrap_or(&empty));
    let changed = to.iter().filter(|(field, value)| from.get(*field) != Some(value));
    let gone = from.iter().filter(|(field, _)| !to.contains_key(*field));
    let changed = changed.map(|(field, value)| (field.clone(), value.clone()));
    let gone = gone.map(|(field, value)| (field.clone(), emptied(value)));
    changed.chain(gone).collect::<Map<_, _>>().into()
}

fn emptied(value: &Value) -> Value {
    match value {
        Value::String(_) => json!(""),
        Value::Array(_) => json!([]),
        _ => Value::Null,
    }
}

fn with_secrets(mut body: Value, secrets: &Secrets) -> Value {
    if let Some(fields) = body.as_object_mut() {
        for (field, secret) in secrets {
            fields.insert(field.clone(), secret.reveal().into());
        }
    }
    body
}
