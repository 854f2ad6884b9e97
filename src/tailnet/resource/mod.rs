//! Resources that the API creates, replaces and deletes as one object, such as webhooks and keys.
//! The shared logic is here; a [`ResourceSpec`] describes each kind.

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

/// Describes a kind of resource that is created, replaced and deleted as one object.
#[derive(Debug)]
pub struct ResourceSpec {
    /// Name of the kind, such as `webhook`.
    pub(crate) kind: &'static str,
    /// The path parameter for the ID.
    pub(crate) id_in: &'static str,
    /// The field in answers that has the ID.
    pub(crate) id_from: &'static str,
    /// The parameter of this program's tools that names a resource, such as `webhook`.
    pub(crate) parameter: &'static str,
    /// Reads a resource.
    pub(crate) read: Operation,
    /// Lists the resources, with the name of the list in the answer.
    pub(crate) listed: Option<(Operation, &'static str)>,
    /// Fields by which people know a resource besides its ID; the first one is its name.
    pub(crate) names: &'static [&'static str],
    /// Extracts the resource from the answer, if the answer contains more than that.
    pub(crate) pick: Option<fn(Value, &str) -> Value>,
    /// Whether a resource that can be read is no longer valid: some are listed long after deletion.
    pub(crate) is_gone: Option<fn(&Value) -> bool>,
    /// Creates a resource.
    pub(crate) make: Option<Operation>,
    /// Whether the operation that creates takes a list, and returns one.
    pub(crate) makes_lists: bool,
    /// The field that names the parent resource. When a resource is created, it goes into the path
    /// and not into the body.
    pub(crate) within: Option<&'static str>,
    /// Changes a resource.
    pub(crate) change: Option<Operation>,
    /// Whether a change sends only the changed fields.
    pub(crate) patches: bool,
    /// Deletes a resource.
    pub(crate) remove: Option<Operation>,
    /// What else happens on deletion, as a warning.
    pub(crate) removal: Option<&'static str>,
    /// Whether a deleted resource can be created again as it was.
    pub(crate) returns: bool,
    /// What is lost when a deleted resource is created again, as a warning.
    pub(crate) leaves: Option<&'static str>,
    /// The fields that can be set, by their API names; they are recorded and compared. Empty means
    /// all fields of the answer: needed if a replacement removes fields that it does not name.
    pub(crate) fields: &'static [&'static str],
    /// Reduces a configuration to the fields allowed on creation, if those are fewer.
    pub(crate) makes_from: Option<fn(Value) -> Value>,
    /// Secret fields of answers, which are shown once.
    pub(crate) once: &'static [&'static str],
    /// Actions on a resource, by name. They leave no state that could be read, and cannot be undone.
    pub(crate) actions: &'static [(&'static str, Operation)],
    /// Adds a remedy to an error, where the error kind alone does not suggest one.
    pub(crate) explain: Option<fn(Error) -> Error>,
}

impl ResourceSpec {
    /// A kind of resource that can only be read; other fields are set with `..ResourceSpec::new(…)`.
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

    /// Sends a request, and adds a remedy to its error.
    async fn call(&self, tailnet: &Tailnet, operation: Operation, call: Call<'_>) -> Result<Value> {
        let answer = tailnet.client().call(operation, call).await;
        answer.map_err(|error| match self.explain {
            Some(explain) => explain(error),
            None => error,
        })
    }

    /// Reads a resource as JSON, with all fields of the API.
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

    /// Converts the ID to text: the API returns some IDs as text in one place and as a number in
    /// another.
    pub(crate) fn with_text_for_id(&self, mut found: Value) -> Value {
        if let Some(id) = found.get_mut(self.id_from).filter(|it| it.is_number()) {
            *id = text(id).into();
        }
        found
    }

    fn none(&self, id: &str) -> Error {
        Error::new(ErrorKind::NotFound, format!("unknown {} `{id}`", self.kind))
            .for_operation(self.read, None)
    }

    /// The current value of the settable fields; null if the resource does not exist.
    pub(crate) async fn configuration(&self, tailnet: &Tailnet, id: &str) -> Result<Value> {
        match self.get(tailnet, id).await {
            Ok(found) => Ok(self.settable(&found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Value::Null),
            Err(error) => Err(error),
        }
    }

    /// The settable fields of `found` that are not empty.
    pub(crate) fn settable(&self, found: &Value) -> Value {
        let all = found.as_object().into_iter().flatten();
        let wanted = |field: &str| self.fields.is_empty() || self.fields.contains(&field);
        let set = all.filter(|(field, value)| wanted(field) && !call::is_empty(value));
        set.map(|(field, value)| (field.clone(), value.clone())).collect::<Map<_, _>>().into()
    }
}

/// An ID as text; it may be text or a number.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
