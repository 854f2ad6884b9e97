//! A request to make one change, and its result.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Change;
use crate::{Error, wire::Secret};

/// Secret values that a change needs and that are not recorded, by field of the request.
pub(crate) type Secrets = BTreeMap<String, Secret>;

/// A change to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write<'a> {
    /// ID of the resource; empty if the API is to create it.
    pub(crate) id: &'a str,
    /// The change to make.
    pub(crate) change: &'a Change,
    /// Secrets for the request, which are not in the journal.
    pub(crate) secrets: &'a Secrets,
}

/// What the API returned about a successful change.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// ID of a created resource.
    pub(crate) id: Option<String>,
    /// Secrets that the API shows only once, by field.
    pub(crate) once: BTreeMap<String, Secret>,
    /// The API's answer about a created resource, without secrets.
    pub(crate) answer: Option<Value>,
    /// Notes for the report.
    pub(crate) notes: Vec<String>,
}

/// Removes `secrets` from an error, in case the API repeated one.
pub(super) fn hide(error: Error, secrets: &Secrets) -> Error {
    let Some(upstream) = error.upstream_message() else { return error };
    let texts = secrets.values().map(Secret::reveal).filter(|it| !it.is_empty());
    let clean = texts.fold(upstream.to_owned(), |upstream, secret| upstream.replace(secret, "•••"));
    let problems = error.policy_problems().to_vec();
    error.with_upstream(Some(clean), problems)
}
