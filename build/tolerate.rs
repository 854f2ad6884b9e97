//! The live API is looser than any document of it: what it leaves out, adds, or says with `null`
//! must not fail a read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Object, components, each_operation, each_schema, fold, referred, schema};

/// Rewrites the schemas of `document` so that whatever the server sends can be read.
pub(crate) fn tolerate(document: &mut Value) {
    inline_plain(document);
    relax_answers(document);
    each_schema(document, &mut |value| {
        let Some(schema) = value.as_object_mut() else { return };
        schema.remove("x-null");
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
/// types called `Name` and `Description`. A list of itself has to keep its name.
fn inline_plain(document: &mut Value) {
    let named = components(document);
    let mut plain: Object = named.clone();
    plain.retain(|name, schema| is_plain(schema) && !inner(schema, &named).contains(name));
    // Each round leaves out one level of lists of lists; without circles there is a last one.
    let mut left = true;
    while left {
        left = false;
        each_schema(document, &mut |value| {
            if let Some(target) = referred(value).and_then(|name| plain.get(name)) {
                let nullable = value.get("nullable").cloned();
                *value = target.clone();
                if let (Some(nullable), Some(schema)) = (nullable, value.as_object_mut()) {
                    schema.insert("nullable".into(), nullable);
                }
                left = true;
            }
        });
    }
    if let Some(named) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut)
    {
        named.retain(|name, _| !plain.contains_key(name));
    }
}

/// The names of all that `value` is made of.
fn inner(value: &Value, named: &Object) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    references(value, &mut found);
    let mut todo: Vec<String> = found.iter().cloned().collect();
    while let Some(name) = todo.pop() {
        let mut more = BTreeSet::new();
        if let Some(schema) = named.get(&name) {
            references(schema, &mut more);
        }
        todo.extend(more.into_iter().filter(|it| found.insert(it.clone())));
    }
    found
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
    let named = components(document);
    let mut answered = BTreeSet::new();
    each_operation(document, &mut |_, _, operation| {
        each_schema(&mut operation["responses"], relax);
        answered.extend(inner(&operation["responses"], &named));
    });
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
    if schema.get("additionalProperties").is_some_and(Value::is_boolean) {
        schema.insert("additionalProperties".into(), json!({}));
    }
    let required = schema.get("required").cloned().unwrap_or_default();
    let required = required.as_array().cloned().unwrap_or_default();
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    // The generator calls the rest `extra`. What has that name, or one that would be the name of
    // another field, is part of the rest.
    let mut taken = BTreeSet::from(["extra".to_owned()]);
    properties.retain(|name, _| taken.insert(fold(name)));
    for (name, property) in properties.iter_mut() {
        let kind = property["type"].as_str().unwrap_or_default();
        if matches!(kind, "array" | "object") && !required.contains(&json!(name)) {
            property["nullable"] = json!(true);
        }
    }
    let required = required
        .into_iter()
        .filter(|it| it.as_str().is_some_and(|name| properties.contains_key(name)));
    let required: Value = required.collect();
    schema.insert("required".into(), required);
    schema.insert("additionalProperties".into(), json!({}));
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
