//! JSON schemas that every host accepts: without references, unions with `null`, formats, and keywords that
//! some hosts reject.

use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform as _},
};
use serde_json::{Map, Value, json};

/// The JSON schema of `T`.
pub(super) fn portable<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|it| {
        it.inline_subschemas = true;
        it.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(simplify).transform(&mut schema);
    schema.ensure_object().entry("properties").or_insert_with(|| json!({}));
    schema
}

fn simplify(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    // Unknown arguments are rejected by our own code; declaring that costs tokens and breaks some hosts.
    for keyword in ["title", "$schema", "additionalProperties"] {
        object.remove(keyword);
    }
    // An empty default needs no mention.
    let nothing = [Value::Null, json!(false), json!([]), json!(0)];
    if object.get("default").is_some_and(|it| nothing.contains(it)) {
        object.remove("default");
    }
    if object.get("minimum") == Some(&json!(0)) {
        object.remove("minimum");
    }
    let number = matches!(object.get("type").and_then(Value::as_str), Some("integer" | "number"));
    if number || is_number_or_null(object) {
        object.remove("format");
    }
    without_null(object);
    // A map with any keys; the description says what they are.
    if object.get("type").is_some_and(|it| it == "object") {
        object.entry("properties").or_insert_with(|| json!({}));
    }
    choices(object);
    tidy_description(object);
}

fn is_number_or_null(object: &Map<String, Value>) -> bool {
    let types = object.get("type").and_then(Value::as_array);
    types.is_some_and(|it| it.iter().any(|it| it == "integer" || it == "number"))
}

/// An optional parameter may be absent, so `null` is removed from its type.
fn without_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get("type") {
        let some: Vec<Value> = types.iter().filter(|it| *it != "null").cloned().collect();
        if let [one] = some.as_slice() {
            object.insert("type".into(), one.clone());
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|it| !it.is_null());
    }
    let Some(Value::Array(members)) = object.get("anyOf") else { return };
    let some: Vec<Value> =
        members.iter().filter(|it| it.get("type") != Some(&json!("null"))).cloned().collect();
    if let [Value::Object(only)] = some.as_slice() {
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key.clone()).or_insert(value.clone());
        }
    }
}

/// Turns constants into an enum; their descriptions move into the description of the enum.
fn choices(object: &mut Map<String, Value>) {
    if let Some(only) = object.remove("const") {
        object.insert("enum".into(), json!([only]));
    }
    let Some(Value::Array(members)) = object.get("oneOf").cloned() else { return };
    let mut values = Vec::new();
    let mut meanings = Vec::new();
    for member in &members {
        let value = member.get("const").or_else(|| member.pointer("/enum/0"));
        let Some(value) = value.filter(|it| it.is_string()) else { return };
        if let (Some(meaning), Some(name)) = (member["description"].as_str(), value.as_str()) {
            meanings.push(format!("`{name}`: {}", meaning.trim_end_matches('.')));
        }
        values.push(value.clone());
    }
    object.remove("oneOf");
    object.insert("type".into(), json!("string"));
    object.insert("enum".into(), Value::Array(values));
    if !meanings.is_empty() && !object.contains_key("description") {
        object.insert("description".into(), json!(format!("{}.", meanings.join("; "))));
    }
}

/// Joins the lines of a doc comment, since models need no line breaks.
fn tidy_description(object: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}
