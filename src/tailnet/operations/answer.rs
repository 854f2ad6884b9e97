//! What comes back, with secrets out of the way.

use std::collections::BTreeMap;

use serde_json::Value;

use super::arguments::DOTS;
use crate::wire::Secret;

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
