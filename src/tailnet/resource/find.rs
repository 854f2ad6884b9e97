//! Finds a resource by its ID or name.

use serde_json::Value;

use super::{ResourceSpec, text};
use crate::{
    Error, ErrorKind, Tailnet,
    client::{
        Action, Result,
        call::{self, Call},
    },
};

/// The maximum number of candidates in an error message.
const CANDIDATES: usize = 5;

impl ResourceSpec {
    /// Lists all resources of this kind as JSON.
    pub(crate) async fn list(&self, tailnet: &Tailnet) -> Result<Vec<Value>> {
        let Some((operation, name)) = self.listed else { return Ok(Vec::new()) };
        let records = call::records(self.call(tailnet, operation, Call::default()).await?, name);
        Ok(records.into_iter().map(|it| self.with_text_for_id(it)).collect())
    }

    /// Finds the resource that has `wanted` as its ID or as one of its names.
    pub(crate) async fn find(&self, tailnet: &Tailnet, wanted: &str) -> Result<Value> {
        let wanted = wanted.trim();
        if wanted.is_empty() {
            return Err(Error::invalid_input(self.parameter, "is empty; give an ID or a name"));
        }
        let all = self.list(tailnet).await?;
        let is = |it: &&Value, field: &str| {
            call::member(it, field).is_some_and(|it| text(it).eq_ignore_ascii_case(wanted))
        };
        if let Some(found) = all.iter().find(|it| is(it, self.id_from)) {
            return Ok(found.clone());
        }
        let called = |it: &&Value| self.names.iter().any(|name| is(it, name));
        let found: Vec<&Value> = all.iter().filter(called).collect();
        let known = |all: &[&Value]| -> Vec<String> {
            let words = |it: &&Value| format!("{} ({})", self.name(it), self.id(it));
            all.iter().take(CANDIDATES).map(words).collect()
        };
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            [] => {
                let known = known(&all.iter().collect::<Vec<_>>()).join(", ");
                let message = format!("no {} is called `{wanted}`", self.kind);
                let error = Error::new(ErrorKind::NotFound, message);
                Err(match self.listed {
                    Some((list, _)) if known.is_empty() => {
                        let none =
                            format!("the tailnet has no {}; list them again later", self.kind);
                        error.with_remedy(none).with_action(Action::Call(list))
                    }
                    _ => error.with_remedy(format!("known: {known}")),
                })
            }
            several => Err(Error::ambiguous(wanted, known(several))),
        }
    }

    /// The ID of a resource, given as JSON.
    pub(crate) fn id(&self, found: &Value) -> String {
        call::member(found, self.id_from).map(text).unwrap_or_default()
    }

    /// The name of a resource, given as JSON; its ID if it has no name.
    pub(crate) fn name(&self, found: &Value) -> String {
        let named = self.names.iter().find_map(|name| call::member(found, name));
        named.map_or_else(|| self.id(found), text)
    }
}
