//! OpenAPI 3.1 to 3.0. What 3.0 cannot say becomes something wider, never an error: the server
//! judges what is right, and a client has to get along with its next edition.

use serde_json::{Value, json};

use super::{Object, components, each_schema, referred};

/// Keywords that say more than a type needs.
const DROPPED: [&str; 33] = [
    "$anchor",
    "$comment",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$schema",
    "$vocabulary",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "definitions",
    "dependentRequired",
    "dependentSchemas",
    "discriminator",
    "else",
    "example",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "externalDocs",
    "if",
    "maxContains",
    "minContains",
    "multipleOf",
    "not",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Rewrites every schema of `document` in the terms of OpenAPI 3.0.
pub(crate) fn lower(document: &mut Value) {
    document["openapi"] = json!("3.0.3");
    if let Some(root) = document.as_object_mut() {
        root.retain(|key, _| ["openapi", "info", "paths", "components"].contains(&key.as_str()));
    }
    let named = components(document);
    each_schema(document, &mut |value| {
        let Some(schema) = value.as_object_mut() else {
            // `true`, `false`: any value.
            *value = json!({});
            return;
        };
        tuples_and_patterns(schema);
        schema.retain(|key, _| !DROPPED.contains(&key.as_str()));
        constants(schema);
        types(schema);
        all_of(schema, &named);
        unions(schema);
        implied_type(schema);
        formats(schema);
    });
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
    let fold = |it: &Value| -> String {
        let text = it.as_str().unwrap_or_default();
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
    };
    let mut seen = std::collections::BTreeSet::from(["unlisted".to_owned()]);
    values.iter().all(|it| seen.insert(fold(it)))
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
    if schema.get("type") == Some(&json!("null")) {
        schema.remove("type");
        schema.insert("x-null".into(), json!(true));
        schema.insert("nullable".into(), json!(true));
    }
}

/// `allOf` objects is one object with all their properties.
fn all_of(schema: &mut Object, named: &Object) {
    let Some(Value::Array(parts)) = schema.remove("allOf") else { return };
    if let ([only], true) = (parts.as_slice(), !schema.contains_key("properties")) {
        schema.extend(only.as_object().cloned().into_iter().flatten());
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
            (_, _) if key == "allOf" => {}
            (Some(Value::Object(have)), Value::Object(more)) => {
                have.extend(more.iter().map(|(name, it)| (name.clone(), it.clone())));
            }
            (Some(Value::Array(have)), Value::Array(more)) => have.extend(more.iter().cloned()),
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
            for key in ["type", "properties", "required", "items", "additionalProperties"] {
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
