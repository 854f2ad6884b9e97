//! From an OpenAPI document to the generated client, step by step.
//!
//! Everything here is general: nothing names a path of Tailscale. What is particular
//! to its API is data, in `openapi/overlay.yaml`.

#![expect(
    clippy::indexing_slicing,
    reason = "reading a key that is not there gives null; writing one into what is no object \
              panics, and a build that cannot go on stops"
)]

use serde_json::{Map, Value};

pub(crate) mod examples;
pub(crate) mod facts;
pub(crate) mod fit;
pub(crate) mod generate;
pub(crate) mod inputs;
pub(crate) mod lower;
pub(crate) mod names;
pub(crate) mod overlay;
pub(crate) mod read;
pub(crate) mod references;
pub(crate) mod sends;
pub(crate) mod titles;
pub(crate) mod tokens;
pub(crate) mod tolerate;
pub(crate) mod unread;
pub(crate) mod used;
pub(crate) mod values;

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// A document made ready for the generator, and what a maintainer should know about it.
pub(crate) struct Prepared {
    /// OpenAPI 3.0, within what progenitor takes.
    pub(crate) document: Value,
    /// The facts of every operation.
    pub(crate) operations: Vec<facts::Facts>,
    /// The lists of values that our code takes.
    pub(crate) values: Vec<values::Values>,
    /// Overlay entries that matched nothing.
    pub(crate) unmatched: Vec<String>,
    /// What was given up, by name.
    pub(crate) notes: Vec<String>,
}

/// Applies `overlay` to `document` and makes it fit for the generator.
pub(crate) fn prepare(mut document: Value, overlay: &Value) -> Result<Prepared, String> {
    let mut notes = Vec::new();
    titles::strip(&mut document);
    let unmatched = overlay::apply(&mut document, overlay)?;
    let values = values::take(&mut document)?;
    references::inline(&mut document);
    let inputs = inputs::collect(&document);
    names::part(&mut document, &mut notes);
    lower::lower(&mut document);
    fit::fit(&mut document, &mut notes);
    let operations = facts::collect(&document, &inputs)?;
    tolerate::tolerate(&mut document);
    titles::unify(&mut document, &mut notes);
    names::hoist(&mut document);
    names::nulls(&mut document);
    Ok(Prepared { document, operations, values, unmatched, notes })
}

/// Calls `visit` on every schema in `value`, inner ones first.
pub(crate) fn each_schema(value: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|it| each_schema(it, visit)),
        Value::Object(object) => {
            for (key, child) in object.iter_mut() {
                match key.as_str() {
                    "schema" => schema(child, visit),
                    "schemas" => members(child, visit),
                    "example" | "examples" => {}
                    key if key.starts_with("x-") => {}
                    _ => each_schema(child, visit),
                }
            }
        }
        _ => {}
    }
}

/// Calls `visit` on the schemas inside one schema, then on itself.
pub(crate) fn schema(value: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    if let Some(object) = value.as_object_mut() {
        for (key, child) in object.iter_mut() {
            match key.as_str() {
                "properties" | "patternProperties" | "$defs" | "definitions" => {
                    members(child, visit);
                }
                "items" => schema(child, visit),
                // `true` and `false` are values of their own here.
                "additionalProperties" if child.is_object() => schema(child, visit),
                "anyOf" | "oneOf" | "allOf" => {
                    child.as_array_mut().into_iter().flatten().for_each(|it| schema(it, visit));
                }
                _ => {}
            }
        }
    }
    visit(value);
}

fn members(value: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    value.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(|it| schema(it, visit));
}

/// The methods of a path item that are operations.
pub(crate) const METHODS: [&str; 8] =
    ["get", "put", "post", "delete", "patch", "head", "options", "trace"];

/// Calls `visit` with path, method and operation, for every operation.
pub(crate) fn each_operation(document: &mut Value, visit: &mut dyn FnMut(&str, &str, &mut Object)) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let (true, Some(operation)) =
                (METHODS.contains(&method.as_str()), operation.as_object_mut())
            {
                visit(path, method, operation);
            }
        }
    }
}

/// The schemas that have names.
pub(crate) fn components(document: &Value) -> Object {
    document.pointer("/components/schemas").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The name in `#/components/schemas/NAME`, if that is what `schema` refers to.
pub(crate) fn referred(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")
}

/// What is left of `name` in any Rust identifier, whatever its case: equal for names that could
/// become one.
pub(crate) fn fold(name: &str) -> String {
    let mut folded: String =
        name.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if !folded.starts_with(char::is_alphabetic) {
        folded.insert(0, 'x');
    }
    folded
}
