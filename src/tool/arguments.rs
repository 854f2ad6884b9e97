//! Parses the arguments of a call: rejects unknown ones, takes out those that all changes have, and
//! converts the rest into the tool's input type.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, client::Result, visible::visible_up_to};

/// The argument that shows a plan without applying it.
pub(super) const DRY_RUN: &str = "dry_run";
/// The argument with the ID of a plan that was shown and confirmed.
pub(super) const PLAN_ID: &str = "plan_id";

/// The longest name that is compared with known ones.
const MAX_NAME_CHARS: usize = 100;

/// The arguments as a map. Some clients send `null` if there are none.
pub(super) fn fields(arguments: Value) -> Result<Map<String, Value>> {
    match arguments {
        Value::Object(fields) => Ok(fields),
        Value::Null => Ok(Map::new()),
        _ => Err(Error::invalid_input("arguments", "must be a JSON object")),
    }
}

/// Rejects arguments that the tool does not have, and suggests the nearest name.
pub(super) fn refuse_unknown(
    tool: &str,
    parameters: &[String],
    arguments: &Map<String, Value>,
) -> Result<()> {
    let Some(unknown) = arguments.keys().find(|name| !parameters.contains(name)) else {
        return Ok(());
    };
    let unknown = &*visible_up_to(unknown, MAX_NAME_CHARS);
    let near = |name: &&String| strsim::jaro_winkler(unknown, name);
    let nearest = parameters.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
    let nearest = nearest.filter(|name| near(name) > 0.7);
    let hint = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let known = match parameters {
        [] => "it takes none".to_owned(),
        _ => format!("it takes {}", parameters.join(", ")),
    };
    Err(Error::invalid_input(unknown, format!("is not a parameter of {tool}{hint} ({known})")))
}

/// Rejects a call without a required argument that takes one of a few values, and names these.
pub(super) fn refuse_missing(
    required: &[(String, Vec<String>)],
    arguments: &Map<String, Value>,
) -> Result<()> {
    let Some((name, values)) = required.iter().find(|(name, _)| !arguments.contains_key(name))
    else {
        return Ok(());
    };
    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
    Err(Error::invalid_input(name, format!("is required: one of {}", values.join(", "))))
}

/// The parameters whose value may be a policy file or another long text.
const LONG: &[&str] = &["text", "edits", "body", "value", "parameters", "gcs_credentials"];
/// The most bytes in the value of a [`LONG`] parameter: policy files of several megabytes exist.
const MAX_LONG_BYTES: usize = 4 << 20;
/// The most bytes in a text, for parameters that are not in [`LONG`].
const MAX_TEXT_BYTES: usize = 4 << 10;
/// The most bytes in a list or an object, for parameters that are not in [`LONG`].
const MAX_LIST_BYTES: usize = 1 << 18;

/// Rejects arguments that are larger than any sensible value; see [`MAX_TEXT_BYTES`] and the other limits.
pub(super) fn refuse_long(arguments: &Map<String, Value>) -> Result<()> {
    for (name, value) in arguments {
        let most = match value {
            _ if LONG.contains(&name.as_str()) => MAX_LONG_BYTES,
            Value::Array(_) | Value::Object(_) => MAX_LIST_BYTES,
            _ => MAX_TEXT_BYTES,
        };
        let length = size(value);
        if length > most {
            let should = format!("has {length} bytes; at most {most} are allowed");
            return Err(Error::invalid_input(name, should));
        }
    }
    Ok(())
}

/// How many bytes of text a value has, names of fields included.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| size(item) + 1).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(name, item)| name.len() + size(item) + 1).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// Takes `dry_run` and `plan_id` out of the arguments.
pub(super) fn take_control(fields: &mut Map<String, Value>) -> Result<(bool, Option<String>)> {
    let dry_run = match fields.remove(DRY_RUN) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(yes)) => yes,
        Some(_) => return Err(Error::invalid_input(DRY_RUN, "must be true or false")),
    };
    let plan_id = match fields.remove(PLAN_ID) {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id),
        Some(_) => return Err(Error::invalid_input(PLAN_ID, "must be text")),
    };
    Ok((dry_run, plan_id))
}

/// The arguments as the tool's input type.
pub(crate) fn input<T: DeserializeOwned>(arguments: Value) -> Result<T> {
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "arguments" } else { &path };
        Error::invalid_input(field, format!("is invalid: {}", error.inner()))
    })
}

/// An optional list, where absent means everything. An empty list is an error: the caller probably meant to
/// select something.
pub(crate) fn none_or_some(field: &str, list: Option<Vec<String>>) -> Result<Vec<String>> {
    match list {
        Some(list) if list.is_empty() => {
            Err(Error::invalid_input(field, "is empty; give at least one, or leave it out"))
        }
        list => Ok(list.unwrap_or_default()),
    }
}
