//! OpenAPI 3.1 to 3.0. What 3.0 cannot say becomes something wider, never an error: the server
//! judges what is right, and a client has to get along with its next edition.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Object, components, each_schema, referred};

/// The keywords that make a type. All others, known or not, narrow one down or describe it.
const KEPT: [&str; 19] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "deprecated",
    "description",
    "enum",
    "format",
    "items",
    "nullable",
    "oneOf",
    "properties",
    "readOnly",
    "required",
    "title",
    "type",
    "writeOnly",
    "x-unread",
];

/// The types that OpenAPI 3.0 knows, and `null`, which it has no word for.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// How deep an `allOf` may lie in another that it is part of.
const NESTED: usize = 4;

/// Rewrites every schema of `document` in the terms of OpenAPI 3.0.
pub(crate) fn lower(document: &mut Value) {
    document["openapi"] = json!("3.0.3");
    if let Some(root) = document.as_object_mut() {
        root.retain(|key, _| ["openapi", "info", "paths", "components"].contains(&key.as_str()));
    }
    info(&mut document["info"]);
    // What a part brings along may have parts of its own.
    for _ in 0..NESTED {
        let named = components(document);
        each_schema(document, &mut |value| {
            if let Some(schema) = value.as_object_mut() {
                all_of(schema, &named);
            }
        });
    }
    each_schema(document, &mut |value| {
        let Some(schema) = value.as_object_mut() else {
            // `true`, `false`: any value.
            *value = json!({});
            return;
        };
        if schema.remove("allOf").is_some() {
            schema.clear();
        }
        tuples_and_patterns(schema);
        schema.retain(|key, _| KEPT.contains(&key.as_str()));
        malformed(schema);
        constants(schema);
        types(schema);
        unions(schema);
        implied_type(schema);
        formats(schema);
    });
}

/// YAML makes a number of an unquoted version.
fn info(info: &mut Value) {
    let text = |key: &str| match &info[key] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    *info = json!({
        "title": text("title"), "version": text("version"), "description": text("description")
    });
}

/// Takes out keywords whose value 3.0 has another form for.
fn malformed(schema: &mut Object) {
    for (key, fits) in [
        ("required", Value::is_array as fn(&Value) -> bool),
        ("properties", Value::is_object),
        ("nullable", Value::is_boolean),
        ("deprecated", Value::is_boolean),
        ("readOnly", Value::is_boolean),
        ("writeOnly", Value::is_boolean),
        ("description", Value::is_string),
        ("enum", Value::is_array),
    ] {
        if schema.get(key).is_some_and(|it| !fits(it)) {
            schema.remove(key);
        }
    }
}

fn tuples_and_patterns(schema: &mut Object) {
    if schema.contains_key("prefixItems") {
        schema.insert("items".into(), json!({}));
    }
    if schema.contains_key("patternProperties") {
        schema.insert("additionalProperties".into(), json!({}));
    }
}

/// `const` is an enum of one. An enum of anything but strings is its type without the list.
fn constants(schema: &mut Object) {
    if let Some(only) = schema.remove("const") {
        schema.insert("enum".into(), json!([only]));
    }
    let Some(Value::Array(mut values)) = schema.remove("enum") else { return };
    let all = values.len();
    values.retain(|it| !it.is_null());
    if values.len() < all {
        schema.insert("nullable".into(), json!(true));
    }
    let mut seen = Vec::new();
    values.retain(|it| {
        !seen.contains(it) && {
            seen.push(it.clone());
            true
        }
    });
    if !values.is_empty() && values.iter().all(Value::is_string) && distinct(&values) {
        schema.insert("enum".into(), Value::Array(values));
        schema.insert("type".into(), json!("string"));
    } else if !schema.contains_key("type") {
        let mut kinds: Vec<&str> = values.iter().map(kind).collect();
        kinds.dedup();
        if let [one] = kinds.as_slice() {
            schema.insert("type".into(), json!(one));
        }
    }
}

/// Whether the values stay apart as Rust identifiers, from each other and from our catch-all.
fn distinct(values: &[Value]) -> bool {
    let mut seen = BTreeSet::from(["unlisted".to_owned()]);
    values.iter().all(|it| seen.insert(super::fold(it.as_str().unwrap_or_default())))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Array(_) => "array",
        Value::Object(_) | Value::Null => "object",
    }
}

/// `type: [T, "null"]` is a nullable `T`; `type: [T, U]` is any of both.
fn types(schema: &mut Object) {
    if let Some(Value::Array(types)) = schema.get("type").cloned() {
        let types: Vec<Value> = types.into_iter().filter(known).collect();
        let some: Vec<&Value> = types.iter().filter(|it| *it != "null").collect();
        if some.len() < types.len() {
            schema.insert("nullable".into(), json!(true));
        }
        schema.remove("type");
        match some.as_slice() {
            [] => {}
            [one] => drop(schema.insert("type".into(), (*one).clone())),
            many => {
                let any = many.iter().map(|it| json!({ "type": it })).collect();
                schema.insert("anyOf".into(), Value::Array(any));
            }
        }
    }
    if schema.get("type").is_some_and(|it| !known(it)) {
        schema.remove("type");
    }
    if schema.get("type") == Some(&json!("null")) {
        schema.remove("type");
        schema.insert("x-null".into(), json!(true));
        schema.insert("nullable".into(), json!(true));
    }
}

fn known(kind: &Value) -> bool {
    kind.as_str().is_some_and(|it| TYPES.contains(&it))
}

/// `allOf` objects is one object with all their properties.
fn all_of(schema: &mut Object, named: &Object) {
    let Some(Value::Array(parts)) = schema.remove("allOf") else { return };
    if let ([only], true) = (parts.as_slice(), !schema.contains_key("properties")) {
        for (key, value) in only.as_object().into_iter().flatten() {
            schema.entry(key.clone()).or_insert(value.clone());
        }
        return;
    }
    let mut budget = 64;
    for part in &parts {
        absorb(schema, part, named, &mut budget);
    }
}

fn absorb(into: &mut Object, part: &Value, named: &Object, budget: &mut u32) {
    if *budget == 0 {
        return;
    }
    *budget -= 1;
    if let Some(target) = referred(part).and_then(|name| named.get(name)) {
        return absorb(into, target, named, budget);
    }
    for inner in part["allOf"].as_array().into_iter().flatten() {
        absorb(into, inner, named, budget);
    }
    for (key, value) in part.as_object().into_iter().flatten() {
        match (into.get_mut(key), value) {
            (_, _) if ["allOf", "title", "description"].contains(&key.as_str()) => {}
            (Some(Value::Object(have)), Value::Object(more)) => {
                have.extend(more.iter().map(|(name, it)| (name.clone(), it.clone())));
            }
            (Some(Value::Array(have)), Value::Array(more)) if key != "type" => {
                have.extend(
                    more.iter().filter(|it| !have.contains(it)).cloned().collect::<Vec<_>>(),
                );
            }
            (Some(_), _) => {}
            (None, value) => drop(into.insert(key.clone(), value.clone())),
        }
    }
}

/// A union of strings is a string, of enums an enum. Any other is any value: as a Rust enum its
/// first member would take what belongs to others, and numbers would change their looks.
fn unions(schema: &mut Object) {
    for keyword in ["anyOf", "oneOf"] {
        let Some(Value::Array(members)) = schema.remove(keyword) else { continue };
        // The members are cases of one object: what only some have is kept as what it does not know.
        if schema.contains_key("properties") {
            continue;
        }
        let some: Vec<Value> =
            members.iter().filter(|it| it.get("x-null").is_none()).cloned().collect();
        if some.len() < members.len() {
            schema.insert("nullable".into(), json!(true));
        }
        if let [Value::Object(only)] = some.as_slice() {
            for (key, it) in only {
                schema.entry(key.clone()).or_insert(it.clone());
            }
        } else if some.iter().all(|it| it["type"] == "string") {
            schema.insert("type".into(), json!("string"));
            if some.iter().all(|it| it["enum"].is_array()) {
                let values = some.iter().filter_map(|it| it["enum"].as_array()).flatten();
                schema.insert("enum".into(), values.cloned().collect());
                constants(schema);
            }
        } else {
            for key in ["type", "enum", "format", "required", "items", "additionalProperties"] {
                schema.remove(key);
            }
        }
    }
}

fn implied_type(schema: &mut Object) {
    if schema.contains_key("$ref") {
        return;
    }
    if !schema.contains_key("type") {
        if schema.contains_key("properties") || schema.contains_key("additionalProperties") {
            schema.insert("type".into(), json!("object"));
        } else if schema.contains_key("items") {
            schema.insert("type".into(), json!("array"));
        }
    }
    if schema.get("type") == Some(&json!("array")) && !schema.contains_key("items") {
        schema.insert("items".into(), json!({}));
    }
}

/// Formats that we have a type for. Any other would pull in a crate, or refuse what the server sends.
fn formats(schema: &mut Object) {
    let ours = ["date-time", "password"];
    if schema.get("format").is_some_and(|it| !it.as_str().is_some_and(|it| ours.contains(&it))) {
        schema.remove("format");
    }
}
