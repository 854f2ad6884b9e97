//! Puts in place what is referred to, except named schemas: they stay references, and become types.

use serde_json::{Value, json};

use super::referred;

/// How deep references may lead to references; deeper is taken for a cycle.
const DEPTH: usize = 16;

/// Inlines every `$ref` of `document` that is not to a schema in `components`.
pub(crate) fn inline(document: &mut Value) {
    let whole = document.clone();
    walk(document, &whole, 0);
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        components.retain(|key, _| key == "schemas");
    }
}

fn walk(value: &mut Value, whole: &Value, depth: usize) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|it| walk(it, whole, depth)),
        Value::Object(object) => {
            if let Some(Value::String(to)) = object.get("$ref") {
                // `a/$defs/b` lies inside a named schema, and is no named schema.
                if referred(&json!({ "$ref": to })).is_some_and(|name| !name.contains('/')) {
                    return;
                }
                // Another file, or a cycle: any value, rather than no build.
                let target = to.strip_prefix('#').filter(|_| depth < DEPTH);
                *value = target.and_then(|it| whole.pointer(it)).cloned().unwrap_or(json!({}));
                walk(value, whole, depth + 1);
            } else {
                object.values_mut().for_each(|it| walk(it, whole, depth));
            }
        }
        _ => {}
    }
}
