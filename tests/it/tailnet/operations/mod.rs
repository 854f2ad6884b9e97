//! Every operation of the API, called by its name.

mod deletion;
mod doors;
mod every;
mod finding;
mod guarded;

use serde_json::{Value, json};
use tailsteward::{Tailnet, tool::Risk};

use crate::support::agent::Agent;

/// An assistant that may do everything, and calls operations by name.
pub struct Caller {
    pub agent: Agent,
}

impl Caller {
    pub async fn of(tailnet: &Tailnet) -> Self {
        Self { agent: Agent::of(tailnet, Risk::Danger).await }
    }

    fn arguments(operation: &str, parameters: Value) -> Value {
        json!({ "operation": operation, "parameters": parameters })
    }

    pub async fn call(&self, operation: &str, parameters: Value) -> Value {
        self.agent.call("call_api_operation", Self::arguments(operation, parameters)).await
    }

    pub async fn ask(&self, operation: &str, parameters: Value) -> (Value, bool) {
        self.agent.ask("call_api_operation", Self::arguments(operation, parameters)).await
    }

    pub async fn fail(&self, operation: &str, parameters: Value) -> Value {
        self.agent.fail("call_api_operation", Self::arguments(operation, parameters)).await
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
