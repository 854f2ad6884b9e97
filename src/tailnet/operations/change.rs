//! Calls of operations as changes, with the previous state if the API can read it.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{
    allowed, answer,
    arguments::{Arguments, has_dots, revealed},
    is_offered,
};
use crate::{
    Error, ErrorKind, Operation, Tailnet,
    change::{Change, Compare, Fields, Subject, Write, Written, same},
    client::{
        Result,
        call::{Call, is_empty},
    },
};

/// The operation that reads (`GET`) at the path of `operation`.
pub(super) fn reader(operation: Operation) -> Option<Operation> {
    beside(operation, "GET")
}

fn beside(operation: Operation, method: &str) -> Option<Operation> {
    let mut offered = Operation::ALL.iter().copied().filter(|it| is_offered(*it));
    offered.find(|it| it.path() == operation.path() && it.method() == method)
}

/// The change that a call makes; `None` if the state is as wanted already. `before` is the current
/// state, if it could be read.
pub(super) fn of(
    operation: Operation,
    arguments: &Arguments,
    before: Option<Value>,
) -> Option<Change> {
    let body = arguments.body.clone();
    let field = operation.id();
    let act = |to: Option<Value>| {
        Some(Change::new(field, Value::Null, to.unwrap_or(Value::Bool(true))).irreversible())
    };
    let Some(before) = before else { return act(body) };
    let (Some(Value::Object(wanted)), false) = (&body, operation.method() == "DELETE") else {
        return match operation.method() {
            "DELETE" if !before.is_null() => {
                Some(Change::new(field, settable(operation, &before), Value::Null).irreversible())
            }
            _ => act(body),
        };
    };
    let is_state = operation.method() != "POST" || wanted.keys().any(|it| before.get(it).is_some());
    if !is_state {
        return act(body);
    }
    let to = Value::Object(wanted.clone());
    if before.is_null() {
        let change = Change::new(field, Value::Null, to);
        let returns = beside(operation, "DELETE").is_some();
        return Some(if returns { change } else { change.irreversible() });
    }
    let mut from = settable(operation, &before);
    if let (Some(from), "PATCH") = (from.as_object_mut(), operation.method()) {
        // A field that was absent before is removed again by setting it to null.
        for name in wanted.keys() {
            from.entry(name.clone()).or_insert(Value::Null);
        }
    }
    let is_so =
        wanted.iter().all(|(name, value)| same(value, from.get(name).unwrap_or(&Value::Null)));
    let keeps = operation.method() != "PUT" || same(&from, &to);
    if is_so && keeps && arguments.secrets.is_empty() {
        return None;
    }
    let change = Change::new(field, from, to);
    // The old secrets are unknown, so they cannot be restored.
    Some(if arguments.secrets.is_empty() { change } else { change.irreversible() })
}

/// The fields of an answer that the operation can set.
fn settable(operation: Operation, found: &Value) -> Value {
    let input = operation.input();
    let known = input.pointer("/properties/body/properties");
    let takes = |name: &str| known.is_none_or(|it| it.get(name).is_some());
    let mut found = found.clone();
    answer::redact(&mut found, operation.secrets());
    match found {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, value)| takes(name) && !is_empty(value));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// The resource kind in plans and in the journal.
pub(crate) const KIND: &str = "call";

/// Changes made by calls of operations.
#[derive(Debug)]
pub(crate) struct Calls;

fn operation(field: &str) -> Result<Operation> {
    let operation = Operation::named(field).ok_or_else(|| {
        Error::refused(
            format!("unknown operation `{field}`"),
            "use the version of tailsteward that made the change",
        )
    })?;
    allowed(operation)
}

#[async_trait]
impl Subject for Calls {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn read(&self, tailnet: &Tailnet, id: &str, fields: &[&str]) -> Result<Fields> {
        let mut now = Fields::new();
        for field in fields {
            let operation = operation(field)?;
            let Some(reader) = reader(operation) else { continue };
            let arguments = Arguments::of_place(operation, id);
            let path = arguments.path();
            let found = match tailnet.client().call(reader, Call::on(&path)).await {
                Err(none) if none.kind() == ErrorKind::NotFound => Value::Null,
                found => settable(operation, &found?),
            };
            now.insert((*field).to_owned(), found);
        }
        Ok(now)
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        send(tailnet, write).await
    }

    fn compare(&self) -> &dyn Compare {
        self
    }
}

impl Compare for Calls {
    fn is_visible(&self, _: &str, change: &Change) -> bool {
        let Some(operation) = Operation::named(&change.field) else { return false };
        let acts = change.irreversible && change.from.is_null() && operation.method() != "PUT";
        reader(operation).is_some() && !acts
    }

    /// Compares only the fields that were given: the API fills in the others.
    fn reached(&self, change: &Change, now: &Value) -> bool {
        match (&change.to, now) {
            (Value::Object(wanted), Value::Object(now)) => wanted
                .iter()
                .all(|(name, value)| same(now.get(name).unwrap_or(&Value::Null), value)),
            (wanted, now) => same(wanted, now),
        }
    }

    fn verb(&self, _: &Change) -> Option<&'static str> {
        Some("Make")
    }

    fn words(&self, change: &Change) -> String {
        change.field.clone()
    }
}

async fn send(tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
    let Write { id, change, secrets } = write;
    let planned = operation(&change.field)?;
    let undone = change.to.is_null() && planned.method() != "DELETE";
    let called = if undone { beside(planned, "DELETE").unwrap_or(planned) } else { planned };
    let mut arguments = Arguments::of_place(called, id);
    if called.input().pointer("/properties/body").is_some() && change.to != json!(true) {
        arguments.body = Some(revealed(change.to.clone(), secrets));
    }
    if arguments.body.as_ref().is_some_and(has_dots) {
        return Err(Error::refused(
            "it has a secret that is not recorded",
            "call the operation again with the secret",
        ));
    }
    let path = arguments.path();
    let call = Call { path: &path, query: &arguments.query, body: arguments.body.as_ref() };
    let mut answer = tailnet.client().call(called, call).await?;
    let mut sent = Written::default();
    answer::taken(&mut answer, "", called.secrets(), &mut sent.once);
    // Report the answer if something was created; for a change, the report has the fields already.
    sent.answer = Some(answer).filter(|it| change.from.is_null() && !is_empty(it));
    Ok(sent)
}
