//! The generator's own limits: names it can say, one success per operation, bodies it knows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{METHODS, Object, each_operation};

/// Rewrites the paths of `document` so that the generator takes every operation.
pub(crate) fn fit(document: &mut Value, notes: &mut Vec<String>) {
    share_path_parameters(document);
    let mut ids = BTreeSet::new();
    each_operation(document, &mut |path, method, operation| {
        name(path, method, operation, &mut ids);
        parameters(path, operation, notes);
        let reply = operation.remove("responses").unwrap_or_default();
        operation.insert("responses".into(), json!({ "2XX": success(&reply) }));
        request_body(operation);
        for key in ["callbacks", "servers", "security", "externalDocs"] {
            operation.remove(key);
        }
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
    while !ids.insert(snake.clone()) {
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

fn parameters(path: &str, operation: &mut Object, notes: &mut Vec<String>) {
    let id = operation["x-id"].as_str().unwrap_or_default().to_owned();
    let Some(list) = operation.get_mut("parameters").and_then(Value::as_array_mut) else { return };
    list.retain(|it| {
        let name = it["name"].as_str().unwrap_or_default();
        let sayable = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let kept = sayable && it["in"] != "cookie";
        if !kept {
            notes.push(format!("{id}: the parameter `{name}` cannot be sent, and is left out"));
        }
        kept
    });
    for parameter in list.iter_mut().filter_map(Value::as_object_mut) {
        parameter.remove("style");
        parameter.remove("explode");
        if parameter.remove("content").is_some() || !parameter.contains_key("schema") {
            parameter.insert("schema".into(), json!({ "type": "string" }));
        }
        if parameter["in"] == "path" {
            parameter.insert("required".into(), json!(true));
        }
    }
    for declared in path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}')) {
        if !list.iter().any(|it| it["in"] == "path" && it["name"] == declared) {
            list.push(json!({
                "in": "path", "name": declared, "required": true, "schema": { "type": "string" }
            }));
        }
    }
}

/// One success for the whole 2xx range. Failures are not described: then each comes back whole,
/// with its status and headers, whatever its body is.
fn success(responses: &Value) -> Value {
    let Some(all) = responses.as_object() else { return json!({ "description": "" }) };
    let good = || all.iter().filter(|(code, _)| code.starts_with('2')).map(|(_, it)| it);
    let with_body = good().find(|it| it["content"].as_object().is_some_and(|it| !it.is_empty()));
    let Some(chosen) = with_body.or_else(|| good().next()).or(all.get("default")) else {
        return json!({ "description": "" });
    };
    let mut answer = json!({ "description": "Success." });
    let Some(content) = chosen["content"].as_object() else { return answer };
    // Several types, or none that is JSON: the bytes, as the server sends them.
    let json_only = content.len() == 1 && content.contains_key("application/json");
    if json_only {
        let schema = content["application/json"].get("schema").cloned().unwrap_or(json!({}));
        if schema.get("x-null").is_none() {
            answer["content"] = json!({ "application/json": { "schema": schema } });
        }
    } else if let Some(other) = content.keys().find(|it| !it.starts_with("application/json")) {
        answer["content"] = json!({ other: { "schema": { "type": "string" } } });
    }
    answer
}

/// Several request types, or one the generator does not know, become text with its type beside it.
fn request_body(operation: &mut Object) {
    let Some(body) = operation.get_mut("requestBody").and_then(Value::as_object_mut) else {
        return;
    };
    let Some(content) = body.get("content").and_then(Value::as_object) else {
        operation.remove("requestBody");
        return;
    };
    let known = ["application/json", "application/x-www-form-urlencoded"];
    if content.len() == 1 && content.keys().all(|it| known.contains(&it.as_str())) {
        return;
    }
    body.insert("content".into(), json!({ "text/plain": { "schema": { "type": "string" } } }));
    if let Some(list) = operation.get_mut("parameters").and_then(Value::as_array_mut) {
        list.push(json!({
            "in": "header", "name": "Content-Type", "required": true,
            "schema": { "type": "string" }
        }));
    }
}
