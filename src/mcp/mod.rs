//! The MCP server: a thin face over the tools, and the only place that knows the protocol.

use std::{sync::Arc, time::Duration};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
        Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
        Tool, ToolAnnotations,
    },
    service::RequestContext,
};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::{
    Error, ErrorKind, Tailnet,
    tool::{self, Risk, ToolDef},
};

mod principal;
mod sealing;

pub use self::{principal::Principal, sealing::SealingKey};

/// Serves one tailnet to assistants.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    tailnet: Tailnet,
    access: Risk,
    /// Built once: a list is asked for at the start of every conversation.
    tools: Vec<Tool>,
    instructions: String,
    /// A place for each change that is under way.
    changes: Semaphore,
}

/// As many changes as may be under way at once; the API's rate is reached long before.
const CHANGES: u32 = 64;

impl Server {
    /// A server for `tailnet` that offers the tools up to `access`.
    pub fn new(tailnet: Tailnet, access: Risk) -> Self {
        let tools = offered(access).map(describe).collect();
        let changes = Semaphore::new(CHANGES as usize);
        Self(Arc::new(Inner {
            tailnet,
            access,
            tools,
            instructions: instructions(access),
            changes,
        }))
    }

    /// Waits until no change is under way.
    pub async fn idle(&self) {
        let _ = self.0.changes.acquire_many(CHANGES).await;
    }

    /// A change is several calls of the API, each with its own deadline.
    pub fn longest_change(&self) -> Duration {
        self.0.tailnet.settings().deadline.saturating_mul(4)
    }

    async fn answer(&self, name: &str, arguments: Value) -> CallToolResult {
        let found = tool::named(name).and_then(|tool| self.allow(tool));
        let answer = match found {
            Ok(tool) if tool.risk == Risk::Read => tool.call(arguments, &self.0.tailnet).await,
            Ok(tool) => self.change(tool, arguments).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => CallToolResult::success(vec![ContentBlock::text(answer)]),
            Err(error) => CallToolResult::error(vec![ContentBlock::text(failure(&error))]),
        }
    }

    /// Calls a tool that changes something, on a task of its own: it goes on if the client cancels
    /// the call or leaves.
    async fn change(&self, tool: &'static ToolDef, arguments: Value) -> crate::Result<String> {
        let server = self.clone();
        let change = async move {
            let _under_way = server.0.changes.acquire().await;
            tool.call(arguments, &server.0.tailnet).await
        };
        tokio::spawn(change).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::OutcomeUnknown, "the call broke off").maybe_done())
        })
    }

    fn allow(&self, tool: &'static ToolDef) -> crate::Result<&'static ToolDef> {
        if tool.risk <= self.0.access {
            return Ok(tool);
        }
        Err(Error::refused(
            format!(
                "`{}` is not offered: this server runs with `{}` access",
                tool.name, self.0.access
            ),
            format!("whoever runs the server can start it with --access {}", tool.risk),
        ))
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(
                Implementation::new("tailscale-mcp", env!("CARGO_PKG_VERSION"))
                    .with_title("Tailscale"),
            )
            .with_instructions(&self.0.instructions)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.0.tools.clone())
            .with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        Ok(self.answer(&request.name, arguments).await.into())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.0.tools.iter().find(|it| it.name == name).cloned()
    }
}

/// The tools up to `access`, in the order of the manual.
pub fn offered(access: Risk) -> impl Iterator<Item = &'static ToolDef> {
    tool::all().filter(move |it| it.risk <= access)
}

/// A tool as MCP clients see it.
pub fn describe(tool: &ToolDef) -> Tool {
    let mut schema = tool.input();
    schema.remove("description");
    let schema = match schema.to_value() {
        Value::Object(schema) => schema,
        _ => Map::default(),
    };
    Tool::new(tool.name, tool.description(), schema)
        .with_title(tool.title())
        .with_annotations(hints(tool.risk))
}

/// What hosts gate by. It follows from the risk, so it cannot contradict it.
fn hints(risk: Risk) -> ToolAnnotations {
    let hints = ToolAnnotations::new().open_world(true);
    match risk {
        Risk::Read => hints.read_only(true),
        Risk::Change => hints.read_only(false).destructive(false).idempotent(true),
        Risk::Danger => hints.read_only(false).destructive(true),
    }
}

/// A failure as an answer that a model can read and act on: compact JSON.
pub fn failure(error: &Error) -> String {
    #[derive(Serialize)]
    struct Failure {
        kind: ErrorKind,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        remedy: Option<String>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        may_have_had_effect: bool,
    }
    let told = Failure {
        kind: error.kind(),
        message: error.to_string(),
        remedy: error.remedy(),
        may_have_had_effect: error.may_have_had_effect(),
    };
    serde_json::to_string(&told).unwrap_or(told.message)
}

fn instructions(access: Risk) -> String {
    let mut text =
        "Runs a Tailscale tailnet through its admin API. `device` takes a name, an id, an \
                    IP address or the start of a name; what cuts a device off wants \
                    more than the start. Lists are paged: `next` goes into `cursor`. \
                    Failures say what to do next in `remedy`."
            .to_owned();
    if access > Risk::Read {
        text += " Every change takes `dry_run`: show it to the user before you make it. Results give \
                 what was before and what is after.";
    } else {
        text += " This server only reads.";
    }
    text
}
