//! Reads the API's answers about anything but devices.

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Field, Look, Sighting, look::seconds};

impl Look<'_> {
    /// Reads records of another kind: `key` and `name` are the fields that hold its ID and its name, and
    /// `fields` those that are compared. A record without a key is counted, and left out.
    pub fn records(records: &[Value], key: &str, name: &str, fields: &[Field]) -> Look<'static> {
        let mut look = Look { has_all_fields: true, ..Look::default() };
        for record in records {
            let key = record.get(key).map(plain).unwrap_or_default();
            if key.is_empty() {
                look.without_id += 1;
                continue;
            }
            let name = record.get(name).map(plain).filter(|it| !it.is_empty());
            let created = record.get("created").and_then(Value::as_str).and_then(seconds);
            let values = values(record, fields);
            look.seen.push(Sighting {
                name: Cow::Owned(name.unwrap_or_else(|| key.clone())),
                key: Cow::Owned(key),
                created,
                connection: None,
                values,
            });
        }
        look
    }
}

/// The fields of a record that are not false, absent or empty.
fn values(record: &Value, fields: &[Field]) -> Vec<(Field, Cow<'static, str>)> {
    let values = fields.iter().filter_map(|field| {
        let value = plain(part(record, field.name())?);
        (!value.is_empty()).then_some((*field, Cow::Owned(value)))
    });
    let mut values: Vec<_> = values.collect();
    values.sort_by_key(|it| it.0);
    values
}

/// The value at a name, or within another one: `status.error`.
fn part<'a>(record: &'a Value, name: &str) -> Option<&'a Value> {
    name.split('.').try_fold(record, |value, name| value.get(name))
}

/// One object for each of `names`.
pub(super) fn named(answer: &Value, names: &[&str], fields: &[Field]) -> Look<'static> {
    let mut look = Look { has_all_fields: true, ..Look::default() };
    let objects = names.iter().filter_map(|name| Some((name, answer.get(name)?)));
    look.seen = objects.map(|(name, object)| one(name, values(object, fields))).collect();
    look
}

/// One document, with these fields. A field that is false is kept apart from one that is absent, which a credential
/// may not be allowed to read.
pub(super) fn document(name: &str, answer: &Value, fields: &[Field]) -> Look<'static> {
    let mut values = values(answer, fields);
    let is_false = |it: &&Field| part(answer, it.name()) == Some(&Value::Bool(false));
    values.extend(fields.iter().filter(is_false).map(|it| (*it, Cow::Borrowed("0"))));
    values.sort_by_key(|it| it.0);
    Look { seen: vec![one(name, values)], has_all_fields: true, without_id: 0 }
}

/// The only thing of its name.
fn one(name: &str, values: Vec<(Field, Cow<'static, str>)>) -> Sighting<'static> {
    let key: Cow<'static, str> = Cow::Owned(name.to_owned());
    Sighting { name: key.clone(), key, values, ..Sighting::default() }
}

/// Only that a document is another one: its hash.
pub(super) fn content(name: &str, body: &[u8]) -> Look<'static> {
    let hash = Sha256::digest(body);
    let [first, ..] = hash.as_chunks::<8>().0 else { return Look::default() };
    let hash = Cow::Owned(format!("{:016x}", u64::from_be_bytes(*first)));
    let values = Field::named("content").map(|field| (field, hash)).into_iter().collect();
    Look { seen: vec![one(name, values)], has_all_fields: true, without_id: 0 }
}

/// A value in one text; empty for false, null and empty lists alike.
fn plain(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(false) => String::new(),
        Value::Bool(true) => "1".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(plain).collect();
            items.sort_unstable();
            items.join(",")
        }
        Value::Object(fields) if fields.is_empty() => String::new(),
        Value::Object(_) => value.to_string(),
    }
}
