//! Runs every call, whether over MCP, on the command line or by a background job: checks the offer, plans,
//! asks for confirmation, applies, audits. Independent of protocol and terminal.

mod approval;
mod audit;
mod call;
mod caller;
mod confirm;
mod digest;
mod fan_out;
mod news;
mod principal;
mod question;
mod rails;
mod watch;

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

pub use self::{
    approval::{Approvals, Approver, Identified},
    confirm::ConfirmMode,
    principal::{CallerNode, Identity, Principal},
};
pub(crate) use self::{
    approval::{Sought, how, random_session, seek},
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
    guardrails::Guardrails,
    live::Live,
    tailnet::Tailnets,
    tool::ToolDef,
};

/// The most concurrent changes. The API's rate limit is reached long before.
const MAX_CHANGES: u32 = 64;

/// The caller of a tool.
#[derive(Clone)]
pub(crate) struct Caller {
    /// The principal, for the journal and the audit log.
    pub(crate) principal: Principal,
    /// The tools and the risk that this caller is offered: at most what the administrator offers.
    pub(crate) offer: Offer,
    /// Receives the progress of a batch.
    pub(crate) progress: Option<Progress>,
    /// Cancelled when the caller cancels. A batch then stops after the current resource.
    pub(crate) cancelled: CancellationToken,
}

/// Runs calls for all sessions that share a journal.
pub(crate) struct Guard {
    tailnets: Tailnets,
    offer: Offer,
    store: Arc<Store>,
    /// Whether destructive plans are applied without asking.
    assume_yes: bool,
    /// Who has to agree to destructive plans.
    mode: ConfirmMode,
    rails: Live<Guardrails>,
    /// The options with which `tailsteward approve` finds the store and the guardrails.
    approve_options: Arc<str>,
    /// Who calls over stdio and on the terminal.
    local: Principal,
    /// A permit for each change that is under way.
    changes: Arc<Semaphore>,
    news: News,
    /// Cancelled at shutdown.
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
            mode: ConfirmMode::Auto,
            rails: Live::default(),
            approve_options: "".into(),
            local,
            changes: Arc::new(Semaphore::new(MAX_CHANGES as usize)),
            news: News::new(),
            ending: CancellationToken::new(),
        }
    }

    /// The same guard with guardrails, and with who has to agree to destructive plans.
    pub(crate) fn with_rules(self, mode: ConfirmMode, rails: Live<Guardrails>) -> Self {
        Self { mode, rails, ..self }
    }

    /// The same guard, whose plans are approved with these options of `tailsteward approve`.
    pub(crate) fn with_approve_options(self, options: &str) -> Self {
        Self { approve_options: options.into(), ..self }
    }

    /// The guardrails.
    pub(crate) fn rails(&self) -> Arc<Guardrails> {
        self.rails.get()
    }

    /// Who has to agree to destructive plans.
    pub(crate) fn mode(&self) -> ConfirmMode {
        self.mode
    }

    /// Whether plans may have to be approved outside of a conversation.
    pub(crate) fn needs_approvals(&self) -> bool {
        self.mode != ConfirmMode::Auto || !self.rails.get().approval.is_empty()
    }

    /// What approves plans outside of a conversation.
    pub(crate) fn approvals(&self) -> Approvals {
        let approvals = Approvals::new(Arc::clone(&self.store), self.rails.clone());
        approvals.with_options(&self.approve_options)
    }

    /// Waits until no change is running and the audit log is written, but not forever.
    pub(crate) async fn idle(&self) {
        // A batch stops after the current resource.
        self.ending.cancel();
        // A change takes several API calls, each with its own deadline.
        let longest: Duration = self.tailnets.first().settings().deadline.saturating_mul(4);
        let _ = tokio::time::timeout(longest, self.changes.acquire_many(MAX_CHANGES)).await;
        self.store.flush().await;
    }

    /// The served tailnets.
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

    /// The journal, the audit log, and the plans that wait for confirmation.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Cancelled at shutdown.
    pub(crate) fn ending(&self) -> &CancellationToken {
        &self.ending
    }

    /// Announcements of changes.
    pub(crate) fn news(&self) -> &News {
        &self.news
    }

    /// A receiver for changes from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Touched>> {
        self.news.listen()
    }

    /// `tailnet`, acting for `principal` who called `tool`: its changes are recorded under that name.
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
        actor.changes_per_hour = self.rails.get().changes_per_hour;
        tailnet.acting_as(actor)
    }

    /// Starts an audit log entry, which is written when it is ended or dropped.
    pub(crate) fn audit(
        &self,
        principal: &Principal,
        tool: &'static ToolDef,
        arguments: &serde_json::Value,
    ) -> OpenAudit {
        let resource = tool.resource(arguments).unwrap_or_default();
        OpenAudit::begin(&self.store, principal, tool.name, tool.risk, resource)
    }

    /// A permit for one change.
    async fn change_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.changes).acquire_owned().await.ok()
    }
}
