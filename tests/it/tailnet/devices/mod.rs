//! The devices: through their tools, as an assistant asks, and as a Rust user calls them.

use serde_json::{Value, json};
use tailsteward::{Tailnet, tool::Risk};

use crate::support::{agent::Agent, tailnet::sandbox};

mod attributes;
mod change;
mod duplicates;
mod export;
mod find;
mod list;
mod logs;
mod names;
mod quarantine;
mod revoke;
mod rollback;
mod stale;
mod status;

/// An assistant that may do everything, in front of a sandbox.
async fn agent() -> (tailsteward::sandbox::Sandbox, Tailnet, Agent) {
    let (sandbox, tailnet) = sandbox().await;
    let agent = Agent::of(&tailnet, Risk::Danger).await;
    (sandbox, tailnet, agent)
}

/// The names on a page.
fn names(page: &Value) -> Vec<&str> {
    page["devices"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect()
}

/// The first device that the filters take, with all its fields.
async fn first(agent: &Agent, filters: Value) -> Value {
    let mut arguments = filters;
    arguments["fields"] = json!(["all"]);
    arguments["limit"] = json!(1);
    let page = agent.call("list_devices", arguments).await;
    page["devices"][0].clone()
}

fn id(device: &Value) -> &str {
    device["nodeId"].as_str().unwrap()
}
