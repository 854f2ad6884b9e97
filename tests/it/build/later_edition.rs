//! Later editions of the document: whatever they bring, all their operations become a client.
//!
//! That the client compiles as well is checked with `.ci/later-edition.py`, from the same forms.

use serde_json::{Map, Value, json};

use super::{
    generator::{METHODS, Prepared, facts, generate, prepare},
    ours, read, upstream,
};

#[test]
fn every_form_by_itself_becomes_a_client_without_giving_anything_up() {
    let mut whole = ours();
    whole["paths"].as_object_mut().unwrap().retain(|path, _| path.ends_with("/devices"));
    whole["components"]["schemas"].as_object_mut().unwrap().retain(|name, _| name == "Device");
    let mut failed = Vec::new();

    for form in forms() {
        let mut document = whole.clone();
        add(&mut document, &form);

        let outcome = generated(document);

        match outcome {
            Err(why) => failed.push(format!("{}: {why}", form["what"])),
            Ok(notes) => failed.extend(
                notes.iter().filter(|it| given_up(it)).map(|it| format!("{}: {it}", form["what"])),
            ),
        }
    }

    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn all_forms_at_once_become_a_client() {
    let mut document = ours();
    grow(&mut document);
    for form in forms() {
        add(&mut document, &form);
    }

    let notes = generated(document).unwrap();

    assert!(!notes.iter().any(|it| given_up(it)), "{notes:#?}");
}

#[test]
#[cfg_attr(not(has_shared), ignore = "needs upstream's document")]
fn upstreams_document_with_all_forms_becomes_a_client() {
    let mut document = upstream();
    grow(&mut document);
    for form in forms() {
        add(&mut document, &form);
    }

    generated(document).unwrap();
}

#[test]
fn a_schema_that_the_generator_refuses_costs_no_other() {
    let mut document = ours();
    document["components"]["schemas"]["Odd"] = json!({ "type": "object", "properties": 3 });
    let Prepared { mut document, mut notes, operations, .. } = ready(document);
    document["components"]["schemas"]["Odd"] = json!({ "type": "object", "properties": 3 });

    let source = generate::source(&mut document, &[], &mut notes).unwrap();

    assert_eq!(source.matches("pub async fn send(").count(), operations.len());
    assert!(notes.iter().any(|it| it.contains("the schema `Odd` becomes any value")), "{notes:?}");
    assert!(source.contains("pub struct Device "));
}

#[test]
fn a_body_that_the_generator_refuses_is_raw() {
    let Prepared { mut document, mut notes, operations, .. } = ready(ours());
    document["paths"]["/device/{deviceId}/tags"]["post"]["responses"]["2XX"]["content"] =
        json!({ "application/json": {} });

    let source = generate::source(&mut document, &[], &mut notes).unwrap();

    assert_eq!(source.matches("pub async fn send(").count(), operations.len());
    assert!(notes.iter().any(|it| it.contains("\"set_device_tags\" gets raw bodies")), "{notes:?}");
}

/// Makes a client of `document`, checks that it has every operation, and gives the notes.
fn generated(document: Value) -> Result<Vec<String>, String> {
    let expected = count(&document);
    let mut prepared = prepare(document, &read("openapi/overlay.yaml"))?;
    let client =
        generate::source(&mut prepared.document, &prepared.operations, &mut prepared.notes)?;
    let operations = facts::source(&prepared.operations).unwrap();

    syn::parse_file(&operations).map_err(|error| format!("the operations: {error}"))?;
    let methods = client.matches("pub async fn send(").count();
    if (methods, prepared.operations.len()) != (expected, expected) {
        return Err(format!("{methods} of {expected} operations"));
    }
    Ok(prepared.notes)
}

fn ready(document: Value) -> Prepared {
    prepare(document, &read("openapi/overlay.yaml")).unwrap()
}

/// Whether a note says that a schema or a body could only be kept as any value.
fn given_up(note: &str) -> bool {
    note.contains("any value") || note.contains("raw bodies")
}

fn count(document: &Value) -> usize {
    let operations = |item: &Value| -> Vec<String> {
        let fields = item.as_object().into_iter().flatten();
        let named = fields.filter(|(key, it)| METHODS.contains(&key.as_str()) && it.is_object());
        named.map(|(key, _)| key.clone()).collect()
    };
    let items = document["paths"].as_object().unwrap().values();
    items
        .map(|item| {
            let target = item["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
            let mut all = operations(item);
            all.extend(operations(
                target.and_then(|it| document.pointer(it)).unwrap_or(&json!({})),
            ));
            all.sort();
            all.dedup();
            all.len()
        })
        .sum()
}

fn forms() -> Vec<Value> {
    read("tests/it/build/forms.json").as_array().unwrap().clone()
}

/// Adds a form, with an operation that answers and one that takes each of its schemas.
fn add(document: &mut Value, form: &Value) {
    merge(document, &form["root"]);
    merge(&mut document["paths"], &form["paths"]);
    merge(&mut document["components"], &form["components"]);
    merge(&mut document["components"]["schemas"], &form["schemas"]);
    for name in form["schemas"].as_object().into_iter().flat_map(Map::keys) {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        let body = json!({ "application/json": { "schema": schema } });
        document["paths"][format!("/later/{name}")] = json!({
            "get": { "responses": { "200": { "description": "", "content": body } } },
            "put": {
                "requestBody": { "content": body }, "responses": { "200": { "description": "" } }
            },
        });
    }
}

fn merge(into: &mut Value, more: &Value) {
    for (key, value) in more.as_object().into_iter().flatten() {
        match into.get_mut(key) {
            Some(have) if have.is_object() && value.is_object() => merge(have, value),
            _ => into[key] = value.clone(),
        }
    }
}

/// Adds a field to every object and a value to every enum.
fn grow(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(grow),
        Value::Object(fields) => {
            fields.values_mut().for_each(grow);
            if let Some(Value::Object(properties)) = fields.get_mut("properties") {
                let later = json!({ "type": ["array", "null"], "items": { "type": "string" } });
                properties.insert("laterField".to_owned(), later);
            }
            if let Some(Value::Array(values)) = fields.get_mut("enum") {
                values.push(json!("later-value"));
            }
        }
        _ => {}
    }
}
