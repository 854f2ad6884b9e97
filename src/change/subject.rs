//! A kind of resource that can be changed: how it is read and written, compared and checked.

use std::fmt;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{Change, Item, Tailnet, Write, Written, journal::Step};
use crate::{Error, ErrorKind, client::Result, risk::Risk};

/// The fields of a resource that can change, as they are now.
pub(crate) type Fields = Map<String, Value>;

/// A kind of resource that can be changed, and how. One for each domain.
#[async_trait]
pub(crate) trait Subject: fmt::Debug + Send + Sync {
    /// Its name: `device`.
    fn kind(&self) -> &'static str;

    /// Reads `fields` of the resource `id`. A field that is not there is absent or null.
    async fn read(&self, tailnet: &Tailnet, id: &str, fields: &[&str]) -> Result<Fields>;

    /// What a person recognises the resource `id` by, besides its name: an address, an owner, when it
    /// was last seen. Empty if there is nothing.
    async fn describe(&self, tailnet: &Tailnet, id: &str) -> Result<String> {
        let _ = (tailnet, id);
        Ok(String::new())
    }

    /// Sends one change, and nothing else.
    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written>;

    /// How its values are compared and shown.
    fn compare(&self) -> &dyn Compare {
        &AsTheyAre
    }

    /// What is checked before and after a change.
    fn checks(&self) -> &dyn Checks {
        &NoChecks
    }
}

/// How the values of a resource are compared and shown.
pub(crate) trait Compare: Send + Sync {
    /// Whether [`read`](Subject::read) can see that a change was made. It cannot where something is
    /// created whose id only the answer has, and where something is done that leaves no trace.
    fn is_visible(&self, id: &str, change: &Change) -> bool {
        let _ = (id, change);
        true
    }

    /// Whether a change is only recorded: nothing is sent, and nothing has to be rolled back.
    fn is_note(&self, change: &Change) -> bool {
        let _ = change;
        false
    }

    /// Whether two values of a field are the same. The order of a list does not count, unless the
    /// subject says otherwise.
    fn is_same(&self, field: &str, a: &Value, b: &Value) -> bool {
        let _ = field;
        same(a, b)
    }

    /// Whether `now` is what `change` makes of the field.
    fn reached(&self, change: &Change, now: &Value) -> bool {
        self.is_same(&change.field, now, &change.to)
    }

    /// What people and models see of a value; the journal and the API get all of it.
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

/// What is checked before and after a change.
#[async_trait]
pub(crate) trait Checks: Send + Sync {
    /// An error if the `steps` of an entry must not be undone together.
    async fn before_undo(&self, tailnet: &Tailnet, steps: &[Step]) -> Result<()> {
        let _ = (tailnet, steps);
        Ok(())
    }

    /// Warnings and notes about a change before it is made; an error if it should not be. For plans
    /// that the domain did not make itself: those that undo something.
    async fn check(&self, tailnet: &Tailnet, id: &str, change: &Change) -> Result<Checked> {
        let _ = (tailnet, id, change);
        Ok(Checked::default())
    }

    /// The refusal of a change whose field is `now`, and not what it was when it was planned.
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
        Error::new(ErrorKind::Stale, message).with_remedy("plan again from what it is now")
    }

    /// Whether the result is good, by what is there `now`: notes if it is. All changes of the resource
    /// are rolled back if it is not, and if that cannot be known.
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

/// Values are compared without regard to the order of lists, and shown as they are.
struct AsTheyAre;

impl Compare for AsTheyAre {}

/// Nothing is checked.
struct NoChecks;

impl Checks for NoChecks {}

/// The result of checking a change: warnings, notes and the least risk.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// How much can go wrong, at least.
    pub(crate) least: Risk,
    /// What it implies that may not be wanted.
    pub(crate) warnings: Vec<String>,
    /// What else is worth knowing.
    pub(crate) notes: Vec<String>,
}

/// Whether the values are the same; the order of a list does not count.
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
            // What only one of them has is the same if it is null.
            a.iter().all(in_b) && b.iter().all(|(name, it)| a.contains_key(name) || it.is_null())
        }
        _ => a == b,
    }
}
