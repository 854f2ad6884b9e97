//! The generator's own limits: names it can say, one success per operation, bodies it knows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{METHODS, Object, components, each_operation, fold, referred};

const JSON: &str = "application/json";

/// Headers that say what the body and the credential are; the client knows.
const OURS: [&str; 2] = ["authorization", "content-type"];

/// What the generator reads of an operation.
const KEPT: [&str; 8] = [
    "deprecated",
    "description",
    "operationId",
    "parameters",
    "requestBody",
    "responses",
    "summary",
    "tags",
];

/// Names that the generated client has for other things.
const TAKEN: [&str; 19] = [
    "api_version",
    "baseurl",
    "byte_stream",
    "client",
    "client_hooks",
    "client_info",
    "error",
    "exec",
    "inner",
    "new",
    "new_with_client",
    "operation_info",
    "option",
    "request_builder_ext",
    "response_value",
    "result",
    "self",
    "string",
    "vec",
];

/// Rewrites the paths of `document` so that the generator takes every operation.
pub(crate) fn fit(document: &mut Value, notes: &mut Vec<String>) {
    share_path_parameters(document);
    let named = components(document);
    let mut ids: BTreeSet<String> = TAKEN.map(fold).into();
    each_operation(document, &mut |path, method, operation| {
        name(path, method, operation, &mut ids);
        parameters(path, operation, &named, notes);
        let reply = operation.remove("responses").unwrap_or_default();
        operation.insert("responses".into(), json!({ "2XX": success(&reply) }));
        request_body(operation);
        operation.retain(|key, _| KEPT.contains(&key.as_str()) || key.starts_with("x-"));
    });
}

/// Moves what a path item says for all its operations into each of them.
fn share_path_parameters(document: &mut Value) {
    for item in document["paths"].as_object_mut().into_iter().flat_map(|it| it.values_mut()) {
        let Some(item) = item.as_object_mut() else { continue };
        let shared = item.remove("parameters").and_then(|it| it.as_array().cloned());
        item.retain(|key, _| METHODS.contains(&key.as_str()));
        for operation in item.values_mut() {
            let own = operation["parameters"].as_array().cloned().unwrap_or_default();
            let named =
                |it: &Value| own.iter().any(|p| p["name"] == it["name"] && p["in"] == it["in"]);
            let mut all: Vec<Value> =
                shared.iter().flatten().filter(|it| !named(it)).cloned().collect();
            all.extend(own.iter().cloned());
            operation["parameters"] = Value::Array(all);
        }
    }
}

/// Gives the operation a name of its own, in snake case: the same in code, hooks and tables.
fn name(path: &str, method: &str, operation: &mut Object, ids: &mut BTreeSet<String>) {
    let made_up = format!("{method} {path}");
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or(&made_up).to_owned();
    let mut snake = snake(&id);
    if !snake.starts_with(|it: char| it.is_ascii_alphabetic()) {
        snake = self::snake(&format!("{method} {snake} {path}"));
    }
    while !ids.insert(fold(&snake)) {
        snake.push_str("_again");
    }
    operation.insert("x-id".into(), json!(id));
    operation.insert("operationId".into(), json!(snake));
}

/// `listOAuthApps` → `list_oauth_apps`.
pub(crate) fn snake(id: &str) -> String {
    let mut out = String::new();
    for character in id.replace("OAuth", "Oauth").chars() {
        if character.is_ascii_alphanumeric() {
            if character.is_ascii_uppercase() && !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
            out.push(character.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    out.trim_end_matches('_').to_owned()
}

/// What the generator reads of a parameter, for those that it can send.
fn parameters(path: &str, operation: &mut Object, named: &Object, notes: &mut Vec<String>) {
    let id = operation["x-id"].as_str().unwrap_or_default().to_owned();
    let places: Vec<&str> =
        path.split('{').skip(1).filter_map(|it| Some(it.split_once('}')?.0)).collect();
    let list = operation.remove("parameters").unwrap_or_default();
    let mut list: Vec<Value> = list.as_array().cloned().unwrap_or_default();
    for place in &places {
        if !list.iter().any(|it| it["in"] == "path" && it["name"] == *place) {
            list.push(json!({ "in": "path", "name": place }));
        }
    }
    // Those of the path come first: the others give way to their names.
    list.sort_by_key(|it| it["in"] != "path");
    // The generated code has variables of these names.
    let mut taken = BTreeSet::from(["body", "header_map"].map(fold));
    list.retain(|it| {
        let name = it["name"].as_str().unwrap_or_default();
        let sayable = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let kept = match it["in"].as_str().unwrap_or_default() {
            // The path cannot do without.
            "path" if places.contains(&name) => {
                taken.insert(fold(name));
                true
            }
            "query" => sayable && taken.insert(fold(name)),
            "header" => {
                let ours = OURS.contains(&name.to_lowercase().as_str());
                sayable && !ours && taken.insert(fold(name))
            }
            _ => false,
        };
        if !kept {
            notes.push(format!("{id}: the parameter `{name}` cannot be sent, and is left out"));
        }
        kept
    });
    for parameter in list.iter_mut().filter_map(Value::as_object_mut) {
        let schema = parameter.get("schema").filter(|_| !parameter.contains_key("content"));
        let schema = schema.cloned().unwrap_or(json!({ "type": "string" }));
        let in_query = parameter["in"] == "query";
        let schema = if in_query { query(schema, named) } else { scalar(schema, named) };
        parameter.insert("schema".into(), schema);
        if parameter["in"] == "path" {
            parameter.insert("required".into(), json!(true));
        }
        let read = ["deprecated", "description", "in", "name", "required", "schema"];
        parameter.retain(|key, _| read.contains(&key.as_str()));
    }
    operation.insert("parameters".into(), Value::Array(list));
}

/// Fields of an object are parameters by themselves; the generator takes them as a map only.
fn query(schema: Value, named: &Object) -> Value {
    if followed(&schema, named).get("properties").is_some() {
        json!({ "type": "object", "additionalProperties": { "type": "string" } })
    } else {
        schema
    }
}

/// Paths and headers are text: what is more than one value is left to the caller to write.
fn scalar(schema: Value, named: &Object) -> Value {
    let target = followed(&schema, named);
    let plain =
        matches!(target["type"].as_str(), Some("string" | "integer" | "number" | "boolean"));
    match (plain, target.get("nullable")) {
        (true, None) => schema,
        (true, Some(_)) => {
            let mut target = target.clone();
            target.as_object_mut().map(|it| it.remove("nullable"));
            target
        }
        (false, _) => json!({ "type": "string" }),
    }
}

fn followed<'a>(mut schema: &'a Value, named: &'a Object) -> &'a Value {
    while let Some(next) = referred(schema).and_then(|name| named.get(name)) {
        schema = next;
    }
    schema
}

/// One success response for all of 2xx. Failures are left out, so that the generated client returns
/// each as it is, with status, headers and any body.
fn success(responses: &Value) -> Value {
    let Some(all) = responses.as_object() else { return json!({ "description": "" }) };
    let good = || all.iter().filter(|(code, _)| code.starts_with('2')).map(|(_, it)| it);
    let with_body = good().find(|it| !media(it).is_empty());
    let Some(chosen) = with_body.or_else(|| good().next()).or(all.get("default")) else {
        return json!({ "description": "" });
    };
    let mut answer = json!({ "description": "Success." });
    let content = media(chosen);
    // Several types, or none that is JSON: the bytes, as the server sends them.
    if let ([json], true) = (content.as_slice(), content.iter().all(|it| it.0 == JSON)) {
        if json.1.get("x-null").is_none() {
            answer["content"] = json!({ JSON: { "schema": json.1 } });
        }
    } else if let Some((other, _)) = content.iter().find(|it| it.0 != JSON) {
        answer["content"] = json!({ other: { "schema": { "type": "string" } } });
    }
    answer
}

/// The media types of a body without their parameters, each once, with their schemas.
fn media(body: &Value) -> Vec<(String, Value)> {
    let mut found: Vec<(String, Value)> = Vec::new();
    for (kind, it) in body["content"].as_object().into_iter().flatten() {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_lowercase();
        if found.iter().all(|(have, _)| *have != kind) {
            found.push((kind, it.get("schema").cloned().unwrap_or(json!({}))));
        }
    }
    found
}

/// Several request types, or one the generator does not know, become text with its type beside it.
fn request_body(operation: &mut Object) {
    let Some(body) = operation.remove("requestBody") else { return };
    let content = match media(&body).as_slice() {
        [] => return,
        [(kind, schema)]
            if [JSON, "application/x-www-form-urlencoded"].contains(&kind.as_str()) =>
        {
            json!({ kind: { "schema": schema } })
        }
        _ => {
            if let Some(list) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
                list.push(json!({
                    "in": "header", "name": "Content-Type", "required": true,
                    "schema": { "type": "string" }
                }));
            }
            json!({ "text/plain": { "schema": { "type": "string" } } })
        }
    };
    let required = body["required"] == true;
    operation.insert("requestBody".into(), json!({ "content": content, "required": required }));
}
