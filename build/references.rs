//! Puts in place what is referred to, except named schemas: they stay references, and become types.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{components, each_schema, referred};

/// Inlines every `$ref` of `document` that is not to a schema in `components`.
pub(crate) fn inline(document: &mut Value) {
    let original = document.clone();
    walk(document, &original, &mut Vec::new());
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        components.retain(|key, _| key == "schemas");
    }
    settle(document);
}

/// `open` holds the references that are being followed: one that leads back into itself, like one
/// into another file, becomes any value, rather than no build.
fn walk(value: &mut Value, original: &Value, open: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|it| walk(it, original, open)),
        Value::Object(object) => {
            let Some(Value::String(to)) = object.get("$ref") else {
                return object.values_mut().for_each(|it| walk(it, original, open));
            };
            let to = percent_decode_str(to).decode_utf8_lossy().into_owned();
            // `a/$defs/b` lies inside a named schema, and is no named schema.
            if referred(&json!({ "$ref": to })).is_some_and(|name| !name.contains('/')) {
                object.insert("$ref".into(), json!(to));
                return;
            }
            let pointer = to.strip_prefix('#').filter(|it| it.starts_with('/'));
            let target =
                pointer.filter(|_| !open.contains(&to)).and_then(|it| original.pointer(it));
            object.remove("$ref");
            let beside = std::mem::take(object);
            *value = target.cloned().unwrap_or(json!({}));
            // What stands beside a reference comes before what it refers to.
            if let Some(object) = value.as_object_mut() {
                object.extend(beside);
            }
            open.push(to);
            walk(value, original, open);
            open.pop();
        }
        _ => {}
    }
}

/// Makes any value of what has no end: names of nothing, and names of names that lead in a circle.
fn settle(document: &mut Value) {
    let named = components(document);
    let ends = |schema: &Value| {
        let mut schema = schema;
        for _ in 0..=named.len() {
            match referred(schema) {
                None => return true,
                Some(name) => match named.get(name) {
                    Some(next) => schema = next,
                    None => return false,
                },
            }
        }
        false
    };
    each_schema(document, &mut |value| {
        if !ends(value) {
            *value = json!({});
        }
    });
}
