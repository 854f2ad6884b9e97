//! Keeps types apart. Of two that would have one name the generator takes the first for both, in
//! silence: `Foo.Bar` and `FooBar`, or a named `DeviceDistro` and the field `distro` of `Device`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Object, components, each_operation, each_schema, fold, referred};

/// Renames every later one, and what refers to it.
pub(crate) fn part(document: &mut Value, notes: &mut Vec<String>) {
    let named = components(document);
    let mut all: BTreeSet<String> = named.keys().map(|it| fold(it)).collect();
    let mut seen = BTreeSet::new();
    let mut renamed = BTreeMap::new();
    // A name that is one in Rust as it stands keeps it.
    let mut order: Vec<&String> = named.keys().collect();
    order.sort_by_key(|it| !it.chars().all(char::is_alphanumeric));
    for name in order {
        if seen.insert(fold(name)) {
            continue;
        }
        let other = free(name, &mut all);
        notes.push(format!("the schema `{name}` becomes the type `{other}`: another is called so"));
        renamed.insert(name.clone(), other);
    }
    if renamed.is_empty() {
        return;
    }
    each_schema(document, &mut |value| {
        if let Some(other) = referred(value).and_then(|name| renamed.get(name)) {
            value["$ref"] = json!(format!("#/components/schemas/{other}"));
        }
    });
    let schemas = named.into_iter().map(|(name, _)| {
        let schema = document["components"]["schemas"][&name].take();
        (renamed.get(&name).cloned().unwrap_or(name), schema)
    });
    document["components"]["schemas"] =
        Value::Object(schemas.collect::<Vec<_>>().into_iter().collect());
}

/// The first name like `name` that is not taken; takes it.
fn free(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut other = name.to_owned();
    let mut count = 1;
    while !taken.insert(fold(&other)) {
        count += 1;
        other = format!("{name}{count}");
    }
    other
}

/// Gives a name of its own to every inline schema that would get one that is taken.
pub(crate) fn hoist(document: &mut Value) {
    let mut named = components(document);
    let mut taken: BTreeSet<String> = named.keys().map(|it| fold(it)).collect();
    each_schema(document, &mut |value| taken.extend(value["title"].as_str().map(fold)));
    let mut types = Types { taken, hoisted: Object::new() };
    for (name, schema) in &mut named {
        types.inside(schema, name);
    }
    each_operation(document, &mut |_, _, operation| {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        for parameter in
            operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
        {
            let name = format!("{id}{}", parameter["name"].as_str().unwrap_or_default());
            types.name(&mut parameter["schema"], &name);
        }
        for (key, name) in [("requestBody", "Body"), ("responses", "Response")] {
            let Some(part) = operation.get_mut(key) else { continue };
            let body = if key == "responses" { &mut part["2XX"] } else { part };
            for content in body
                .get_mut("content")
                .and_then(Value::as_object_mut)
                .into_iter()
                .flat_map(Map::values_mut)
            {
                types.name(&mut content["schema"], &format!("{id}{name}"));
            }
        }
    });
    named.extend(types.hoisted);
    document["components"]["schemas"] = Value::Object(named);
}

struct Types {
    taken: BTreeSet<String>,
    hoisted: Object,
}

impl Types {
    /// Takes `name` for `schema`, or moves it to where it gets another.
    fn name(&mut self, schema: &mut Value, name: &str) {
        let makes_type = schema["properties"].is_object() || schema["enum"].is_array();
        if schema.get("$ref").is_some() || schema.get("title").is_some() {
            return;
        }
        if !makes_type || self.taken.insert(fold(name)) {
            return self.inside(schema, name);
        }
        let other = free(name, &mut self.taken);
        self.inside(schema, &other);
        let nullable = schema.as_object_mut().and_then(|it| it.remove("nullable"));
        let moved =
            std::mem::replace(schema, json!({ "$ref": format!("#/components/schemas/{other}") }));
        if let Some(nullable) = nullable {
            schema["nullable"] = nullable;
        }
        self.hoisted.insert(other, moved);
    }

    fn inside(&mut self, schema: &mut Value, name: &str) {
        for (field, inner) in
            schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
        {
            self.name(inner, &format!("{name}-{field}"));
        }
        for (key, suffix) in [("items", "Item"), ("additionalProperties", "Value")] {
            if let Some(inner) = schema.get_mut(key).filter(|it| it.is_object()) {
                self.name(inner, &format!("{name}{suffix}"));
            }
        }
    }
}

/// Says of a reference that it may be null, in the way that the generator reads: what stands
/// beside a reference it does not see, and a named type cannot be null by itself.
pub(crate) fn nulls(document: &mut Value) {
    let mut nullable = BTreeSet::new();
    for (name, schema) in components(document) {
        if schema["nullable"] == true {
            document["components"]["schemas"][&name]["nullable"] = json!(false);
            nullable.insert(name);
        }
    }
    each_schema(document, &mut |value| {
        if referred(value).is_some_and(|it| value["nullable"] == true || nullable.contains(it)) {
            *value = json!({ "allOf": [{ "$ref": value["$ref"] }], "nullable": true });
        }
    });
}
