//! Resources that the API makes, replaces and removes whole: a webhook, a key, a service. What is
//! the same for all of them is here, and each says in data what is its own.

use serde_json::{Map, Value};

use crate::{
    Error, ErrorKind, Operation, Tailnet,
    client::{
        Result,
        call::{self, Call},
    },
};

mod change;
mod find;
mod resources;
#[cfg(feature = "server")]
pub(crate) mod tools;

pub use self::resources::{Listed, Resource, Resources};

/// A kind of resource that is made, replaced and removed whole.
#[derive(Debug)]
pub struct ResourceSpec {
    /// Its name: `webhook`.
    pub(crate) kind: &'static str,
    /// The parameter of paths that its id goes into.
    pub(crate) id_in: &'static str,
    /// The field of answers that its id comes from.
    pub(crate) id_from: &'static str,
    /// The argument of our own functions and tools that names one: `webhook`.
    pub(crate) parameter: &'static str,
    /// Reads one.
    pub(crate) read: Operation,
    /// Lists them, and under which name the answer has them.
    pub(crate) listed: Option<(Operation, &'static str)>,
    /// The fields of answers that people know one by, besides its id; the first is its name.
    pub(crate) names: &'static [&'static str],
    /// Where the one is in what that answers, if it is not all of it.
    pub(crate) pick: Option<fn(Value, &str) -> Value>,
    /// Whether what is read is there no more: some are listed long after.
    pub(crate) is_gone: Option<fn(&Value) -> bool>,
    /// Makes one.
    pub(crate) make: Option<Operation>,
    /// Whether that takes a list of them, and answers one.
    pub(crate) makes_lists: bool,
    /// The field that says what it belongs to. It goes into the path of the call that makes one, and
    /// not into its body.
    pub(crate) within: Option<&'static str>,
    /// Changes one.
    pub(crate) change: Option<Operation>,
    /// Whether a change sends only what changes.
    pub(crate) patches: bool,
    /// Removes one.
    pub(crate) remove: Option<Operation>,
    /// What else happens when one is removed, as a warning.
    pub(crate) removal: Option<&'static str>,
    /// Whether one that was removed can be made again as it was.
    pub(crate) returns: bool,
    /// What does not come back with one that is made again.
    pub(crate) leaves: Option<&'static str>,
    /// The fields that can be set, as the API names them: what is recorded and compared. None means
    /// all that an answer has: where a replacement takes away what it does not name, what nobody here
    /// knows has to go along.
    pub(crate) fields: &'static [&'static str],
    /// What of a configuration makes one, where that takes less than a change does.
    pub(crate) makes_from: Option<fn(Value) -> Value>,
    /// The fields of an answer that are secret, and shown once.
    pub(crate) once: &'static [&'static str],
    /// What else can be done to one, by name. It leaves no trace that could be read, and nothing
    /// takes it back.
    pub(crate) actions: &'static [(&'static str, Operation)],
    /// Says of an error what is to be done about it, where that is not plain from its kind.
    pub(crate) explain: Option<fn(Error) -> Error>,
}

impl ResourceSpec {
    /// What a kind says of itself starts from here. It can only be read.
    pub(crate) const fn new(
        kind: &'static str,
        id_in: &'static str,
        id_from: &'static str,
        read: Operation,
        fields: &'static [&'static str],
    ) -> Self {
        Self {
            kind,
            id_in,
            id_from,
            parameter: "id",
            read,
            listed: None,
            names: &[],
            pick: None,
            is_gone: None,
            make: None,
            makes_lists: false,
            within: None,
            change: None,
            patches: false,
            remove: None,
            removal: None,
            returns: false,
            leaves: None,
            fields,
            makes_from: None,
            once: &[],
            actions: &[],
            explain: None,
        }
    }

    /// Sends a call about such resources.
    async fn call(&self, tailnet: &Tailnet, operation: Operation, call: Call<'_>) -> Result<Value> {
        let answer = tailnet.client().call(operation, call).await;
        answer.map_err(|error| match self.explain {
            Some(explain) => explain(error),
            None => error,
        })
    }

    /// Reads one, as the API gives it.
    pub(crate) async fn get(&self, tailnet: &Tailnet, id: &str) -> Result<Value> {
        let path = [(self.id_in, id)];
        let answer = self.call(tailnet, self.read, Call::on(&path)).await?;
        let found = match self.pick {
            Some(pick) => pick(answer, id),
            None => answer,
        };
        let gone = self.is_gone.is_some_and(|gone| gone(&found));
        if found.is_null() || gone {
            return Err(self.none(id));
        }
        Ok(self.with_text_for_id(found))
    }

    /// Some ids come as text here and as a number there.
    pub(crate) fn with_text_for_id(&self, mut found: Value) -> Value {
        if let Some(id) = found.get_mut(self.id_from).filter(|it| it.is_number()) {
            *id = text(id).into();
        }
        found
    }

    fn none(&self, id: &str) -> Error {
        Error::new(ErrorKind::NotFound, format!("there is no {} `{id}`", self.kind))
            .for_operation(self.read, None)
    }

    /// What can be set of it, as it is now; null if it is not there.
    pub(crate) async fn configuration(&self, tailnet: &Tailnet, id: &str) -> Result<Value> {
        match self.get(tailnet, id).await {
            Ok(found) => Ok(self.settable(&found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Value::Null),
            Err(error) => Err(error),
        }
    }

    /// What of `found` can be set and is.
    pub(crate) fn settable(&self, found: &Value) -> Value {
        let all = found.as_object().into_iter().flatten();
        let wanted = |field: &str| self.fields.is_empty() || self.fields.contains(&field);
        let set = all.filter(|(field, value)| wanted(field) && !call::is_empty(value));
        set.map(|(field, value)| (field.clone(), value.clone())).collect::<Map<_, _>>().into()
    }
}

/// An id, whether it comes as text or as a number.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
