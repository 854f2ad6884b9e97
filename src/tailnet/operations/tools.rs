//! Two tools that find and call any operation, and a generated tool for each operation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Found, find, found, is_offered, named, risk};
use crate::{
    Error, Operation, Tailnet,
    client::Result,
    tailnet::organization::ELSEWHERE,
    tool::{
        Either, Generated, Output, Page, Part, Query, ToolDef, Toolset, either, generated, query,
        written,
    },
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "operations",
    about: "Every operation of the API, found by words and called by name.",
    instructions: "For anything without a tool, search with find_api_operation and call with call_api_operation.",
    default: true,
    tools: &[query::<FindApiOperation>(), either::<CallApiOperation>()],
};

/// The number of operations that one search shows.
const FOUND: usize = 8;
/// The name of the list in the result if the API gives it no name.
const NAMELESS: &str = "items";

/// The hint for a search that finds nothing.
const NOTHING: &str = "no operation matches; use fewer or other words";
/// The hint for a search for Funnel, which has no operation.
const FUNNEL: &str = "Funnel is allowed by the attribute `funnel` under `nodeAttrs` in the policy \
                      file, and switched on at the device with `tailscale funnel`";

/// Find operations of Tailscale's API by words, or show one's schema.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct FindApiOperation {
    /// Words to search for, such as `rotate webhook`.
    #[serde(default)]
    words: String,
    /// Operation whose schema to show, such as `listWebhooks`.
    operation: Option<String>,
}

/// The result of `find_api_operation`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Found {
        /// Number of matches.
        matching: usize,
        operations: Vec<Found>,
        /// Where else to look.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    One {
        #[serde(flatten)]
        found: Found,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        scopes: &'static [&'static str],
        /// The JSON Schema of `parameters`.
        parameters: Value,
    },
}

impl Query for FindApiOperation {
    const NAME: &'static str = "find_api_operation";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = Answer;

    async fn call(self, _: &Tailnet) -> Result<Answer> {
        if let Some(id) = &self.operation {
            let operation = named(id)?;
            return Ok(Answer::One {
                found: Found::of(operation),
                scopes: operation.scopes(),
                parameters: operation.input(),
            });
        }
        let all: Vec<Operation> = found(&self.words).collect();
        let operations = all.iter().take(FOUND).map(|it| Found::of(*it)).collect();
        let is_about_funnel = self.words.to_lowercase().contains("funnel");
        let hint = match all.is_empty() {
            _ if is_about_funnel => Some(FUNNEL.to_owned()),
            _ if find::is_for_deletion(&self.words) => {
                Some(format!("deleting a tailnet is permanent and not offered: {ELSEWHERE}"))
            }
            true => Some(NOTHING.to_owned()),
            false => None,
        };
        Ok(Answer::Found { matching: all.len(), operations, hint })
    }
}

/// Call any operation of Tailscale's API, checked against its schema.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CallApiOperation {
    /// Operation name, such as `listWebhooks`.
    operation: String,
    /// Path and query parameters by name, and `body`.
    #[serde(default)]
    #[schemars(with = "Parameters")]
    parameters: Value,
}

/// Any object.
#[derive(JsonSchema)]
struct Parameters {}

impl Either for CallApiOperation {
    const NAME: &'static str = "call_api_operation";

    async fn ask(self, tailnet: &Tailnet, part: Part) -> Result<Output> {
        called(named(&self.operation)?, &self.parameters, &part, tailnet).await
    }
}

async fn called(
    operation: Operation,
    parameters: &Value,
    part: &Part,
    tailnet: &Tailnet,
) -> Result<Output> {
    let operations = tailnet.operations();
    if part.is_named && !(operation.reads() && operation.lists()) {
        let has_own = operation.input().pointer("/properties/cursor").is_some();
        let why = if has_own {
            format!("and `limit` are parameters of {operation} itself: give them in `parameters`")
        } else {
            format!("and `limit` are only for lists, which {operation} does not return")
        };
        return Err(Error::invalid_input("cursor", why));
    }
    if !operation.reads() {
        return operations.plan(operation, parameters).await.map(|it| Output::Plan(Box::new(it)));
    }
    let answer = operations.read(operation, parameters).await?;
    let listed = if operation.lists() { records(answer) } else { Err(answer) };
    let answer = match listed {
        Ok((name, all)) => written(&Page::of(name, &all, part)?),
        Err(other) => written(&other),
    };
    answer.map(Output::Answer)
}

/// The records of a list answer, with their name; the answer itself if it is not a list.
fn records(answer: Value) -> std::result::Result<(String, Vec<Value>), Value> {
    match answer {
        Value::Array(all) => Ok((NAMELESS.to_owned(), all)),
        // The API may send null for an empty list.
        Value::Null => Ok((NAMELESS.to_owned(), Vec::new())),
        Value::Object(fields) if fields.len() <= 1 || fields.values().any(Value::is_array) => {
            match fields.into_iter().find(|(_, it)| it.is_array() || it.is_null()) {
                Some((name, Value::Array(all))) => Ok((name, all)),
                Some((name, _)) => Ok((name, Vec::new())),
                None => Ok((NAMELESS.to_owned(), Vec::new())),
            }
        }
        other => Err(other),
    }
}

/// The toolsets of generated tools: one for each group of the OpenAPI document.
pub(crate) fn toolsets() -> Vec<Toolset> {
    let mut groups: Vec<(&'static str, Vec<Operation>)> = Vec::new();
    for operation in Operation::ALL.iter().copied().filter(|it| is_offered(*it)) {
        match groups.iter_mut().find(|it| it.0 == operation.tag()) {
            Some((_, group)) => group.push(operation),
            None => groups.push((operation.tag(), vec![operation])),
        }
    }
    // Leaked on purpose: they are made once and live as long as the program.
    let toolset = |(tag, group): (&'static str, Vec<Operation>)| Toolset {
        name: format!("api:{}", find::snake(tag)).leak(),
        about: format!("The API's operations on {tag}, unchanged.").leak(),
        instructions: "",
        default: false,
        tools: group.into_iter().map(tool).collect::<Vec<_>>().leak(),
    };
    groups.into_iter().map(toolset).collect()
}

fn tool(operation: Operation) -> ToolDef {
    const BODY: Generated = Generated {
        ask: |operation, arguments, tailnet, part| {
            Box::pin(ask(operation, arguments, tailnet, part))
        },
        input,
    };
    generated(operation, risk(operation), BODY)
}

/// Runs the generated tool of `operation`.
async fn ask(
    operation: Operation,
    arguments: Value,
    tailnet: &Tailnet,
    part: Part,
) -> Result<Output> {
    called(operation, &arguments, &part, tailnet).await
}

/// The input schema of a generated tool, in the subset of JSON Schema that all MCP hosts accept.
fn input(operation: Operation) -> Value {
    let mut schema = operation.input();
    portable(&mut schema);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), json!(format!("{}.", operation.summary())));
    }
    schema
}

/// Reduces a schema to what every MCP host accepts. The full schema still checks the call.
fn portable(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("additionalProperties");
    match object.get("type").and_then(Value::as_str) {
        None => {
            // Any type is allowed, but hosts want one type: text can express every value.
            object.insert("type".into(), json!("string"));
        }
        Some("array") => {
            let items = object.entry("items").or_insert_with(|| json!({ "type": "string" }));
            portable(items);
        }
        Some("object") => {
            let properties = object.entry("properties").or_insert_with(|| json!({}));
            properties.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(portable);
        }
        Some(_) => {}
    }
}
