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
}

/// The parameters of the tools called so far, by tool name.
static KNOWN: LazyLock<Mutex<HashMap<&'static str, Arc<Parameters>>>> =
    LazyLock::new(Mutex::default);

/// The most characters of a resource name in the audit log.
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

    /// The resource of a call for the audit log: the value of its first required parameter, shortened.
    pub(crate) fn resource(&self, arguments: &Value) -> Option<String> {
        let parameters = self.parameters();
        let value = arguments.get(parameters.first_required.as_deref()?)?;
        // A body may have secrets in it.
        let text = match value {
            Value::Object(_) => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let shortened: String = text.chars().take(MAX_RESOURCE_LENGTH).collect();
        Some(visible(&shortened).into_owned())
    }
}
