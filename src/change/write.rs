//! One change on its way, and what comes back.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Change;
use crate::{Error, wire::Secret};

/// Values that a change needs and that nobody records: by field of the request.
pub(crate) type Secrets = BTreeMap<String, Secret>;

/// A change that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write<'a> {
    /// The resource's id; empty for one that is yet to be made.
    pub(crate) id: &'a str,
    /// The change.
    pub(crate) change: &'a Change,
    /// What goes along, and is not in the journal.
    pub(crate) secrets: &'a Secrets,
}

/// What an answer has besides that the change is made.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// The id of what was made.
    pub(crate) id: Option<String>,
    /// What the API shows once, by its name.
    pub(crate) once: BTreeMap<String, Secret>,
    /// What the API answered about what was made, without secrets.
    pub(crate) answer: Option<Value>,
    /// What it is worth to say.
    pub(crate) notes: Vec<String>,
}

/// The error without `secrets`, should the API have repeated one.
pub(super) fn hide(error: Error, secrets: &Secrets) -> Error {
    let Some(upstream) = error.upstream_message() else { return error };
    let texts = secrets.values().map(Secret::reveal).filter(|it| !it.is_empty());
    let clean = texts.fold(upstream.to_owned(), |upstream, secret| upstream.replace(secret, "•••"));
    let problems = error.policy_problems().to_vec();
    error.with_upstream(Some(clean), problems)
}
