//! Asking the user, in whatever way their client has.

use std::{fmt::Write as _, time::Duration};

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

use super::Server;
use crate::{
    Error,
    change::{Plan, store::Used},
    client::Result,
    tool::ToolDef,
};

/// How long a plan waits for its confirmation.
const CONFIRM_TIMEOUT: Duration = Duration::from_mins(10);
/// The field of the form, and the name of the question.
const CONFIRM: &str = "confirm";
/// Changes that a question shows.
const SHOWN: usize = 20;

/// What came of asking.
pub(super) enum Confirmed {
    /// The user agrees to just this plan.
    Yes,
    /// The same, but the plan was made before they were asked.
    YesAfterAWhile,
    /// The client has to ask, and call again.
    Ask(Box<InputRequiredResult>),
    /// The model has to show it to the user, and call again.
    Show(String),
}

/// A plan that is to be confirmed, and what it is bound to.
pub(super) struct Question<'a> {
    pub(super) tool: &'static ToolDef,
    pub(super) plan: &'a Plan,
    /// Who asks for what: principal, tool and arguments.
    pub(super) request: &'a str,
    /// The same, and what would be changed.
    pub(super) digest: &'a str,
}

/// What a client keeps between the two calls.
#[derive(Serialize, Deserialize)]
struct Kept {
    digest: String,
    /// Makes each seal good for one use.
    nonce: String,
}

impl Server {
    /// Asks the user about a plan, or takes the answer that the call brings along.
    pub(super) async fn confirm(
        &self,
        question: &Question<'_>,
        plan_id: Option<&str>,
        answers: (Option<InputResponses>, Option<String>),
        context: &RequestContext<RoleServer>,
    ) -> Result<Confirmed> {
        let modern = super::is_modern(context);
        let capable = context.client_capabilities().and_then(|it| it.elicitation);
        let forms = capable.is_some_and(|it| it.form.is_some() || it.url.is_none());
        match (forms, modern, answers) {
            (true, true, (Some(answers), Some(state))) => {
                self.answered(question, &answers, &state).await
            }
            (true, true, _) => Ok(Confirmed::Ask(Box::new(self.input_required(question, "")?))),
            (true, false, _) => self.elicit(question, context).await,
            // Only where nobody can be asked does the model carry the plan to the user and back.
            (false, ..) => match plan_id {
                Some(id) => self.redeem(question, id).await,
                None => self.show(question, None).await,
            },
        }
    }

    /// A plan that was shown before is carried out once, if it is still the same.
    async fn redeem(&self, question: &Question<'_>, id: &str) -> Result<Confirmed> {
        let why = match self.store().use_plan(id, question.digest).await? {
            Used::Now => return Ok(Confirmed::Yes),
            Used::Before => {
                return Err(Error::refused(
                    format!("the plan `{id}` was carried out before"),
                    "look at what became of it with list_changes; call without plan_id to plan anew",
                ));
            }
            Used::Unknown => format!("the plan `{id}` is not known here, or is too old"),
            Used::Differs => {
                format!("the plan `{id}` was for other arguments, or the tailnet has changed since")
            }
        };
        self.show(question, Some(why)).await
    }

    /// Gives the plan to the model, which has to show it to the user.
    async fn show(&self, question: &Question<'_>, why: Option<String>) -> Result<Confirmed> {
        let until = Timestamp::now().saturating_add(CONFIRM_TIMEOUT).unwrap_or(Timestamp::MAX);
        let id = self.store().remember_plan(question.digest, until).await?;
        let name = question.tool.name;
        let next = format!(
            "nothing is changed yet: show this plan to the user, and if they agree call {name} \
             again within 10 minutes, with the same arguments and this plan_id"
        );
        let next = why.map_or(next.clone(), |why| format!("{why}; {next}"));
        let shown = json!({ "plan_id": id, "next": next, "plan": question.plan.preview() });
        Ok(Confirmed::Show(shown.to_string()))
    }

    /// Sessions of 2025: the server asks while the call waits.
    async fn elicit(
        &self,
        question: &Question<'_>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Confirmed> {
        let asked =
            context.peer.create_elicitation_with_timeout(question.form(""), Some(CONFIRM_TIMEOUT));
        let answer = tokio::select! {
            answer = asked => answer,
            () = context.ct.cancelled() => return Err(cancelled()),
        };
        match answer {
            Ok(answer) => agreed(&answer).map(|()| Confirmed::YesAfterAWhile),
            Err(ServiceError::McpError(error)) if error.code == ErrorCode::METHOD_NOT_FOUND => {
                self.show(question, Some("the client says it can ask, and cannot".to_owned())).await
            }
            Err(error) => Err(Error::refused(
                format!("nobody answered the question, and nothing was changed: {error}"),
                "ask the user whether they still want it, and call again",
            )),
        }
    }

    /// From 2026-07-28 on: the client asks, and calls again with the answer.
    fn input_required(&self, question: &Question<'_>, why: &str) -> Result<InputRequiredResult> {
        let kept = Kept { digest: question.digest.to_owned(), nonce: super::call::nonce() };
        let kept = serde_json::to_vec(&kept)
            .map_err(|error| Error::invalid_input("state", error.to_string()))?;
        let sealed = self.sealing_key().seal(&kept, question.request.as_bytes(), CONFIRM_TIMEOUT);
        let ask = InputRequest::Elicitation(ElicitRequest::new(question.form(why)));
        let requests = InputRequests::from([(CONFIRM.to_owned(), ask)]);
        Ok(InputRequiredResult::new(Some(requests), Some(sealed)))
    }

    async fn answered(
        &self,
        question: &Question<'_>,
        answers: &InputResponses,
        state: &str,
    ) -> Result<Confirmed> {
        let opened = self.sealing_key().open(state, question.request.as_bytes())?;
        let kept: Kept = serde_json::from_slice(&opened)
            .map_err(|error| Error::invalid_input("requestState", error.to_string()))?;
        let answer = answers.get(CONFIRM).cloned().unwrap_or_default();
        let answer: ElicitResult = serde_json::from_value(answer).map_err(|error| {
            Error::invalid_input("inputResponses", format!("has no answer to `{CONFIRM}`: {error}"))
        })?;
        agreed(&answer)?;
        if kept.digest != question.digest {
            let why = "The tailnet has changed since you were asked. ";
            return Ok(Confirmed::Ask(Box::new(self.input_required(question, why)?)));
        }
        let until = Timestamp::now().saturating_add(CONFIRM_TIMEOUT).unwrap_or(Timestamp::MAX);
        if !self.store().use_once(&kept.nonce, until).await? {
            return Err(Error::refused(
                "this confirmation was used before",
                "look at what became of it with list_changes; call anew to plan anew",
            ));
        }
        Ok(Confirmed::Yes)
    }
}

impl Question<'_> {
    fn form(&self, why: &str) -> ElicitRequestParams {
        let schema = ElicitationSchema::builder().required_bool_with(CONFIRM, |it| {
            it.title("Do it").description("Carry out exactly this plan")
        });
        ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: format!("{why}{}", self.words()),
            requested_schema: schema
                .build()
                .unwrap_or_else(|_| ElicitationSchema::new(std::collections::BTreeMap::new())),
        }
    }

    /// The plan for people.
    fn words(&self) -> String {
        let plan = self.plan.preview();
        let mut text = format!("{}: {}", self.tool.title(), self.plan.about());
        for change in plan.changes.iter().take(SHOWN) {
            let _ = write!(text, "\n- {}: {} → {}", change.field, change.before, change.after);
            if !change.on.is_empty() {
                let _ = write!(text, " on {}", change.on.shown().join(", "));
            }
        }
        if plan.changes.len() > SHOWN {
            let _ = write!(text, "\n- and {} more", plan.changes.len() - SHOWN);
        }
        for note in &plan.notes {
            let _ = write!(text, "\n  {note}");
        }
        for warning in &plan.warnings {
            let _ = write!(text, "\nNote: {warning}");
        }
        text.push_str(if plan.cannot_be_undone {
            "\nThis cannot be undone."
        } else {
            "\nThis can be undone with undo_change."
        });
        text
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

fn cancelled() -> Error {
    Error::refused(
        "the user cancelled the question; nothing was changed",
        "ask the user whether they still want it",
    )
}
