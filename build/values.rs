//! Closed lists of values that calls take, as Rust enums. The overlay says which, with
//! `x-input-enum: { name, about }` beside the `enum` of a schema.

use std::fmt::Write as _;

use serde_json::Value;

use super::fold;

/// The key in a schema.
const KEY: &str = "x-input-enum";

/// One list of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Values {
    /// The name of the enum: `WebhookProvider`.
    pub(crate) name: String,
    /// What a value is, in one sentence.
    pub(crate) about: String,
    /// The values with their variants, in the order of the document.
    pub(crate) list: Vec<(String, String)>,
}

/// Takes the names that the overlay gives to lists of values out of `document`, and reads those
/// lists. Lists with the same name are joined.
pub(crate) fn take(document: &mut Value) -> Result<Vec<Values>, String> {
    let mut all = Vec::new();
    find(document, &mut all)?;
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

/// The name of a list that the overlay asks for and the document does not have any more.
pub(crate) fn missing(overlay: &Value, found: &[Values]) -> Option<String> {
    let actions = overlay["actions"].as_array().into_iter().flatten();
    let mut names = actions.filter_map(|action| action["update"][KEY]["name"].as_str());
    let gone = names.find(|name| !found.iter().any(|values| values.name == *name))?;
    Some(format!("the document has no list of values for `{gone}`, which our code takes"))
}

fn find(value: &mut Value, all: &mut Vec<Values>) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| find(item, all)),
        Value::Object(object) => {
            if let Some(key) = object.remove(KEY) {
                add(&key, object.get("enum").unwrap_or(&Value::Null), all)?;
            }
            object.values_mut().try_for_each(|child| find(child, all))
        }
        _ => Ok(()),
    }
}

fn add(key: &Value, listed: &Value, all: &mut Vec<Values>) -> Result<(), String> {
    let text = |field: &str| {
        let found = key[field].as_str().filter(|text| !text.trim().is_empty());
        found.map(str::to_owned).ok_or_else(|| format!("an `{KEY}` of the overlay has no {field}"))
    };
    let (name, about) = (text("name")?, text("about")?);
    let at = all.iter().position(|values| values.name == name);
    let mut values = match at {
        Some(at) => all.remove(at),
        None => Values { name, about, list: Vec::new() },
    };
    for value in listed.as_array().into_iter().flatten().filter_map(Value::as_str) {
        if values.list.iter().any(|(known, _)| known == value) {
            continue;
        }
        let variant = variant(value);
        if values.list.iter().any(|(_, known)| fold(known) == fold(&variant)) {
            return Err(format!("two values of `{}` would both be `{variant}`", values.name));
        }
        values.list.push((value.to_owned(), variant));
    }
    if values.list.is_empty() {
        return Err(format!("the list of values for `{}` is empty", values.name));
    }
    all.push(values);
    Ok(())
}

/// `it-admin` → `ItAdmin`.
fn variant(value: &str) -> String {
    let words = value.split(|letter: char| !letter.is_ascii_alphanumeric());
    let mut variant = String::new();
    for word in words {
        let mut letters = word.chars();
        variant.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        variant.extend(letters);
    }
    if !variant.starts_with(|first: char| first.is_ascii_alphabetic()) {
        variant.insert(0, 'V');
    }
    variant
}

/// Writes the enums. What they have in common is the macro `values!` of `src/values.rs`.
pub(crate) fn source(all: &[Values]) -> String {
    let mut out = String::new();
    for Values { name, about, list } in all {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "values! {{\n    /// {about}\n    pub enum {name} {{");
        for (value, variant) in list {
            let _ = writeln!(out, "        {variant} = {value:?},");
        }
        out.push_str("    }\n}\n\n");
    }
    out
}
