//! Which sections differ between two policy files.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compute::compute;
use crate::{
    client::Result,
    policy::hujson::{Document, SyntaxError},
};

/// The sections by lower-case name. Tailscale does not tell names apart by case, and a name may occur twice.
type Sections = BTreeMap<String, Vec<Value>>;

/// The names in lower case of the top-level sections that differ between two texts, apart from comments and
/// layout; `None` if a text cannot be read, so that nobody knows.
///
/// # Errors
///
/// [`Timeout`](crate::ErrorKind::Timeout) if that takes too long.
pub(crate) async fn changed_sections(from: &str, to: &str) -> Result<Option<Vec<String>>> {
    let (from, to) = (from.to_owned(), to.to_owned());
    compute(move || differ(&from, &to)).await
}

fn differ(from: &str, to: &str) -> Option<Vec<String>> {
    let (from, to) = (sections(from).ok()??, sections(to).ok()??);
    let names = from.keys().chain(to.keys().filter(|name| !from.contains_key(*name)));
    Some(names.filter(|name| from.get(*name) != to.get(*name)).cloned().collect())
}

fn sections(text: &str) -> std::result::Result<Option<Sections>, SyntaxError> {
    let document = Document::parse(text)?;
    let Some(members) = document.root().as_object() else { return Ok(None) };
    let mut sections = Sections::new();
    for member in members {
        sections.entry(member.name.to_lowercase()).or_default().push(member.value.to_json());
    }
    Ok(Some(sections))
}
