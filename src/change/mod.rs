//! One way for every change: planned as data, recorded before it is sent, looked up when its answer
//! got lost, and taken back when what follows fails.
//!
//! A domain says what can change about its resources ([`Subject`]) and makes a [`Plan`], which only
//! reads. The same list of changes is shown, confirmed, sent, recorded and undone, so these cannot
//! disagree.
//!
//! ```no_run
//! # async fn example(tailnet: &tailsteward::Tailnet) -> tailsteward::Result<()> {
//! let plan = tailnet.devices().plan_authorized("web-1", true).await?;
//! println!("{:?}", plan.preview().changes);
//! let report = tailnet.apply(&plan).await?;
//! assert!(report.applied);
//! # Ok(()) }
//! ```

use std::fmt;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod apply;
mod context;
pub mod journal;
mod plan;
mod report;
#[cfg(feature = "journal")]
pub mod store;
mod tailnet;
mod write;

pub use self::{
    context::{Actor, Progress},
    journal::Journal,
    plan::{Item, OnFailure, Plan},
    report::{Capped, Changed, Outcome, Problem, Report},
    tailnet::Tailnet,
};
pub(crate) use self::{
    plan::label,
    write::{Secrets, Write, Written},
};
pub use crate::risk::Risk;
use crate::{Error, ErrorKind, client::Result};

/// One field of one resource: what it was and what it shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// The field: `tags`, `custom:tier`.
    pub field: String,
    /// What it was; null if it was not there.
    pub from: Value,
    /// What it shall be; null if it shall not be there.
    pub to: Value,
    /// No call takes it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
    /// Why, for the API's own log, where that takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl Change {
    pub(crate) fn new(field: &str, from: impl Into<Value>, to: impl Into<Value>) -> Self {
        Self {
            field: field.to_owned(),
            from: from.into(),
            to: to.into(),
            irreversible: false,
            comment: None,
        }
    }

    /// The same, where no call takes it back.
    pub(crate) fn irreversible(self) -> Self {
        Self { irreversible: true, ..self }
    }

    /// What takes it back; none where nothing does.
    pub fn inverse(&self) -> Option<Self> {
        (!self.irreversible).then(|| Self {
            from: self.to.clone(),
            to: self.from.clone(),
            comment: None,
            ..self.clone()
        })
    }
}

/// The fields of a resource that can change, as they are now.
pub(crate) type Fields = Map<String, Value>;

/// A kind of resource that can be changed, and how. One for each domain.
pub(crate) trait Subject: fmt::Debug + Send + Sync {
    /// Its name: `device`.
    fn kind(&self) -> &'static str;

    /// Reads `fields` of the resource `id`. A field that is not there is absent or null.
    fn look<'a>(
        &'a self,
        tailnet: &'a Tailnet,
        id: &'a str,
        fields: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Fields>>;

    /// Sends one change, and nothing else.
    fn send<'a>(&'a self, tailnet: &'a Tailnet, write: Write<'a>)
    -> BoxFuture<'a, Result<Written>>;

    /// Whether [`look`](Self::look) can tell that a change was made. It cannot where something is
    /// made whose id only the answer has, and where something is done that leaves no trace.
    fn is_visible(&self, id: &str, change: &Change) -> bool {
        let _ = (id, change);
        true
    }

    /// Whether it is only written down: nothing is sent, and nothing has to be taken back.
    fn is_note(&self, change: &Change) -> bool {
        let _ = change;
        false
    }

    /// Whether all `steps` of an entry may be taken back together; an error if not.
    fn may_undo<'a>(
        &'a self,
        tailnet: &'a Tailnet,
        steps: &'a [journal::Step],
    ) -> BoxFuture<'a, Result<()>> {
        let _ = (tailnet, steps);
        Box::pin(async { Ok(()) })
    }

    /// Whether the values of a field are the same. The order of a list does not count, unless the
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
    fn shown(&self, field: &str, value: &Value) -> Value {
        let _ = field;
        value.clone()
    }

    /// Warnings and notes about a change before it is made; an error if it should not be. For
    /// plans that the domain did not make itself: those that take something back.
    fn check<'a>(
        &'a self,
        tailnet: &'a Tailnet,
        id: &'a str,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Checked>> {
        let _ = (tailnet, id, change);
        Box::pin(async { Ok(Checked::default()) })
    }

    /// The refusal of a change whose field is `now`, and not what it was when it was planned.
    fn moved<'a>(
        &'a self,
        tailnet: &'a Tailnet,
        item: &'a Item,
        change: &'a Change,
        now: &'a Value,
    ) -> BoxFuture<'a, Error> {
        let _ = (tailnet, now);
        Box::pin(async move {
            let (name, words) = (&item.name, self.words(change));
            let message = format!("`{name}` changed since this was planned ({words})");
            Error::new(ErrorKind::Stale, message).with_remedy("plan again from what it is now")
        })
    }

    /// Whether what was made is good, judged by what is there `now`: notes if it is. All changes of
    /// the resource are taken back if it is not, and if nobody can tell.
    fn verify<'a>(
        &'a self,
        tailnet: &'a Tailnet,
        id: &'a str,
        changes: &'a [Change],
        now: Result<&'a Fields, &'a Error>,
    ) -> BoxFuture<'a, Result<Vec<String>>> {
        let _ = (tailnet, id, changes, now);
        Box::pin(async { Ok(Vec::new()) })
    }

    /// A change in words.
    fn words(&self, change: &Change) -> String {
        let shown = |value| self.shown(&change.field, value);
        format!("{} from {} to {}", change.field, shown(&change.from), shown(&change.to))
    }
}

/// What a check of a change has to say.
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
