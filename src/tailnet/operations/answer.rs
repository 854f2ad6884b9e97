//! What comes back: secrets out of the way, and lists in pages.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::arguments::DOTS;
use crate::wire::Secret;

/// The most that the records of a page may weigh, in bytes of JSON.
const HEAVIEST_PAGE: usize = 48_000;

/// A page of a list; or an answer that is none.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Page {
    /// Records of a list.
    List {
        /// How many there are in all.
        total: usize,
        /// How many are here.
        shown: usize,
        /// What the list is called, with its records.
        #[serde(flatten)]
        records: BTreeMap<String, Vec<Value>>,
        /// What goes into `skip` for the next page.
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<usize>,
    },
    /// The whole answer.
    Whole(Value),
}

impl Page {
    /// The records of `answer` from the `skip`ped on, at most `limit` of them.
    pub fn of(answer: Value, lists: bool, skip: usize, limit: usize) -> Self {
        if !lists {
            return Self::Whole(answer);
        }
        let (name, all) = match answer {
            Value::Array(all) => ("items".to_owned(), all),
            // An empty list may come as nothing.
            Value::Null => ("items".to_owned(), Vec::new()),
            Value::Object(fields) if fields.len() <= 1 || fields.values().any(Value::is_array) => {
                match fields.into_iter().find(|(_, it)| it.is_array() || it.is_null()) {
                    Some((name, Value::Array(all))) => (name, all),
                    Some((name, _)) => (name, Vec::new()),
                    None => ("items".to_owned(), Vec::new()),
                }
            }
            other => return Self::Whole(other),
        };
        let total = all.len();
        let mut weight = 0;
        let mut page = Vec::new();
        for record in all.into_iter().skip(skip).take(limit) {
            weight += record.to_string().len();
            // One is always shown, however heavy.
            if weight > HEAVIEST_PAGE && !page.is_empty() {
                break;
            }
            page.push(record);
        }
        let end = skip.saturating_add(page.len());
        let next = (end < total).then_some(end);
        Self::List { total, shown: page.len(), records: BTreeMap::from([(name, page)]), next }
    }
}

/// Puts dots in the place of everything secret.
pub(super) fn redact(value: &mut Value, names: &[&str]) {
    taken(value, "", names, &mut BTreeMap::new());
}

/// Takes everything secret out of an answer, by its place in it.
pub(super) fn taken(
    value: &mut Value,
    at: &str,
    names: &[&str],
    secrets: &mut BTreeMap<String, Secret>,
) {
    let place = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                taken(item, &place(&index.to_string()), names, secrets);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str().filter(|_| names.contains(&name.as_str())) {
                    Some(text) if !text.is_empty() => {
                        let Ok(secret) = text.parse();
                        secrets.insert(place(name), secret);
                        *field = DOTS.into();
                    }
                    _ => taken(field, &place(name), names, secrets),
                }
            }
        }
        _ => {}
    }
}
