//! The arguments of a call: what every change has in common, and what the tool's own type says.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, client::Result};

/// Only shows what would be done.
pub(super) const DRY_RUN: &str = "dry_run";
/// The plan that was shown and confirmed.
pub(super) const PLAN_ID: &str = "plan_id";

/// Takes what every change has in common out of the arguments.
pub(super) fn take_control(mut arguments: Value) -> Result<(Value, bool, Option<String>)> {
    let Some(fields) = arguments.as_object_mut() else { return Ok((arguments, false, None)) };
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
    Ok((arguments, dry_run, plan_id))
}

/// The arguments as the tool's type.
pub(super) fn input<T: DeserializeOwned>(arguments: Value) -> Result<T> {
    // No arguments at all come as `null` from some clients.
    let arguments = if arguments.is_null() { Value::Object(Map::new()) } else { arguments };
    // The order of fields means nothing, so a list of values does not either.
    if !arguments.is_object() {
        return Err(Error::invalid_input("arguments", "must be a JSON object"));
    }
    serde_path_to_error::deserialize(arguments).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "arguments" } else { &path };
        Error::invalid_input(field, format!("is wrong: {}", error.inner()))
    })
}

/// A list that may be left out for all there is. One that came out empty was meant for nothing.
pub(crate) fn none_or_some(field: &str, list: Option<Vec<String>>) -> Result<Vec<String>> {
    match list {
        Some(list) if list.is_empty() => {
            Err(Error::invalid_input(field, "is empty; name some, or leave it out"))
        }
        list => Ok(list.unwrap_or_default()),
    }
}
