//! The parameters of tools, read from each schema once: building a schema takes longer than most calls.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use serde_json::Value;

use super::ToolDef;
use crate::visible::visible;

/// What a call needs to know from the schema of its tool.
pub(super) struct Parameters {
    /// The names of all parameters.
    pub(super) names: Vec<String>,
    /// The first required parameter, which names the resource of the call.
    first_required: Option<String>,
    /// The required parameters that take one of a few values, with these values.
    pub(super) required_choices: Vec<(String, Vec<String>)>,
}

/// The parameters of the tools called so far, by tool name.
static KNOWN: LazyLock<Mutex<HashMap<&'static str, Arc<Parameters>>>> =
    LazyLock::new(Mutex::default);

/// The most characters of a resource name in the audit log.
const MAX_RESOURCE_LENGTH: usize = 100;

/// The parameter that names several devices.
const DEVICES: &str = "devices";
/// The parameters that select devices in its place.
const FILTERS: [&str; 5] = ["name", "os", "user", "tags_any", "silent_for"];

/// What selects the devices of a call, such as `["web-1","web-2"]` or `os=linux silent_for=30d`.
fn selection(arguments: &Value) -> Option<String> {
    let given = |name: &str| {
        let value = arguments.get(name)?;
        let is_empty = value.as_array().is_some_and(Vec::is_empty);
        text(value).filter(|it| !is_empty && !it.is_empty())
    };
    let filters = FILTERS.into_iter().filter_map(|name| Some(format!("{name}={}", given(name)?)));
    let parts: Vec<String> = given(DEVICES).into_iter().chain(filters).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The text of an argument. Objects have none: a body may have secrets in it.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Object(_) | Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

impl Parameters {
    fn of(tool: &ToolDef) -> Self {
        let schema = tool.input();
        let properties = schema.get("properties").and_then(Value::as_object);
        let names = properties.map(|all| all.keys().cloned().collect()).unwrap_or_default();
        let required = schema.get("required").and_then(Value::as_array);
        let first = required.and_then(|all| all.first()?.as_str());
        let choices = |name: &Value| {
            let name = name.as_str()?;
            let values = properties?.get(name)?.get("enum")?.as_array()?;
            let values = values.iter().filter_map(Value::as_str).map(str::to_owned);
            Some((name.to_owned(), values.collect()))
        };
        Self {
            names,
            first_required: first.map(str::to_owned),
            required_choices: required.into_iter().flatten().filter_map(choices).collect(),
        }
    }
}

impl ToolDef {
    pub(super) fn parameters(&self) -> Arc<Parameters> {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let parameters = known.entry(self.name).or_insert_with(|| Arc::new(Parameters::of(self)));
        Arc::clone(parameters)
    }

    /// The resource of a call for the audit log, shortened: the devices or filters that it selects by, or the
    /// value of its first required parameter.
    pub(crate) fn resource(&self, arguments: &Value) -> Option<String> {
        let parameters = self.parameters();
        let text = if parameters.names.iter().any(|it| it == DEVICES) {
            selection(arguments)?
        } else {
            text(arguments.get(parameters.first_required.as_deref()?)?)?
        };
        let shortened: String = text.chars().take(MAX_RESOURCE_LENGTH).collect();
        Some(visible(&shortened).into_owned())
    }
}
