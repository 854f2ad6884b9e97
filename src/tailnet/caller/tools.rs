//! Tools by which callers find out what this server thinks of them.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Operation, Tailnet,
    client::Result,
    tool::{Query, Toolset, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "caller",
    about: "How this server identifies the caller, and why a tool is not available.",
    instructions: "",
    default: false,
    tools: &[query::<WhoAmI>(), query::<WhyNot>()],
};

/// Show how this server identifies you, and what each grant, scope or token allows you.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct WhoAmI {}

impl Query for WhoAmI {
    const NAME: &'static str = "whoami";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = Value;

    async fn call(self, tailnet: &Tailnet) -> Result<Value> {
        let actor = tailnet.actor();
        Ok(match &actor.caller {
            Some(caller) => caller.who(),
            None => json!({ "name": &*actor.principal }),
        })
    }
}

/// Explain why a tool is not available to you, and what is missing.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct WhyNot {
    /// Name of the tool.
    tool: String,
}

impl Query for WhyNot {
    const NAME: &'static str = "why_not";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = Value;

    async fn call(self, tailnet: &Tailnet) -> Result<Value> {
        match &tailnet.actor().caller {
            Some(caller) => caller.why_not(&self.tool),
            None => Ok(json!({ "tool": self.tool, "allowed": true })),
        }
    }
}
