//! The MCP server: a thin layer over the tools, and the only module that knows the protocol.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use jiff::Timestamp;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
        GetPromptRequestParams, GetPromptResponse, InitializeRequestParams, InitializeResult,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
        ReadResourceResult, ServerCapabilities, ServerConfig, SubscribeRequestParams,
        SubscriptionFilter, Tool, UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde_json::Value;
use url::Url;

mod approve;
mod call;
mod complete;
mod confirm;
mod describe;
mod headers;
mod prompts;
mod resources;
mod sealing;
mod setup;
mod subscribe;
mod views;

pub(crate) use self::describe::describe_among;
use self::{call::Call, subscribe::Watched};
pub use self::{describe::describe, sealing::SealingKey, setup::Setup};
use crate::{
    Tailnet,
    alerts::Receivers,
    catalogue::Offer,
    change::store::Store,
    guard::{Guard, Principal},
    jobs::{self, Duties, Heard, Heartbeat},
    live::Live,
    local::OwnServer,
    tailnet::{Tailnets, monitoring::metrics, reports::Schedule},
};

/// An MCP server for one or several tailnets. Each session gets its own clone.
pub struct Server {
    inner: Arc<Inner>,
    watched: Watched,
}

impl Clone for Server {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), watched: Watched::default() }
    }
}

struct Inner {
    guard: Arc<Guard>,
    sealing_key: SealingKey,
    heartbeat: Option<Heartbeat>,
    reports: Option<Schedule>,
    heard: Heard,
    /// Where the page is on which plans are approved, if this server has one.
    approval_page: OnceLock<Url>,
    /// Built once, since every conversation starts by listing the tools.
    tools: Vec<Tool>,
    instructions: String,
}

/// The default log filter over HTTP: warnings, every tool call, and who watches. rmcp warns about every client that just
/// disconnects.
pub const LOG: &str = "warn,rmcp=error,sqlx=error,audit=info,watch=info";
/// The default log filter otherwise: warnings, and who watches.
pub const QUIET_LOG: &str = "warn,rmcp=error,sqlx=error,watch=info";

/// How long a client may cache a list, in milliseconds. Lists do not change while the server runs.
const LIST_TTL: u64 = 300_000;
/// How long a client may cache a resource, in milliseconds: as long as lists are cached here.
const READ_TTL: u64 = 5_000;

/// How long a client may cache a list for this caller, in milliseconds. Grants and scopes change.
fn list_ttl(offer: &Offer) -> u64 {
    if offer.is_limited() { READ_TTL } else { LIST_TTL }
}

/// Adds cache hints to a response: how long it is valid, and that it is private, since the offer depends on
/// the caller. Older clients do not know these hints.
macro_rules! hinted {
    ($answer:expr, $context:expr, $ttl:expr) => {
        if is_modern($context) {
            $answer.with_ttl_ms($ttl).with_cache_scope(CacheScope::Private)
        } else {
            $answer
        }
    };
}

/// The longest parameters of `initialize`: capabilities, and the client's name and version.
const MAX_INITIALIZE_BYTES: usize = 16_384;

impl Server {
    /// Creates a server for one or several tailnets.
    pub fn new(tailnets: impl Into<Tailnets>, setup: Setup) -> Self {
        let tailnets = tailnets.into();
        let access = setup.offer.access();
        let tools =
            setup.offer.tools().map(|it| describe::describe_for(it, access, &tailnets)).collect();
        let instructions = describe::instructions(&setup.offer);
        let heartbeat = setup.heartbeat.clone().map(|url| Heartbeat::new(url, tailnets.first()));
        let guard = Arc::new(setup.guard(tailnets));
        let (sealing_key, reports) = (setup.sealing_key, setup.reports);
        let heard = Heard::default();
        let approval_page = OnceLock::new();
        let inner = Inner {
            guard,
            sealing_key,
            heartbeat,
            reports,
            heard,
            approval_page,
            tools,
            instructions,
        };
        Self { inner: Arc::new(inner), watched: Watched::default() }
    }

    /// Waits until no change is running and the audit log is written, but not forever.
    pub async fn idle(&self) {
        self.guard().idle().await;
    }

    /// Checks every `interval` for rotated keys whose grace period is over and revokes them, until the
    /// server ends. Does nothing if the server does not offer `rotate_key`.
    pub async fn revoke_rotated(&self, interval: Duration) {
        jobs::revoke_rotated(self.guard(), interval).await;
    }

    /// Checks every `interval` for Funnels whose time is over and ends them, until the server ends.
    pub async fn end_funnels(&self, interval: Duration) {
        jobs::end_funnels(self.guard(), interval).await;
    }

    /// Says where this server is reached over HTTP, so that it is not made public without authentication.
    pub fn reached_at(&self, address: std::net::SocketAddr, authenticates: bool) {
        let own = OwnServer::new(address, authenticates, self.guard().offer().access());
        self.tailnets().all().for_each(|it| it.set_own_server(own.clone()));
    }

    /// Tells those who subscribed to alerts when other ones fire than before, until the server ends.
    pub async fn tell_of_alerts(&self) {
        jobs::alert_news(self.guard()).await;
    }

    /// Watches the tailnets that have a history, and notifies `receivers` of alerts, until the server ends.
    pub async fn watch(&self, receivers: &Live<Receivers>) {
        let duties = Duties {
            receivers: receivers.clone(),
            heartbeat: self.inner.heartbeat.clone(),
            reports: self.inner.reports,
        };
        jobs::watch(self.tailnets(), &duties, self.guard().ending()).await;
    }
    /// Asks the process that watches the tailnets, this one or another, for a look at what Tailscale's webhooks
    /// of these types are about, such as `nodeCreated`.
    pub fn heard(&self, kinds: &[String]) {
        self.inner.heard.hear(kinds, self.tailnets());
    }

    /// What is known of the tailnets, as metrics in the text format of Prometheus. It asks the API nothing.
    pub async fn tailnet_metrics(&self) -> String {
        metrics::text(self.tailnets(), Timestamp::now()).await
    }

    /// By tailnet, when somebody last looked at it: `{"NAME": {"seconds_ago": 12, "stale": false, …}}`.
    pub async fn watch_state(&self) -> Value {
        metrics::watch_state(self.tailnets(), Timestamp::now()).await
    }

    /// The default tailnet.
    pub(crate) fn tailnet(&self) -> &Tailnet {
        self.guard().tailnets().first()
    }

    fn tailnets(&self) -> &Tailnets {
        self.guard().tailnets()
    }

    fn guard(&self) -> &Guard {
        &self.inner.guard
    }

    fn store(&self) -> &Arc<Store> {
        self.guard().store()
    }

    fn sealing_key(&self) -> &SealingKey {
        &self.inner.sealing_key
    }

    /// The tailnet with its journal.
    fn recorded(&self) -> Tailnet {
        self.guard().acting(self.tailnet(), &Principal::local(), "", None)
    }

    /// The principal who sent a request, and the tools that the principal is offered.
    fn caller(
        &self,
        context: &RequestContext<RoleServer>,
    ) -> Result<(Principal, Offer), ErrorData> {
        let principal = headers::principal(&context.extensions, self.guard().local());
        let offer = headers::to(self.guard().offer(), &principal, &context.extensions)
            .map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        Ok((principal, offer))
    }
}

/// Whether the request uses the protocol without sessions.
fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28)
}

#[expect(deprecated, reason = "clients of 2025 ask for logging")]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_logging()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_extensions_with(views::extension())
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(describe::identity())
            .with_instructions(&self.inner.instructions)
    }

    /// What a client says of itself is kept as long as its session, so it has to be short.
    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let length = serde_json::to_string(&request).map_or(usize::MAX, |text| text.len());
        if length > MAX_INITIALIZE_BYTES {
            let why = format!("has {length} bytes; at most {MAX_INITIALIZE_BYTES} are allowed");
            return Err(ErrorData::invalid_params(format!("`initialize` {why}"), None));
        }
        context.peer.set_peer_info(request.clone());
        self.negotiate_initialize(&request)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let (_, offer) = self.caller(&context)?;
        let names: Vec<&str> = offer.tools().map(|it| it.name).collect();
        let offered = |tool: &&Tool| names.contains(&&*tool.name);
        let tools = self.inner.tools.iter().filter(offered).cloned();
        let tools = if views::are_shown(&context) {
            tools.map(views::with_view).collect()
        } else {
            tools.collect()
        };
        Ok(hinted!(ListToolsResult::with_all_items(tools), &context, list_ttl(&offer)))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (principal, offer) = self.caller(&context)?;
        let call = Call { server: self, principal, offer, context: &context };
        Ok(call.run(request).await)
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let (_, offer) = self.caller(&context)?;
        let mut list = resources::list(&offer);
        if views::are_shown(&context) {
            list.extend(views::list(&offer));
        }
        let list = ListResourcesResult::with_all_items(list);
        Ok(hinted!(list, &context, list_ttl(&offer)))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let (_, offer) = self.caller(&context)?;
        let list = ListResourceTemplatesResult::with_all_items(resources::templates(
            &offer,
            self.tailnets(),
        ));
        Ok(hinted!(list, &context, list_ttl(&offer)))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let (principal, offer) = self.caller(&context)?;
        if let Some(view) = views::read(&offer, &request.uri) {
            return Ok(hinted!(ReadResourceResult::new(vec![view]), &context, LIST_TTL).into());
        }
        let read = resources::read(self, principal, offer, &request.uri, &context).await?;
        Ok(hinted!(ReadResourceResult::new(vec![read]), &context, READ_TTL).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let (_, offer) = self.caller(&context)?;
        let list = ListPromptsResult::with_all_items(prompts::list(&offer, self.guard().offer()));
        Ok(hinted!(list, &context, list_ttl(&offer)))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let (_, offer) = self.caller(&context)?;
        let arguments = request.arguments.unwrap_or_default();
        prompts::get((&offer, self.guard().offer()), &request.name, &arguments).map(Into::into)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let (_, offer) = self.caller(&context)?;
        // If completions cannot be computed, return none instead of an error.
        let found = complete::complete(self, &offer, &request).await.unwrap_or_default();
        Ok(CompleteResult::new(found))
    }

    /// Clients of older versions set the level without asking whether it is supported. It has no effect:
    /// everything is in the responses.
    async fn set_level(
        &self,
        _: rmcp::model::SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let (_, offer) = self.caller(&context)?;
        // Of a resource that does not exist or is not offered there is never any news.
        if !resources::is_offered(&request.uri, &offer, self.tailnets()) {
            return Ok(());
        }
        self.watched.add(request.uri, context.peer, self.guard())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.watched.remove(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(subscribe::accepted(requested, self.tailnets()))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let (_, offer) = self.caller(context.request_context())?;
        subscribe::stream(&context, &offer, self.guard()).await;
        Ok(())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.inner.tools.iter().find(|it| it.name == name).cloned()
    }
}
