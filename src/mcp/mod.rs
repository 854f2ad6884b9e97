//! The MCP server: a thin face over the tools, and the only place that knows the protocol.

use std::{sync::Arc, time::Duration};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
        GetPromptRequestParams, GetPromptResponse, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ServerCapabilities,
        ServerConfig, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext},
};

mod call;
mod complete;
mod confirm;
mod describe;
mod headers;
mod prompts;
mod resources;
mod sealing;
mod subscribe;

use self::{call::Call, subscribe::Watched};
pub use self::{describe::describe, sealing::SealingKey};
use crate::{
    Tailnet,
    catalogue::Offer,
    change::store::Store,
    guard::{Guard, Principal},
    jobs,
    tailnet::Tailnets,
    tool::Risk,
};

/// Serves one tailnet, or several, to assistants. A clone serves another session.
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
    /// Built once: a list is asked for at the start of every conversation.
    tools: Vec<Tool>,
    instructions: String,
}

/// How a server is set up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Setup {
    /// What is offered.
    pub offer: Offer,
    /// The journal of changes and the audit of calls.
    pub store: Arc<Store>,
    /// Carries destructive plans out without asking the user.
    pub yes: bool,
    /// Seals what clients keep between two calls.
    pub sealing_key: SealingKey,
    /// Who calls over stdio and on the terminal, for journal and audit.
    pub local: Principal,
}

impl Setup {
    /// The default tools up to `access`, and a journal that ends with the process.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the system has no randomness.
    pub fn new(access: Risk) -> crate::Result<Self> {
        Ok(Self {
            offer: Offer::up_to(access),
            store: Arc::new(Store::in_memory()),
            yes: false,
            sealing_key: SealingKey::random()?,
            local: Principal::local(),
        })
    }

    /// The guard of a server or a command that is set up like this.
    pub(crate) fn guard(&self, tailnets: impl Into<Tailnets>) -> Guard {
        let (offer, store) = (self.offer.clone(), Arc::clone(&self.store));
        Guard::new(tailnets.into(), offer, store, self.yes, self.local.clone())
    }
}

/// What is logged over HTTP unless somebody says otherwise: what goes wrong, and every call of a tool.
/// The protocol's library warns of every client that just leaves.
pub const LOG: &str = "warn,rmcp=error,audit=info";
/// What is logged otherwise: what goes wrong.
pub const QUIET_LOG: &str = "warn,rmcp=error";

/// How long a client may keep a list, in milliseconds: none changes while the server runs.
const LIST_TTL: u64 = 300_000;
/// How long a client may keep a resource: as long as lists are kept here.
const READ_TTL: u64 = 5_000;

/// Says how long an answer may be kept, and by nobody else: what is offered depends on who asks.
/// Clients of before do not know these hints.
macro_rules! hinted {
    ($answer:expr, $context:expr, $ttl:expr) => {
        if is_modern($context) {
            $answer.with_ttl_ms($ttl).with_cache_scope(CacheScope::Private)
        } else {
            $answer
        }
    };
}

impl Server {
    /// A server for one tailnet or several.
    pub fn new(tailnets: impl Into<Tailnets>, setup: Setup) -> Self {
        let tailnets = tailnets.into();
        let access = setup.offer.access();
        let tools =
            setup.offer.tools().map(|it| describe::describe_for(it, access, &tailnets)).collect();
        let instructions = describe::instructions(&setup.offer);
        let guard = Arc::new(setup.guard(tailnets));
        let inner = Inner { guard, sealing_key: setup.sealing_key, tools, instructions };
        Self { inner: Arc::new(inner), watched: Watched::default() }
    }

    /// Waits until no change is under way and every call is in the audit, but not for ever.
    pub async fn idle(&self) {
        self.guard().idle().await;
    }

    /// Revokes rotated keys whose grace period is over: looks for them every `interval` until the
    /// server ends. A server that does not offer `rotate_key` leaves them.
    pub async fn revoke_rotated(&self, interval: Duration) {
        jobs::revoke_rotated(self.guard(), interval).await;
    }

    /// The tailnet that is meant where none is named.
    pub(crate) fn tailnet(&self) -> &Tailnet {
        self.guard().tailnets().first()
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

    /// Who sent a request, and what they are offered: no more than the operator offers.
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

/// Whether the request is of the protocol without sessions.
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
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(describe::identity())
            .with_instructions(&self.inner.instructions)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let (_, offer) = self.caller(&context)?;
        let names: Vec<&str> = offer.tools().map(|it| it.name).collect();
        let offered = |tool: &&Tool| names.contains(&&*tool.name);
        let tools = self.inner.tools.iter().filter(offered).cloned().collect();
        Ok(hinted!(ListToolsResult::with_all_items(tools), &context, LIST_TTL))
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
        let list = ListResourcesResult::with_all_items(resources::list(&offer));
        Ok(hinted!(list, &context, LIST_TTL))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let (_, offer) = self.caller(&context)?;
        let list = ListResourceTemplatesResult::with_all_items(resources::templates(&offer));
        Ok(hinted!(list, &context, LIST_TTL))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let (principal, offer) = self.caller(&context)?;
        let read = resources::read(self, principal, offer, &request.uri, &context).await?;
        Ok(hinted!(ReadResourceResult::new(vec![read]), &context, READ_TTL).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(hinted!(ListPromptsResult::with_all_items(prompts::list()), &context, LIST_TTL))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        prompts::get(&request.name, &arguments).map(Into::into)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let (_, offer) = self.caller(&context)?;
        // That nothing can be offered stops nobody from typing.
        let found = complete::complete(self, &offer, &request).await.unwrap_or_default();
        Ok(CompleteResult::new(found))
    }

    /// Clients of 2025 set it without asking whether it does anything; all that there is to tell is
    /// in the answers.
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
        // Of what there is not, there is never anything to tell.
        if !resources::is_known(&request.uri) {
            return Ok(());
        }
        self.watched.add(request.uri, context.peer, self.guard().listen())
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
        Some(subscribe::accepted(requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        subscribe::stream(&context, self.guard().listen()).await;
        Ok(())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.inner.tools.iter().find(|it| it.name == name).cloned()
    }
}
