//! The MCP server: a thin face over the tools, and the only place that knows the protocol.

use std::{sync::Arc, time::Duration};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, Extensions, ListToolsResult,
        PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

mod call;
mod confirm;
mod describe;
mod narrow;
mod principal;
mod sealing;

use self::call::Call;
pub use self::{
    describe::{describe, failure},
    principal::Principal,
    sealing::SealingKey,
};
use crate::{
    Tailnet,
    change::store::Store,
    tool::{Offer, Risk},
};

/// Serves one tailnet to assistants.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    tailnet: Tailnet,
    setup: Setup,
    /// Built once: a list is asked for at the start of every conversation.
    tools: Vec<Tool>,
    instructions: String,
    /// A place for each change that is under way.
    changes: Arc<Semaphore>,
}

/// How a server is set up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Setup {
    /// What is offered.
    pub offer: Offer,
    /// Where changes and calls are taken down.
    pub store: Arc<Store>,
    /// Carries grave changes out without asking the user.
    pub yes: bool,
    /// Seals what clients keep between two calls.
    pub sealing_key: SealingKey,
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
        })
    }
}

/// As many changes as may be under way at once; the API's rate is reached long before.
const CHANGES: u32 = 64;
/// How long a client may keep the list of tools: it never changes while the server runs.
const TOOLS_TTL: u64 = 300_000;

impl Server {
    /// A server for `tailnet`.
    pub fn new(tailnet: Tailnet, setup: Setup) -> Self {
        let access = setup.offer.access();
        let tools = setup.offer.tools().map(|it| describe(it, access)).collect();
        let instructions = describe::instructions(&setup.offer);
        let changes = Arc::new(Semaphore::new(CHANGES as usize));
        Self(Arc::new(Inner { tailnet, setup, tools, instructions, changes }))
    }

    /// Waits until no change is under way and every call is taken down, but not for ever.
    pub async fn idle(&self) {
        // A change is several calls of the API, each with its own deadline.
        let longest: Duration = self.0.tailnet.settings().deadline.saturating_mul(4);
        let _ = tokio::time::timeout(longest, self.0.changes.acquire_many(CHANGES)).await;
        self.store().flush().await;
    }

    pub(crate) fn tailnet(&self) -> &Tailnet {
        &self.0.tailnet
    }

    fn store(&self) -> &Arc<Store> {
        &self.0.setup.store
    }

    fn sealing_key(&self) -> &SealingKey {
        &self.0.setup.sealing_key
    }

    fn assumes_yes(&self) -> bool {
        self.0.setup.yes
    }

    /// A place among the changes that are under way.
    async fn change_under_way(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.changes).acquire_owned().await.ok()
    }

    /// What whoever sent a request is offered: no more than the operator offers.
    fn offer_to(&self, principal: &Principal, extensions: &Extensions) -> Result<Offer, ErrorData> {
        let offer = &self.0.setup.offer;
        narrow::to(offer, principal, extensions)
            .map_err(|error| ErrorData::invalid_params(error.to_string(), None))
    }
}

/// Whether the request is of the protocol without sessions.
fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version() >= Some(ProtocolVersion::V_2026_07_28)
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(describe::identity())
            .with_instructions(&self.0.instructions)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let principal = Principal::of(&context.extensions);
        let offer = self.offer_to(&principal, &context.extensions)?;
        let names: Vec<&str> = offer.tools().map(|it| it.name).collect();
        let offered = |tool: &&Tool| names.contains(&&*tool.name);
        let tools = self.0.tools.iter().filter(offered).cloned().collect();
        let list = ListToolsResult::with_all_items(tools);
        // Clients of before do not know the hints.
        Ok(if is_modern(&context) {
            list.with_ttl_ms(TOOLS_TTL).with_cache_scope(CacheScope::Private)
        } else {
            list
        })
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let principal = Principal::of(&context.extensions);
        let offer = self.offer_to(&principal, &context.extensions)?;
        let call = Call { server: self, principal, offer, context: &context };
        Ok(call.run(request).await)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.0.tools.iter().find(|it| it.name == name).cloned()
    }
}
