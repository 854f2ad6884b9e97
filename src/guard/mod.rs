//! The one way from a call to its end, for calls over MCP, on the terminal and by the server's own
//! jobs: what the caller is offered, the plan, its confirmation, the change, the audit. Knows no
//! protocol and no terminal.

mod audit;
mod call;
mod confirm;
mod digest;
mod fan_out;
mod news;
mod principal;
mod question;

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

pub use self::principal::Principal;
pub(crate) use self::{
    audit::OpenAudit,
    call::Done,
    confirm::{Confirm, Decision, Pending},
    digest::nonce,
    news::{News, Touched},
    question::question,
};
use crate::{
    Tailnet,
    catalogue::Offer,
    change::{Actor, Journal, Progress, store::Store},
    tailnet::Tailnets,
    tool::ToolDef,
};

/// Changes that may be under way at once; the API's rate is reached long before.
const MAX_CHANGES: u32 = 64;

/// Who calls, what they are offered, and how they are kept informed.
pub(crate) struct Caller {
    /// The name in journal and audit.
    pub(crate) principal: Principal,
    /// The tools and the risk that this caller is offered: the operator's offer or less.
    pub(crate) offer: Offer,
    /// Hears how far a batch is.
    pub(crate) progress: Option<Progress>,
    /// Cancelled when the caller gives up. A batch then stops after the resource at hand.
    pub(crate) cancelled: CancellationToken,
}

/// Carries calls out, for everybody who shares one journal.
pub(crate) struct Guard {
    tailnets: Tailnets,
    offer: Offer,
    store: Arc<Store>,
    /// Carries destructive plans out without asking.
    assume_yes: bool,
    /// Who calls over stdio and on the terminal.
    local: Principal,
    /// A permit for each change that is under way.
    changes: Arc<Semaphore>,
    news: News,
    /// Cancelled when the process ends.
    ending: CancellationToken,
}

impl Guard {
    pub(crate) fn new(
        tailnets: Tailnets,
        offer: Offer,
        store: Arc<Store>,
        assume_yes: bool,
        local: Principal,
    ) -> Self {
        Self {
            tailnets,
            offer,
            store,
            assume_yes,
            local,
            changes: Arc::new(Semaphore::new(MAX_CHANGES as usize)),
            news: News::new(),
            ending: CancellationToken::new(),
        }
    }

    /// Waits until no change is under way and the audit is written, but not for ever.
    pub(crate) async fn idle(&self) {
        // Of several resources, a change stops after the one at hand.
        self.ending.cancel();
        // A change is several calls of the API, each with its own deadline.
        let longest: Duration = self.tailnets.first().settings().deadline.saturating_mul(4);
        let _ = tokio::time::timeout(longest, self.changes.acquire_many(MAX_CHANGES)).await;
        self.store.flush().await;
    }

    /// The tailnets that are served.
    pub(crate) fn tailnets(&self) -> &Tailnets {
        &self.tailnets
    }

    /// Who calls over stdio and on the terminal.
    pub(crate) fn local(&self) -> &Principal {
        &self.local
    }

    /// What the operator offers.
    pub(crate) fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Journal, audit and plans that wait for their confirmation.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Cancelled when the process ends.
    pub(crate) fn ending(&self) -> &CancellationToken {
        &self.ending
    }

    /// What changes from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Touched>> {
        self.news.listen()
    }

    /// `tailnet` on behalf of `principal`, who asked for `tool`; what is changed is recorded.
    pub(crate) fn acting(
        &self,
        tailnet: &Tailnet,
        principal: &Principal,
        tool: &str,
        progress: Option<Progress>,
    ) -> Tailnet {
        let journal: Arc<dyn Journal> = self.store.clone();
        let mut actor = Actor::new(&principal.name, Some(journal)).with_tool(tool);
        actor.progress = progress;
        tailnet.acting_as(actor)
    }

    /// Opens a line of the audit. It is written when it is ended or dropped.
    pub(crate) fn audit(
        &self,
        principal: &Principal,
        tool: &'static ToolDef,
        arguments: &serde_json::Value,
    ) -> OpenAudit {
        let resource = tool.resource(arguments).unwrap_or_default();
        OpenAudit::begin(&self.store, principal, tool.name, tool.risk, resource)
    }

    /// A permit for one change that is under way.
    async fn change_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.changes).acquire_owned().await.ok()
    }
}
