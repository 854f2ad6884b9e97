//! Asks the user to confirm a change, in the way that the client supports.

use std::time::Duration;

use jiff::Timestamp;
use rmcp::{
    RoleServer,
    model::{
        ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema,
        ErrorCode, InputRequest, InputRequests, InputRequiredResult, InputResponses,
    },
    service::{RequestContext, ServiceError},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Server, approve::Outside};
use crate::{
    Error,
    change::{Confirmation, store::Used},
    client::Result,
    guard::{Caller, Confirm, ConfirmMode, Decision, Pending, nonce, question},
};

/// How long a plan can be confirmed.
pub(super) const CONFIRM_TIMEOUT: Duration = Duration::from_mins(10);
/// The field in the confirmation form, and the ID of the question.
const CONFIRM: &str = "confirm";
/// How a change is undone, for the question.
pub(super) const UNDO: &str = "undo_change";

/// What the client gets instead of a result while the user has not answered.
pub(super) enum Later {
    /// The client must ask the user and call again.
    Ask(Box<InputRequiredResult>),
    /// The model must show this to the user and call again.
    Show(String),
}

/// Asks in the way that the client supports. If the client can ask its user, a confirmation by the model
/// does not count.
pub(super) struct McpConfirm<'a> {
    pub(super) server: &'a Server,
    pub(super) context: &'a RequestContext<RoleServer>,
    /// The user's answer, if the call contains one.
    pub(super) answers: Option<InputResponses>,
    /// The sealed state that the client got with the question.
    pub(super) state: Option<String>,
}

impl Confirm for McpConfirm<'_> {
    type Later = Later;

    async fn confirm(&self, caller: &Caller, pending: &Pending<'_>) -> Result<Decision<Later>> {
        let capable = self.context.client_capabilities().and_then(|it| it.elicitation);
        let has_forms = capable.is_some_and(|it| it.form.is_some() || it.url.is_none());
        let (server, context) = (self.server, self.context);
        let has_forms = has_forms && !pending.outside;
        if !has_forms && pending.mode != ConfirmMode::Auto {
            let answers = self.answers.as_ref().zip(self.state.as_deref());
            let outside = Outside { server, context, answers };
            return Box::pin(outside.confirm(caller, pending)).await;
        }
        match (has_forms, super::is_modern(context)) {
            (true, true) => {
                let answers = self.answers.as_ref().zip(self.state.as_deref());
                InputRequired { server, answers }.confirm(caller, pending).await
            }
            (true, false) => Elicit { server, context }.confirm(caller, pending).await,
            (false, _) => PlanId { server }.confirm(caller, pending).await,
        }
    }
}

/// The model shows the plan to the user, and calls again with the plan's ID.
struct PlanId<'a> {
    server: &'a Server,
}

/// The server asks during the call (elicitation): for protocol versions with sessions.
struct Elicit<'a> {
    server: &'a Server,
    context: &'a RequestContext<RoleServer>,
}

/// The client asks and calls again with the answer: from protocol version 2026-07-28 on.
struct InputRequired<'a> {
    server: &'a Server,
    answers: Option<(&'a InputResponses, &'a str)>,
}

/// The state that the client keeps between the two calls.
#[derive(Serialize, Deserialize)]
struct Kept {
    digest: String,
    /// Makes each question valid for one answer only.
    nonce: String,
}

impl Confirm for PlanId<'_> {
    type Later = Later;

    /// A plan that was shown before can be confirmed once, if it has not changed.
    async fn confirm(&self, _: &Caller, pending: &Pending<'_>) -> Result<Decision<Later>> {
        let Some(id) = pending.plan_id else { return self.show(pending, None).await };
        let why = match self.server.store().use_plan(id, pending.digest).await? {
            Used::Now => return Ok(Decision::Yes(Confirmation::PlanId)),
            Used::Before => {
                return Err(Error::refused(
                    format!("the plan `{id}` was already applied"),
                    "see its outcome with list_changes; call again without plan_id for a new plan",
                ));
            }
            Used::Unknown => format!("the plan `{id}` is unknown or has expired"),
            Used::Differs => {
                format!("the plan `{id}` was for other arguments, or the tailnet has changed since")
            }
        };
        self.show(pending, Some(why)).await
    }
}

impl PlanId<'_> {
    /// Returns the plan to the model, which must show it to the user.
    async fn show(&self, pending: &Pending<'_>, why: Option<String>) -> Result<Decision<Later>> {
        let id = self.server.store().remember_plan(pending.digest, expiry()).await?;
        let name = pending.tool.name;
        let next = format!(
            "nothing is changed yet: show this plan to the user, and if they agree call {name} \
             again within 10 minutes, with the same arguments and this plan_id"
        );
        let next = why.map_or(next.clone(), |why| format!("{why}; {next}"));
        let shown = json!({
            "plan_id": id, "next": next, "question": question(pending, Some(UNDO)),
            "plan": pending.plan.preview(),
        });
        Ok(Decision::Later(Later::Show(shown.to_string())))
    }
}

impl Confirm for Elicit<'_> {
    type Later = Later;

    async fn confirm(&self, caller: &Caller, pending: &Pending<'_>) -> Result<Decision<Later>> {
        let form = form(pending, "");
        let asked = self.context.peer.create_elicitation_with_timeout(form, Some(CONFIRM_TIMEOUT));
        let answer = tokio::select! {
            answer = asked => answer,
            () = caller.cancelled.cancelled() => return Err(cancelled()),
        };
        match answer {
            Ok(answer) => agreed(&answer).map(|()| Decision::YesButReplan(Confirmation::Person)),
            Err(ServiceError::McpError(error)) if error.code == ErrorCode::METHOD_NOT_FOUND => {
                if pending.mode != ConfirmMode::Auto {
                    let (server, context) = (self.server, self.context);
                    let outside = Outside { server, context, answers: None };
                    return Box::pin(outside.confirm(caller, pending)).await;
                }
                let why = "the client announced elicitation, but does not support it".to_owned();
                PlanId { server: self.server }.show(pending, Some(why)).await
            }
            Err(error) => Err(Error::refused(
                format!("the question was not answered, and nothing was changed: {error}"),
                "ask the user whether they still want it, and call again",
            )),
        }
    }
}

impl Confirm for InputRequired<'_> {
    type Later = Later;

    async fn confirm(&self, _: &Caller, pending: &Pending<'_>) -> Result<Decision<Later>> {
        let Some((answers, state)) = self.answers else { return self.ask(pending, "") };
        let opened = self.server.sealing_key().open(state, pending.request.as_bytes())?;
        let kept: Kept = serde_json::from_slice(&opened)
            .map_err(|error| Error::invalid_input("requestState", error.to_string()))?;
        let answer = answers.get(CONFIRM).cloned().unwrap_or_default();
        let answer: ElicitResult = serde_json::from_value(answer).map_err(|error| {
            Error::invalid_input("inputResponses", format!("has no answer to `{CONFIRM}`: {error}"))
        })?;
        agreed(&answer)?;
        if kept.digest != pending.digest {
            return self.ask(pending, "The tailnet has changed since you were asked. ");
        }
        if !self.server.store().use_once(&kept.nonce, expiry()).await? {
            return Err(Error::refused(
                "this confirmation was used before",
                "see its outcome with list_changes; call again for a new plan",
            ));
        }
        Ok(Decision::Yes(Confirmation::Person))
    }
}

impl InputRequired<'_> {
    /// Makes the client ask. The client keeps the sealed digest of the plan and sends it back with the
    /// answer.
    fn ask(&self, pending: &Pending<'_>, why: &str) -> Result<Decision<Later>> {
        let kept = Kept { digest: pending.digest.to_owned(), nonce: nonce()? };
        let kept = serde_json::to_vec(&kept)
            .map_err(|error| Error::invalid_input("state", error.to_string()))?;
        let key = self.server.sealing_key();
        let sealed = key.seal(&kept, pending.request.as_bytes(), CONFIRM_TIMEOUT);
        let ask = InputRequest::Elicitation(ElicitRequest::new(form(pending, why)));
        let requests = InputRequests::from([(CONFIRM.to_owned(), ask)]);
        let question = InputRequiredResult::new(Some(requests), Some(sealed));
        Ok(Decision::Later(Later::Ask(Box::new(question))))
    }
}

/// When a plan that is shown now can no longer be confirmed.
fn expiry() -> Timestamp {
    Timestamp::now().saturating_add(CONFIRM_TIMEOUT).unwrap_or(Timestamp::MAX)
}

/// The confirmation form for the user.
fn form(pending: &Pending<'_>, why: &str) -> ElicitRequestParams {
    let schema = ElicitationSchema::builder().required_bool_with(CONFIRM, |field| {
        field.title("Apply this change").description("Apply exactly this plan")
    });
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: format!("{why}{}", question(pending, Some(UNDO))),
        requested_schema: schema
            .build()
            .unwrap_or_else(|_| ElicitationSchema::new(std::collections::BTreeMap::new())),
    }
}

/// Whether the user agrees; if not, nothing is changed.
fn agreed(answer: &ElicitResult) -> Result<()> {
    let yes = answer.content.as_ref().and_then(|it| it[CONFIRM].as_bool());
    match answer.action {
        ElicitationAction::Accept if yes == Some(true) => Ok(()),
        ElicitationAction::Cancel => Err(cancelled()),
        _ => Err(Error::refused(
            "the user declined; nothing was changed",
            "ask the user what they want instead",
        )),
    }
}

pub(super) fn cancelled() -> Error {
    Error::refused(
        "the user cancelled the question; nothing was changed",
        "ask the user whether they still want it",
    )
}
