//! Removes secrets from answers of the API.

use std::collections::BTreeMap;

use serde_json::Value;

use super::arguments::DOTS;
use crate::wire::Secret;

/// Replaces every secret in an answer with dots.
pub(super) fn redact(value: &mut Value, names: &[&str]) {
    taken(value, "", names, &mut BTreeMap::new());
}

/// Replaces every secret with dots and adds it to `secrets`, keyed by its path in the answer.
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
