//! Titles name the types of inline schemas. Only the overlay gives them, so that names are ours
//! and do not change with the words of a later edition.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{components, each_schema};

/// Takes the document's own titles out.
pub(crate) fn strip(document: &mut Value) {
    each_schema(document, &mut |value| {
        if let Some(schema) = value.as_object_mut() {
            schema.remove("title");
        }
    });
}

/// Makes schemas that share a title one type. Enums join their values, so that an edition that
/// adds one to only some of them still builds; of others that differ, the first keeps the title.
pub(crate) fn unify(document: &mut Value, notes: &mut Vec<String>) {
    let mut taken: BTreeMap<String, Value> =
        components(document).into_iter().map(|(name, schema)| (name, bare(&schema))).collect();
    each_schema(document, &mut |value| {
        let Some(title) = value["title"].as_str().map(str::to_owned) else { return };
        let shape = bare(value);
        match taken.get_mut(&title) {
            None => drop(taken.insert(title, shape)),
            Some(known) if *known == shape => {}
            Some(known) if known["enum"].is_array() && shape["enum"].is_array() => {
                join(known, &shape);
            }
            Some(_) => {
                notes.push(format!("the title `{title}` is given to schemas that differ"));
                value.as_object_mut().map(|it| it.remove("title"));
            }
        }
    });
    each_schema(document, &mut |value| {
        let title = value["title"].as_str().unwrap_or_default();
        if let Some(known) = taken.get(title).filter(|it| it["enum"].is_array()) {
            value["enum"] = known["enum"].clone();
        }
    });
}

fn bare(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(object) = schema.as_object_mut() {
        object.retain(|key, _| !["description", "title", "nullable"].contains(&key.as_str()));
    }
    schema
}

fn join(known: &mut Value, more: &Value) {
    let mut values = known["enum"].as_array().cloned().unwrap_or_default();
    for value in more["enum"].as_array().into_iter().flatten() {
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    known["enum"] = json!(values);
}
