//! What goes into every operation, as one JSON Schema, for those who call it without its types.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{METHODS, Object, components, referred};

/// What goes into one operation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input {
    /// A schema of an object: the parameters of path and query by name, and `body`.
    pub(crate) schema: Value,
    /// Whether the body may be HuJSON.
    pub(crate) takes_text: bool,
    /// Names of fields, of what goes in and of what comes out, that are secret.
    pub(crate) secrets: BTreeSet<String>,
    /// Whether the answer is a complete list of records, perhaps under one name. A list that the API
    /// itself hands out in pages is an answer like any other: its cursor belongs to it.
    pub(crate) lists: bool,
}

/// How deep schemas lie in each other at most; those that lie in themselves end here.
const DEEPEST: usize = 6;
/// As much of a description as a reader gets, in characters.
const SAID: usize = 160;
/// What of a schema checks a value, apart from its type.
const CHECKS: [&str; 8] = [
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "uniqueItems",
];

/// The inputs of all operations, by path and method. `document` is as it was written, with
/// references to named schemas only.
pub(crate) fn collect(document: &Value) -> BTreeMap<(String, String), Input> {
    let named = components(document);
    let mut all = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        let shared = item["parameters"].as_array().cloned().unwrap_or_default();
        for method in METHODS {
            let Some(operation) = item.get(method).filter(|it| it.is_object()) else { continue };
            all.insert((path.clone(), method.to_owned()), input(operation, &shared, &named));
        }
    }
    all
}

fn input(operation: &Value, shared: &[Value], named: &Object) -> Input {
    let mut input = Input::default();
    let mut properties = Map::new();
    let mut required = Vec::new();
    let own = operation["parameters"].as_array().cloned().unwrap_or_default();
    for parameter in shared.iter().chain(&own) {
        let name = parameter["name"].as_str().unwrap_or_default();
        let place = parameter["in"].as_str().unwrap_or_default();
        // The tailnet is that of the client.
        if !["path", "query"].contains(&place) || name == "tailnet" {
            continue;
        }
        let mut schema = simple(&parameter["schema"], named, 0);
        describe(&mut schema, &parameter["description"]);
        if place == "path" || parameter["required"] == true {
            required.push(json!(name));
        }
        properties.insert(name.to_owned(), schema);
    }
    if let Some(content) = operation.pointer("/requestBody/content") {
        let json = content.get("application/json").or_else(|| content.as_object()?.values().next());
        let raw = json.map_or(Value::Null, |it| it["schema"].clone());
        secrets(&raw, named, 0, &mut input.secrets);
        let mut schema = simple(&raw, named, 0);
        describe(&mut schema, &operation["requestBody"]["description"]);
        input.takes_text = content.get("application/hujson").is_some();
        if input.takes_text {
            schema = described(&schema);
        }
        // Most documents forget to say so: what has fields that must be there must be there.
        if operation["requestBody"]["required"] == true || schema.get("required").is_some() {
            required.push(json!("body"));
        }
        properties.insert("body".to_owned(), schema);
    }
    let answers = operation["responses"].as_object().into_iter().flatten();
    for (_, answer) in answers.filter(|(status, _)| status.starts_with('2')) {
        for content in answer["content"].as_object().into_iter().flat_map(Map::values) {
            secrets(&content["schema"], named, 0, &mut input.secrets);
            input.lists |= is_list(&content["schema"], named);
        }
    }
    input.lists &= !properties.contains_key("cursor");
    input.schema =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        input.schema["required"] = required.into();
    }
    input
}

fn is_list(schema: &Value, named: &Object) -> bool {
    let schema = resolved(schema, named);
    let is_array = |it: &Value| resolved(it, named)["type"] == "array";
    let arrays = schema["properties"].as_object().into_iter().flat_map(Map::values);
    is_array(&schema) || arrays.filter(|it| is_array(it)).count() == 1
}

fn resolved(schema: &Value, named: &Object) -> Value {
    let mut schema = schema.clone();
    for _ in 0..DEEPEST {
        let Some(next) = referred(&schema).and_then(|it| named.get(it)) else { break };
        schema = next.clone();
    }
    schema
}

/// Nothing but the description of a schema: any value fits.
fn described(schema: &Value) -> Value {
    let mut any = json!({});
    if let Some(text) = schema.get("description") {
        any["description"] = text.clone();
    }
    any
}

fn describe(schema: &mut Value, text: &Value) {
    if let (Some(text), None) = (text.as_str(), schema.get("description")) {
        schema["description"] = json!(first_sentence(text));
    }
}

fn first_sentence(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = text.find(". ").map_or(text.len(), |it| it + 1);
    let sentence: String = text.chars().take(text[..end].chars().count().min(SAID)).collect();
    sentence.trim().to_owned()
}

/// A schema that refers to nothing, in the few keywords that check a value.
fn simple(schema: &Value, named: &Object, depth: usize) -> Value {
    if depth > DEEPEST {
        return json!({});
    }
    let description = schema.get("description").cloned();
    let schema = &merged(&resolved(schema, named), named, depth);
    let mut out = Map::new();
    if let Some(text) = description.as_ref().or(schema.get("description")).and_then(Value::as_str) {
        out.insert("description".into(), json!(first_sentence(text)));
    }
    let kind = kind(schema);
    let Some(kind) = kind else { return out.into() };
    out.insert("type".into(), kind.clone());
    for check in CHECKS {
        if let Some(value) = schema.get(check) {
            out.insert(check.into(), value.clone());
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<&Value> = values.iter().filter(|it| !it.is_null()).collect();
        out.insert("enum".into(), json!(values));
    }
    if kind == "array" {
        out.insert("items".into(), simple(&schema["items"], named, depth + 1));
    }
    if kind == "object" {
        object(schema, named, depth, &mut out);
    }
    out.into()
}

fn object(schema: &Value, named: &Object, depth: usize, out: &mut Map<String, Value>) {
    let mut properties = Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if resolved(property, named)["readOnly"] != true {
            properties.insert(name.clone(), simple(property, named, depth + 1));
        }
    }
    let required = schema["required"].as_array().into_iter().flatten();
    let required: Vec<&Value> =
        required.filter(|it| it.as_str().is_some_and(|it| properties.contains_key(it))).collect();
    if !required.is_empty() {
        out.insert("required".into(), json!(required));
    }
    let more = &schema["additionalProperties"];
    if more.is_object() {
        out.insert("additionalProperties".into(), simple(more, named, depth + 1));
    } else if !properties.is_empty() {
        out.insert("additionalProperties".into(), json!(false));
    }
    if !properties.is_empty() {
        out.insert("properties".into(), properties.into());
    }
}

/// The one type of a schema; none if it may have several.
fn kind(schema: &Value) -> Option<Value> {
    match &schema["type"] {
        Value::String(kind) => Some(json!(kind)),
        Value::Array(kinds) => {
            let mut some = kinds.iter().filter(|it| *it != "null");
            some.next().filter(|_| some.next().is_none()).cloned()
        }
        _ if schema["properties"].is_object() => Some(json!("object")),
        _ => None,
    }
}

/// A schema merged with its `allOf` parts, or the only member of a union that is not null.
fn merged(schema: &Value, named: &Object, depth: usize) -> Value {
    let mut all = schema.clone();
    for keyword in ["anyOf", "oneOf"] {
        let members = schema[keyword].as_array().into_iter().flatten();
        let mut some = members.filter(|it| it["type"] != "null");
        if let (Some(only), None) = (some.next(), some.next()) {
            return merged(&resolved(only, named), named, depth + 1);
        }
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        if depth > DEEPEST {
            break;
        }
        let part = merged(&resolved(part, named), named, depth + 1);
        for (key, value) in part.as_object().into_iter().flatten() {
            match (all.get_mut(key), value) {
                (Some(Value::Object(there)), Value::Object(more)) => {
                    more.iter().for_each(|(name, it)| {
                        there.entry(name).or_insert_with(|| it.clone());
                    });
                }
                (Some(Value::Array(there)), Value::Array(more)) => there.extend(more.clone()),
                (Some(_), _) => {}
                (None, value) => all[key] = value.clone(),
            }
        }
    }
    all
}

/// Finds the fields that are secret.
fn secrets(schema: &Value, named: &Object, depth: usize, found: &mut BTreeSet<String>) {
    if depth > DEEPEST {
        return;
    }
    let schema = merged(&resolved(schema, named), named, depth);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if resolved(property, named)["format"] == "password" {
            found.insert(name.clone());
        }
        secrets(property, named, depth + 1, found);
    }
    for keyword in ["items", "additionalProperties"] {
        if schema[keyword].is_object() {
            secrets(&schema[keyword], named, depth + 1, found);
        }
    }
}
