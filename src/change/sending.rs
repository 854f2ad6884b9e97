//! One change on its way, and what comes back.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::wire::Secret;

use super::Change;

/// Values that a change needs and that nobody records: by field of the request.
pub(crate) type Secrets = BTreeMap<String, Secret>;

/// A change that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sending<'a> {
    /// The resource's id; empty for one that is yet to be made.
    pub(crate) id: &'a str,
    /// The change.
    pub(crate) change: &'a Change,
    /// What goes along, and is not in the journal.
    pub(crate) secrets: &'a Secrets,
}

/// What an answer has besides that the change is made.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// The id of what was made.
    pub(crate) id: Option<String>,
    /// What the API shows once, by its name.
    pub(crate) once: BTreeMap<String, Secret>,
    /// What the API said of what was made, without secrets.
    pub(crate) answer: Option<Value>,
    /// What it is worth to say.
    pub(crate) notes: Vec<String>,
}
