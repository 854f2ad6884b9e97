//! The parameters of the tools. Read from each schema once: to build one costs more than most calls.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use serde_json::Value;

use super::ToolDef;

/// What calls of a tool look up in its schema.
pub(super) struct Parameters {
    /// The names of all of them.
    pub(super) names: Vec<String>,
    /// The first that is required: what a call is about.
    first_required: Option<String>,
}

/// Those of each tool that was called, by its name.
static KNOWN: LazyLock<Mutex<HashMap<&'static str, Arc<Parameters>>>> =
    LazyLock::new(Mutex::default);

/// As much of a resource's name as a log line holds.
const MAX_RESOURCE_LENGTH: usize = 100;

impl Parameters {
    fn of(tool: &ToolDef) -> Self {
        let schema = tool.input();
        let properties = schema.get("properties").and_then(Value::as_object);
        let names = properties.map(|all| all.keys().cloned().collect()).unwrap_or_default();
        let required = schema.get("required").and_then(Value::as_array);
        let first = required.and_then(|all| all.first()?.as_str());
        Self { names, first_required: first.map(str::to_owned) }
    }
}

impl ToolDef {
    pub(super) fn parameters(&self) -> Arc<Parameters> {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let parameters = known.entry(self.name).or_insert_with(|| Arc::new(Parameters::of(self)));
        Arc::clone(parameters)
    }

    /// What a call is about, for the audit: the value of its first required parameter, shortened.
    pub(crate) fn resource(&self, arguments: &Value) -> Option<String> {
        let parameters = self.parameters();
        let value = arguments.get(parameters.first_required.as_deref()?)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(text.chars().take(MAX_RESOURCE_LENGTH).collect())
    }
}
