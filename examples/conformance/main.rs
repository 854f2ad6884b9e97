//! What the official conformance suite wants to find, behind the HTTP stack of the product. Not
//! shipped.
//!
//!     cargo run --example conformance -- 8932
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "a server for tests"
)]

mod content;
mod rounds;
mod tools;

use std::net::SocketAddr;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
        CompletionInfo, GetPromptRequestParams, GetPromptResponse, Implementation,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
        ServerCapabilities, ServerConfig, SubscribeRequestParams, SubscriptionFilter, Tool,
        UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tailsteward::{
    mcp::SealingKey,
    server::{Access, Http, Options, Probe},
};
use tokio::sync::broadcast;

/// The handler that the suite talks to.
#[derive(Clone)]
struct Fixture {
    key: SealingKey,
    changes: broadcast::Sender<Changed>,
}

/// Which list has changed.
#[derive(Debug, Clone, Copy)]
enum Changed {
    Tools,
    Prompts,
}

#[tokio::main]
async fn main() {
    let port = std::env::args().nth(1).and_then(|it| it.parse().ok()).unwrap_or(8932);
    let mut options = Options::new(Access::Anyone);
    options.limits.rate = 1000.try_into().unwrap();
    let http = Http::bind(SocketAddr::from(([127, 0, 0, 1], port)), options).await.unwrap();
    eprintln!("the fixture is at {}", http.title());
    let fixture = Fixture { key: SealingKey::random().unwrap(), changes: broadcast::channel(16).0 };
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    http.serve(fixture, Probe::new(async || Ok(())), stop, async {}).await.unwrap();
}

/// What JSON means as a type of the protocol.
fn typed<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

#[expect(deprecated, reason = "the older revision has these methods")]
impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_completions()
            .enable_logging()
            .build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("fixture", "1"))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.call(request, context).await
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::all().into_iter().find(|it| it.name == name)
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(typed(content::prompts())))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        if request.name == rounds::PROMPT {
            return Ok(rounds::prompt(request.input_responses.as_ref()));
        }
        let arguments = request.arguments.unwrap_or_default();
        let prompt = content::prompt(&request.name, &arguments);
        let unknown = || ErrorData::invalid_params("no such prompt", None);
        Ok(GetPromptResponse::Complete(typed(prompt.ok_or_else(unknown)?)))
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(typed(content::resources())))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(typed(content::templates())))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let found = content::resource(&request.uri).ok_or_else(|| {
            let uri = serde_json::json!({ "uri": request.uri });
            ErrorData::invalid_params("Resource not found", Some(uri))
        });
        Ok(ReadResourceResponse::Complete(typed(found?)))
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Ok(CompleteResult::new(CompletionInfo::default()))
    }

    async fn set_level(
        &self,
        _: rmcp::model::SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn subscribe(
        &self,
        _: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut news = self.changes.subscribe();
        let wanted = context.accepted().clone();
        loop {
            let heard = tokio::select! {
                heard = news.recv() => heard,
                () = context.cancelled() => return Ok(()),
            };
            let sink = context.sink();
            let _ = match heard {
                Ok(Changed::Tools) if wanted.tools_list_changed == Some(true) => {
                    sink.notify_tool_list_changed().await
                }
                Ok(Changed::Prompts) if wanted.prompts_list_changed == Some(true) => {
                    sink.notify_prompt_list_changed().await
                }
                Ok(_) => Ok(()),
                Err(_) => return Ok(()),
            };
        }
    }
}
