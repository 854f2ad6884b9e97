//! Has a plan approved outside of the conversation: the client opens the page of the server for its user, or the
//! model shows where the plan is approved and calls again.

use rmcp::{
    RoleServer,
    model::{
        ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, InputRequest,
        InputRequests, InputRequiredResult, InputResponses,
    },
    service::RequestContext,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::{
    Server,
    confirm::{CONFIRM_TIMEOUT, Later, UNDO, cancelled},
};
use crate::{
    Error,
    change::Approval,
    client::Result,
    guard::{
        Approvals, Caller, Confirm, ConfirmMode, Decision, Pending, Sought, how, question, seek,
    },
};

impl Server {
    /// What approves the plans that wait for a person outside of a conversation.
    pub fn approvals(&self) -> Approvals {
        self.guard().approvals()
    }

    /// Whether plans may have to be approved outside of a conversation, in a store that others can open.
    pub(crate) fn needs_approvals(&self) -> bool {
        self.guard().needs_approvals() && !self.store().is_in_memory()
    }

    /// Whether another person has to approve plans in a store that only this user can open.
    pub(crate) fn approves_alone(&self) -> bool {
        self.guard().mode() == ConfirmMode::Other && self.store().is_file()
    }

    /// Sends people who are to approve a plan to the page at `/approve/` of this server, whose URL is `base`.
    pub fn approve_at(&self, base: &Url) {
        if let Ok(page) = base.join("/approve/") {
            let _ = self.inner.approval_page.set(page);
        }
    }
}

/// The ID of the request to open the page.
const APPROVE: &str = "approve";

/// Approval by a person outside of the conversation.
pub(super) struct Outside<'a> {
    pub(super) server: &'a Server,
    pub(super) context: &'a RequestContext<RoleServer>,
    /// What the client answered, and the sealed state that it got with the request.
    pub(super) answers: Option<(&'a InputResponses, &'a str)>,
}

/// The state that a client keeps while its user is on the page.
#[derive(Serialize, Deserialize)]
struct Kept {
    plan: String,
}

impl Confirm for Outside<'_> {
    type Later = Later;

    async fn confirm(&self, caller: &Caller, pending: &Pending<'_>) -> Result<Decision<Later>> {
        let returned = match self.answers {
            Some((answers, state)) => Some(self.returned(answers, state, pending)?),
            None => None,
        };
        let guard = self.server.guard();
        if let Some((plan, true)) = &returned {
            // The page is open. Its answer may take a while.
            self.wait(caller, plan).await?;
        }
        let named = returned.as_ref().map(|it| it.0.as_str()).or(pending.plan_id);
        let pending = &Pending { plan_id: named, ..*pending };
        let (plan, why) = match seek(guard, caller, pending, Some(UNDO)).await? {
            Sought::Yes(confirmed) if returned.is_some() => {
                return Ok(Decision::YesButReplan(confirmed));
            }
            Sought::Yes(confirmed) => return Ok(Decision::Yes(confirmed)),
            Sought::Waits(plan, why) => (plan, why),
        };
        let link = self.link(&plan);
        // Whoever has opened the page once, or calls with the plan's ID, is not sent there again.
        let (Some(link), true, None) = (&link, self.opens_pages(), named) else {
            return Ok(self.show(pending, &plan, link.as_deref(), why));
        };
        if super::is_modern(self.context) {
            return self.ask(pending, &plan, link);
        }
        self.open(caller, &plan, link).await?;
        match seek(guard, caller, &Pending { plan_id: Some(&plan.plan_id), ..*pending }, Some(UNDO))
            .await?
        {
            Sought::Yes(confirmed) => Ok(Decision::YesButReplan(confirmed)),
            Sought::Waits(plan, why) => Ok(self.show(pending, &plan, Some(link), why)),
        }
    }
}

impl Outside<'_> {
    /// Where the plan is approved, if this server has a page for that.
    fn link(&self, plan: &Approval) -> Option<String> {
        let page = self.server.inner.approval_page.get()?;
        Some(page.join(&plan.plan_id).ok()?.to_string())
    }

    /// Whether the client opens pages for its user.
    fn opens_pages(&self) -> bool {
        let capable = self.context.client_capabilities().and_then(|it| it.elicitation);
        capable.is_some_and(|it| it.url.is_some())
    }

    /// Makes the client open the page, in sessions of protocol revisions up to 2025-11-25. Returns when somebody
    /// has decided, or the user does not want to.
    async fn open(&self, caller: &Caller, plan: &Approval, link: &str) -> Result<()> {
        let request = self.page(plan, link);
        let asked =
            self.context.peer.create_elicitation_with_timeout(request, Some(CONFIRM_TIMEOUT));
        let approvals = self.server.approvals();
        tokio::select! {
            // It may be approved in a terminal, whatever the user does with the page.
            decided = approvals.decided(&plan.plan_id) => return decided.map(drop),
            answer = asked => match answer {
                Ok(answer) if answer.action == ElicitationAction::Accept => {}
                _ => return Ok(()),
            },
            () = caller.cancelled.cancelled() => return Err(cancelled()),
        }
        self.wait(caller, &plan.plan_id).await
    }

    /// Waits for a decision, but not for ever.
    async fn wait(&self, caller: &Caller, plan: &str) -> Result<()> {
        let approvals = self.server.approvals();
        let decided = tokio::time::timeout(CONFIRM_TIMEOUT, approvals.decided(plan));
        tokio::select! {
            decided = decided => decided.map_or(Ok(()), |decided| decided.map(drop)),
            () = caller.cancelled.cancelled() => Err(cancelled()),
        }
    }

    /// Makes the client open the page and call again, from protocol revision 2026-07-28 on.
    fn ask(&self, pending: &Pending<'_>, plan: &Approval, link: &str) -> Result<Decision<Later>> {
        let kept = serde_json::to_vec(&Kept { plan: plan.plan_id.clone() })
            .map_err(|error| Error::invalid_input("state", error.to_string()))?;
        let key = self.server.sealing_key();
        let sealed = key.seal(&kept, pending.request.as_bytes(), CONFIRM_TIMEOUT);
        let open = InputRequest::Elicitation(ElicitRequest::new(self.page(plan, link)));
        let requests = InputRequests::from([(APPROVE.to_owned(), open)]);
        let required = InputRequiredResult::new(Some(requests), Some(sealed));
        Ok(Decision::Later(Later::Ask(Box::new(required))))
    }

    /// Returns the plan to the model, with where a person can approve it.
    fn show(
        &self,
        pending: &Pending<'_>,
        plan: &Approval,
        link: Option<&str>,
        why: Option<String>,
    ) -> Decision<Later> {
        let next = format!(
            "nothing is changed yet: {}; tell the user, and once it is approved call {} again with the same \
             arguments and this plan_id",
            how(self.server.guard(), pending, plan, link),
            pending.tool.name
        );
        let mut shown = json!({
            "plan_id": plan.plan_id,
            "state": plan.state,
            "next": why.map_or(next.clone(), |why| format!("{why}; {next}")),
            "question": question(pending, Some(UNDO)),
            "plan": pending.plan.preview(),
        });
        if let (Some(fields), Some(link)) = (shown.as_object_mut(), link) {
            fields.insert("link".to_owned(), link.into());
        }
        Decision::Later(Later::Show(shown.to_string()))
    }

    /// The request to open the page.
    fn page(&self, plan: &Approval, link: &str) -> ElicitRequestParams {
        ElicitRequestParams::UrlElicitationParams {
            meta: None,
            message: format!(
                "Plan {} needs approval. On the page, type the code that `{} --code` prints in a terminal.",
                plan.plan_id,
                self.server.approvals().command(&plan.plan_id)
            ),
            url: link.to_owned(),
            elicitation_id: plan.plan_id.clone(),
        }
    }

    /// The plan that the client was asked about, and whether its user has opened the page.
    fn returned(
        &self,
        answers: &InputResponses,
        state: &str,
        pending: &Pending<'_>,
    ) -> Result<(String, bool)> {
        let opened = self.server.sealing_key().open(state, pending.request.as_bytes())?;
        let kept: Kept = serde_json::from_slice(&opened)
            .map_err(|error| Error::invalid_input("requestState", error.to_string()))?;
        let answer = answers.get(APPROVE).cloned().unwrap_or_default();
        let answer: ElicitResult = serde_json::from_value(answer).map_err(|error| {
            Error::invalid_input("inputResponses", format!("has no answer to `{APPROVE}`: {error}"))
        })?;
        Ok((kept.plan, answer.action == ElicitationAction::Accept))
    }
}
