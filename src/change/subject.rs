//! Kinds of resources that can be changed: how they are read, written, compared and checked.

use std::fmt;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{Change, Item, Tailnet, Write, Written, journal::Step};
use crate::{Error, ErrorKind, client::Result, risk::Risk};

/// Current values of a resource's fields, by name.
pub(crate) type Fields = Map<String, Value>;

/// A kind of resource that can be changed. Each domain has one or more.
#[async_trait]
pub(crate) trait Subject: fmt::Debug + Send + Sync {
    /// Name of the kind, such as `device`.
    fn kind(&self) -> &'static str;

    /// Reads `fields` of the resource `id`. A field without a value is absent or null.
    async fn read(&self, tailnet: &Tailnet, id: &str, fields: &[&str]) -> Result<Fields>;

    /// What a person recognises the resource `id` by, besides its name: an address, an owner, when it
    /// was last seen. Empty if there is nothing.
    async fn describe(&self, tailnet: &Tailnet, id: &str) -> Result<String> {
        let _ = (tailnet, id);
        Ok(String::new())
    }

    /// Sends one change, and nothing else.
    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written>;

    /// Whether it is kept here and not in the tailnet, so that changing several at once does no more than one.
    fn is_kept_here(&self) -> bool {
        false
    }

    /// How values are compared and shown.
    fn compare(&self) -> &dyn Compare {
        &AsTheyAre
    }

    /// Checks before and after a change.
    fn checks(&self) -> &dyn Checks {
        &NoChecks
    }
}

/// How the values of a resource are compared and shown.
pub(crate) trait Compare: Send + Sync {
    /// Whether [`read`](Subject::read) can show that a change was made. It cannot for a new
    /// resource whose ID is only in the answer, nor for an action that leaves no state.
    fn is_visible(&self, id: &str, change: &Change) -> bool {
        let _ = (id, change);
        true
    }

    /// Whether a change is only recorded: nothing is sent, and nothing has to be rolled back.
    fn is_note(&self, change: &Change) -> bool {
        let _ = change;
        false
    }

    /// Whether two values of a field are equal. By default, the order of a list does not matter.
    fn is_same(&self, field: &str, a: &Value, b: &Value) -> bool {
        let _ = field;
        same(a, b)
    }

    /// Whether the value `now` is the result of `change`.
    fn reached(&self, change: &Change, now: &Value) -> bool {
        self.is_same(&change.field, now, &change.to)
    }

    /// A value as shown to people and models; the journal and the API get the complete value.
    fn display(&self, field: &str, value: &Value) -> Value {
        let _ = field;
        value.clone()
    }

    /// What the change does to the resource, if one verb says it: `Remove`.
    fn verb(&self, change: &Change) -> Option<&'static str> {
        let _ = change;
        None
    }

    /// A change in words.
    fn words(&self, change: &Change) -> String {
        let shown = |value| self.display(&change.field, value);
        format!("{} from {} to {}", change.field, shown(&change.from), shown(&change.to))
    }
}

/// Checks before and after a change.
#[async_trait]
pub(crate) trait Checks: Send + Sync {
    /// Returns an error if the recorded `steps` of a change must not be undone together.
    async fn before_undo(&self, tailnet: &Tailnet, steps: &[Step]) -> Result<()> {
        let _ = (tailnet, steps);
        Ok(())
    }

    /// Warnings and notes about a change before it is made; an error if it must not be made. Called
    /// for plans that the domain did not make itself, such as undos.
    async fn check(&self, tailnet: &Tailnet, id: &str, change: &Change) -> Result<Checked> {
        let _ = (tailnet, id, change);
        Ok(Checked::default())
    }

    /// The error for a change whose field is `now` and no longer the value it was planned from.
    async fn on_stale(
        &self,
        tailnet: &Tailnet,
        item: &Item,
        change: &Change,
        now: &Value,
    ) -> Error {
        let _ = (tailnet, now);
        let (name, words) = (&item.name, item.subject.compare().words(change));
        let message = format!("`{name}` changed since this was planned ({words})");
        Error::new(ErrorKind::Stale, message)
            .with_remedy("plan the change again from the current state")
    }

    /// Whether the result is also verified if the plan changes further resources. Most are not, because that
    /// takes another request for each.
    fn verifies_in_batch(&self) -> bool {
        false
    }

    /// Verifies the result, given the fields read back, and returns notes. After an error, all
    /// changes of the resource are rolled back.
    async fn verify(
        &self,
        tailnet: &Tailnet,
        id: &str,
        changes: &[Change],
        now: Result<&Fields, &Error>,
    ) -> Result<Vec<String>> {
        let _ = (tailnet, id, changes, now);
        Ok(Vec::new())
    }
}

/// Compares lists without order, and shows values unchanged.
struct AsTheyAre;

impl Compare for AsTheyAre {}

/// Checks nothing.
struct NoChecks;

impl Checks for NoChecks {}

/// The result of checking a change: warnings, notes and the minimum risk.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The minimum risk.
    pub(crate) least: Risk,
    /// Side effects that may not be wanted.
    pub(crate) warnings: Vec<String>,
    /// Further information.
    pub(crate) notes: Vec<String>,
}

/// Whether two values are equal, without regard to the order of lists; null counts as absent.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    let sorted = |it: &[Value]| {
        let mut items: Vec<String> = it.iter().map(Value::to_string).collect();
        items.sort();
        items
    };
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => sorted(a) == sorted(b),
        (Value::Object(a), Value::Object(b)) => {
            let in_b = |(name, value)| same(value, b.get(name).unwrap_or(&Value::Null));
            // A field that only one of them has must be null.
            a.iter().all(in_b) && b.iter().all(|(name, it)| a.contains_key(name) || it.is_null())
        }
        _ => a == b,
    }
}
