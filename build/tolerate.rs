//! The live API is looser than any document of it: what it leaves out, adds, or says with `null`
//! must not fail a read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Object, components, each_operation, each_schema, referred, schema};

/// Limits are the server's to judge: a client that refuses an answer for one helps nobody.
const LIMITS: [&str; 9] = [
    "default",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "uniqueItems",
];

/// Rewrites the schemas of `document` so that whatever the server sends can be read.
pub(crate) fn tolerate(document: &mut Value) {
    inline_plain(document);
    relax_answers(document);
    each_schema(document, &mut |value| {
        let Some(schema) = value.as_object_mut() else { return };
        schema.retain(|key, _| !LIMITS.contains(&key.as_str()) && !key.starts_with("x-"));
        open(schema);
    });
    // A list that is empty may come as `null`.
    each_operation(document, &mut |_, _, operation| {
        let body = operation["responses"].pointer_mut("/2XX/content/application~1json/schema");
        if let Some(body) = body.filter(|it| it["type"] == "array") {
            body["nullable"] = json!(true);
        }
    });
    fence(document);
}

/// Puts named scalars and lists in place: they are named to share a description, and would become
/// types called `Name` and `Description`.
fn inline_plain(document: &mut Value) {
    // Lists of lists of plain things; more rounds than any document needs.
    for _ in 0..8 {
        let plain: Object =
            components(document).into_iter().filter(|(_, schema)| is_plain(schema)).collect();
        each_schema(document, &mut |value| {
            if let Some(target) = referred(value).and_then(|name| plain.get(name)) {
                *value = target.clone();
            }
        });
    }
    if let Some(named) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut)
    {
        named.retain(|_, schema| !is_plain(schema));
    }
}

fn is_plain(schema: &Value) -> bool {
    let named_enum = schema.get("enum").is_some();
    let kind = schema["type"].as_str();
    let free = kind.is_none() && schema.get("anyOf").is_none();
    !named_enum
        && (free || matches!(kind, Some("string" | "integer" | "number" | "boolean" | "array")))
}

/// Takes `required` out of all that an answer can contain.
fn relax_answers(document: &mut Value) {
    let relax = &mut |value: &mut Value| {
        if let Some(schema) = value.as_object_mut() {
            schema.remove("required");
        }
    };
    let mut answered = BTreeSet::new();
    each_operation(document, &mut |_, _, operation| {
        each_schema(&mut operation["responses"], relax);
        references(&operation["responses"], &mut answered);
    });
    let named = components(document);
    let mut todo: Vec<String> = answered.iter().cloned().collect();
    while let Some(name) = todo.pop() {
        let mut inner = BTreeSet::new();
        references(&named[&name], &mut inner);
        todo.extend(inner.into_iter().filter(|it| answered.insert(it.clone())));
    }
    for name in answered {
        schema(&mut document["components"]["schemas"][name], relax);
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    found.extend(referred(value).map(str::to_owned));
    match value {
        Value::Object(object) => object.values().for_each(|it| references(it, found)),
        Value::Array(items) => items.iter().for_each(|it| references(it, found)),
        _ => {}
    }
}

/// Objects keep what they do not know. Optional lists and maps may be `null`: Go writes empty ones
/// so, and an `Option<Vec<_>>` can send an empty list where a `Vec` would leave it out.
fn open(schema: &mut Object) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let required = required.as_array().cloned().unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        if schema.get("additionalProperties").is_some_and(Value::is_boolean) {
            schema.insert("additionalProperties".into(), json!({}));
        }
        return;
    };
    for (name, property) in properties.iter_mut() {
        let kind = property["type"].as_str().unwrap_or_default();
        if matches!(kind, "array" | "object") && !required.contains(&json!(name)) {
            property["nullable"] = json!(true);
        }
    }
    // The generator calls the rest `extra`; a property of that name leaves no room for it.
    if properties.contains_key("extra") {
        schema.remove("additionalProperties");
    } else {
        schema.insert("additionalProperties".into(), json!({}));
    }
}

/// Names the language of code fences: one without is Rust to rustdoc, and would be compiled.
fn fence(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, child) in object {
                match child {
                    Value::String(text) if key == "description" || key == "summary" => {
                        *text = fenced(text);
                    }
                    child => fence(child),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(fence),
        _ => {}
    }
}

fn fenced(text: &str) -> String {
    let mut open = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            open = !open;
        }
        let bare = open && line.trim() == "```";
        lines.push(if bare { format!("{line}text") } else { line.to_owned() });
    }
    lines.join("\n")
}
