//! The part of OpenAPI Overlay 1.0 that is needed: actions in order, each with a `JSONPath`
//! target and an `update` to merge or `remove: true`.

use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};

/// Applies `overlay`, and gives the targets that matched nothing.
pub(crate) fn apply(document: &mut Value, overlay: &Value) -> Result<Vec<String>, String> {
    let mut unmatched = Vec::new();
    for action in overlay["actions"].as_array().ok_or("the overlay has no list of actions")? {
        let target = action["target"].as_str().ok_or("an action of the overlay has no target")?;
        if action["description"].as_str().is_none_or(|it| it.trim().is_empty()) {
            return Err(format!("the overlay says no reason (`description`) for {target}"));
        }
        let places = locate(document, target)?;
        if places.is_empty() {
            unmatched.push(target.to_owned());
        }
        // From the back, so that removing from a list does not move what is still to come.
        for place in places.iter().rev() {
            change(document, place, action);
        }
    }
    Ok(unmatched)
}

/// The JSON pointers of everything that `target` selects.
fn locate(document: &Value, target: &str) -> Result<Vec<Vec<String>>, String> {
    let path = JsonPath::parse(target).map_err(|error| format!("{target}: {error}"))?;
    let step = |element: &PathElement<'_>| match element {
        PathElement::Name(name) => (*name).to_owned(),
        PathElement::Index(index) => index.to_string(),
    };
    let found = path.query_located(document);
    Ok(found.iter().map(|node| node.location().iter().map(step).collect()).collect())
}

fn change(document: &mut Value, place: &[String], action: &Value) {
    if action["remove"] == true {
        let Some((last, parent)) = place.split_last() else { return };
        match document.pointer_mut(&pointer(parent)) {
            Some(Value::Object(object)) => drop(object.remove(last)),
            Some(Value::Array(items)) => {
                if let Ok(index) = last.parse::<usize>() {
                    items.remove(index);
                }
            }
            _ => {}
        }
    } else if let Some(value) = document.pointer_mut(&pointer(place)) {
        merge(value, &action["update"]);
    }
}

fn pointer(steps: &[String]) -> String {
    steps.iter().flat_map(|it| ["/".to_owned(), it.replace('~', "~0").replace('/', "~1")]).collect()
}

/// Merges; `null` takes a key out.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                if value.is_null() {
                    into.remove(key);
                } else {
                    merge(into.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (Value::Array(into), Value::Array(from)) => {
            for value in from.iter().filter(|value| !into.contains(value)).collect::<Vec<_>>() {
                into.push(value.clone());
            }
        }
        (Value::Array(into), from) => into.push(from.clone()),
        (into, from) => *into = from.clone(),
    }
}
