//! Schemas that every host accepts.

use serde_json::Value;
use tailsteward::catalogue;

/// Keywords that one or another host refuses.
const FORBIDDEN: &[&str] = &[
    "$schema",
    "$ref",
    "$defs",
    "definitions",
    "oneOf",
    "anyOf",
    "allOf",
    "not",
    "const",
    "if",
    "then",
    "else",
    "prefixItems",
    "patternProperties",
    "additionalProperties",
    "title",
];

/// What is wrong with `schema`, by place.
fn lint(schema: &Value, place: &str, found: &mut Vec<String>) {
    let Value::Object(object) = schema else {
        found.push(format!("{place}: a bare {schema} for a schema"));
        return;
    };
    for keyword in FORBIDDEN.iter().filter(|it| object.contains_key(**it)) {
        found.push(format!("{place}: {keyword}"));
    }
    let Some(kind) = object.get("type").and_then(Value::as_str) else {
        found.push(format!("{place}: no single type"));
        return;
    };
    if object.get("format").is_some() {
        found.push(format!("{place}: format {}", object["format"]));
    }
    if object.get("default").is_some_and(Value::is_null) {
        found.push(format!("{place}: default null"));
    }
    match (kind, object.get("items"), object.get("properties")) {
        ("array", None, _) => found.push(format!("{place}: an array of anything")),
        ("array", Some(items), _) => lint(items, &format!("{place}[]"), found),
        ("object", _, None) => found.push(format!("{place}: an object without properties")),
        ("object", _, Some(properties)) => {
            for (name, property) in properties.as_object().unwrap() {
                lint(property, &format!("{place}.{name}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_schema_is_one_that_all_hosts_accept() {
    let mut found = Vec::new();
    for tool in catalogue::all() {
        let mut schema = tool.input();
        schema.remove("description");
        lint(&schema.to_value(), tool.name, &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_lint_finds_what_it_is_for() {
    let bad = serde_json::json!({
        "type": "object",
        "properties": {
            "a": { "type": ["string", "null"] }, "b": true, "c": { "type": "array" },
            "d": { "anyOf": [] }, "e": { "type": "integer", "format": "uint" },
        },
    });
    let mut found = Vec::new();
    lint(&bad, "t", &mut found);
    assert_eq!(found.len(), 6, "{found:?}");
}
