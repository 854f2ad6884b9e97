//! One call of a tool: allowed, planned, confirmed, carried out, and taken down.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use rmcp::{
    RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, InputResponses,
        ProgressNotificationParam,
    },
    service::RequestContext,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::{
    Principal, Server, across,
    confirm::{Confirmed, Question},
    describe::failure,
};
use crate::{
    Error, ErrorKind, Tailnet,
    change::{
        Actor, Journal, Plan, Progress, Report, Risk,
        store::{Audit, Store},
    },
    client::Result,
    tailnet::Selection,
    tool::{self, Asked, Offer, Proposal, ToolDef, resource, written},
};

/// What a call came to.
enum Came {
    Answer(String),
    Report(Box<Report>),
    Asked(Box<rmcp::model::InputRequiredResult>),
    /// A plan that waits for its confirmation.
    Shown(String),
}

/// One call, by whom, and what they are offered.
pub(super) struct Call<'a> {
    pub(super) server: &'a Server,
    pub(super) principal: Principal,
    pub(super) offer: Offer,
    pub(super) context: &'a RequestContext<RoleServer>,
}

impl Call<'_> {
    /// Carries the call out. Failures are answers, too: a model can act on them.
    pub(super) async fn run(self, request: CallToolRequestParams) -> CallToolResponse {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let answers = (request.input_responses, request.request_state);
        let tool = tool::named(&request.name).and_then(|it| self.offer.allow(it));
        let tool = match tool {
            Ok(tool) => tool,
            Err(error) => {
                let known = tool::named(&request.name).ok();
                let (name, risk) =
                    known.map_or(("unknown tool", Risk::Read), |it| (it.name, it.risk));
                self.audit(name, risk, &arguments).end("refused", None).await;
                return refusal(&error).into();
            }
        };
        match self.audited(tool, arguments, answers).await {
            Ok(Came::Answer(text) | Came::Shown(text)) => success(text).into(),
            Ok(Came::Report(report)) => match written(&*report) {
                Ok(text) => success(text).into(),
                Err(error) => refusal(&error).into(),
            },
            Ok(Came::Asked(asked)) => CallToolResponse::InputRequired(*asked),
            Err(error) => refusal(&error).into(),
        }
    }

    /// Asks a tool that only reads, as itself.
    pub(super) async fn query(self, tool: &str, arguments: Value) -> Result<String> {
        let tool = self.offer.allow(tool::named(tool)?)?;
        match self.audited(tool, arguments, (None, None)).await? {
            Came::Answer(text) | Came::Shown(text) => Ok(text),
            Came::Report(report) => written(&*report),
            Came::Asked(_) => Ok(String::new()),
        }
    }

    /// Carries the call out, and takes down how it ended, even if whoever waits for it gives up.
    async fn audited(
        &self,
        tool: &'static ToolDef,
        arguments: Value,
        answers: (Option<InputResponses>, Option<String>),
    ) -> Result<Came> {
        let audit = self.audit(tool.name, tool.risk, &arguments);
        let came = self.carry_out(tool, arguments, answers).await;
        let (outcome, change) = match &came {
            Ok(Came::Answer(_)) => ("ok", None),
            Ok(Came::Report(report)) if report.applied => ("applied", report.change),
            Ok(Came::Report(report)) => ("not_applied", report.change),
            Ok(Came::Asked(_) | Came::Shown(_)) => ("asked", None),
            Err(error) => (error.kind().as_str(), None),
        };
        audit.end(outcome, change).await;
        came
    }

    /// A line of the audit that is yet to end.
    pub(super) fn audit(&self, tool: &'static str, risk: Risk, arguments: &Value) -> OpenAudit {
        let mut call = Audit::now(&self.principal.name, tool, risk);
        let schema = self.server.schema(tool);
        call.resource = schema.and_then(|it| resource(it, arguments)).unwrap_or_default();
        OpenAudit { store: self.server.store().clone(), call: Some(call), started: Instant::now() }
    }

    async fn carry_out(
        &self,
        tool: &'static ToolDef,
        mut arguments: Value,
        answers: (Option<InputResponses>, Option<String>),
    ) -> Result<Came> {
        let tailnet = match self.server.tailnets().select(&mut arguments)? {
            Selection::One(tailnet) => tailnet,
            Selection::All(tailnets) => {
                return across::ask(tool, &arguments, tailnets, |it| self.acting(it, tool, None))
                    .await
                    .map(Came::Answer);
            }
        };
        let (progress, told) = self.progress();
        let tailnet = self.acting(tailnet, tool, progress);
        let came = match tool.ask(arguments.clone(), &tailnet).await? {
            Asked::Answer(answer) => {
                return tool::short(answer, "ask for less: a shorter time window, or filters")
                    .map(Came::Answer);
            }
            Asked::Plan(proposal) => {
                self.decide(tool, arguments, *proposal, answers, tailnet).await
            }
        };
        // What was told of the progress goes out before the answer does.
        if let Some(told) = told {
            let _ = told.await;
        }
        came
    }

    /// `tailnet` on behalf of whoever calls.
    fn acting(&self, tailnet: &Tailnet, tool: &ToolDef, progress: Option<Progress>) -> Tailnet {
        let journal: Arc<dyn Journal> = self.server.store().clone();
        let mut acting = Actor::new(&self.principal.name, Some(journal)).with_tool(tool.name);
        acting.progress = progress;
        tailnet.acting_as(acting)
    }

    /// What becomes of a plan.
    async fn decide(
        &self,
        tool: &'static ToolDef,
        arguments: Value,
        proposal: Proposal,
        answers: (Option<InputResponses>, Option<String>),
        tailnet: Tailnet,
    ) -> Result<Came> {
        let Proposal { plan, dry_run, plan_id } = proposal;
        if dry_run || plan.is_empty() {
            return Ok(Came::Report(Box::new(plan.preview())));
        }
        self.offer.allow_plan(&plan)?;
        self.offer.allow_risk(tool.name, plan.risk())?;
        if plan.risk() < Risk::Danger || self.server.assumes_yes() {
            return self.apply(plan, tailnet).await;
        }
        let request = digest(&self.principal.name, &tailnet, tool.name, &arguments, None);
        let essence = digest(&self.principal.name, &tailnet, tool.name, &arguments, Some(&plan));
        let question = Question { tool, plan: &plan, request: &request, digest: &essence };
        match self.server.confirm(&question, plan_id.as_deref(), answers, self.context).await? {
            Confirmed::Yes => self.apply(plan, tailnet).await,
            Confirmed::YesAfterAWhile => {
                self.still_the_same(tool, arguments, &essence, &tailnet).await?;
                self.apply(plan, tailnet).await
            }
            Confirmed::Ask(asked) => Ok(Came::Asked(asked)),
            Confirmed::Show(text) => Ok(Came::Shown(text)),
        }
    }

    /// The user may have taken minutes to agree.
    async fn still_the_same(
        &self,
        tool: &'static ToolDef,
        arguments: Value,
        essence: &str,
        tailnet: &Tailnet,
    ) -> Result<()> {
        let Asked::Plan(now) = tool.ask(arguments.clone(), tailnet).await? else { return Ok(()) };
        if digest(&self.principal.name, tailnet, tool.name, &arguments, Some(&now.plan)) == essence
        {
            return Ok(());
        }
        let plan = written(&now.plan.preview())?;
        Err(Error::new(
            ErrorKind::Stale,
            format!(
                "nothing was changed: the tailnet changed meanwhile, and the plan is now {plan}"
            ),
        )
        .with_remedy("show it to the user, and call again if they agree"))
    }

    /// Carries a plan out on a task of its own: it goes on if the client cancels the call or leaves.
    /// Of several resources, it then stops after the one that it is at.
    async fn apply(&self, plan: Plan, tailnet: Tailnet) -> Result<Came> {
        let stop = StopOnDrop(tailnet.actor().clone());
        let under_way = self.server.change_under_way().await;
        let announcer = self.server.announcer().clone();
        let change = tokio::spawn(async move {
            let _under_way = under_way;
            let report = tailnet.apply(&plan).await;
            // One that failed may have changed something, too.
            announcer.tell(&plan, report.as_ref().unwrap_or(&Report::default()));
            report
        });
        tokio::pin!(change);
        let done = tokio::select! {
            done = &mut change => done,
            () = self.context.ct.cancelled() => {
                stop.0.stop();
                change.await
            }
            () = self.server.ending().cancelled() => {
                stop.0.stop();
                change.await
            }
        };
        let broken = |_| {
            Err(Error::new(ErrorKind::OutcomeUnknown, "the call broke off").with_unknown_effect())
        };
        done.unwrap_or_else(broken).map(|report| Came::Report(Box::new(report)))
    }

    /// Where a batch tells how far it is, if the client wants to know.
    fn progress(&self) -> (Option<Progress>, Option<tokio::task::JoinHandle<()>>) {
        let Some(token) = self.context.meta.get_progress_token() else { return (None, None) };
        let (sender, mut told) = mpsc::unbounded_channel::<(usize, usize, String)>();
        let peer = self.context.peer.clone();
        let task = tokio::spawn(async move {
            while let Some((done, of, last)) = told.recv().await {
                #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 devices")]
                let progress = ProgressNotificationParam::new(token.clone(), done as f64)
                    .with_total(of as f64)
                    .with_message(format!("{last}: {done} of {of}"));
                let _ = peer.notify_progress(progress).await;
            }
        });
        let tell = move |done, of, last: &str| drop(sender.send((done, of, last.to_owned())));
        (Some(Arc::new(tell)), Some(task))
    }
}

/// A line of the audit that is written when the call ends, in whatever way.
pub(super) struct OpenAudit {
    store: Arc<Store>,
    call: Option<Audit>,
    started: Instant,
}

impl OpenAudit {
    pub(super) async fn end(mut self, outcome: &str, change: Option<i64>) {
        let Some(mut call) = self.call.take() else { return };
        call.outcome = outcome.to_owned();
        (call.change, call.took) = (change, self.started.elapsed());
        self.store.audit(call).await;
    }
}

impl Drop for OpenAudit {
    fn drop(&mut self) {
        let Some(mut call) = self.call.take() else { return };
        "abandoned".clone_into(&mut call.outcome);
        call.took = self.started.elapsed();
        let store = Arc::clone(&self.store);
        tokio::spawn(async move { store.audit(call).await });
    }
}

/// Stops a batch when the call that asked for it is gone.
struct StopOnDrop(Actor);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn success(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

fn refusal(error: &Error) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(failure(error))])
}

/// Makes something good for one use.
pub(super) fn nonce() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

/// Who asks for what, and what would be changed, as one short text.
fn digest(
    principal: &str,
    tailnet: &Tailnet,
    tool: &str,
    arguments: &Value,
    plan: Option<&Plan>,
) -> String {
    // Clients may write fields in another order, and say the same.
    let fields = arguments.as_object().into_iter().flatten();
    let fields: BTreeMap<&String, &Value> = fields.filter(|(name, _)| *name != "plan_id").collect();
    let essence = plan.map(Plan::essence);
    let text = serde_json::to_string(&(principal, tailnet.label(), tool, fields, essence))
        .unwrap_or_default();
    STANDARD_NO_PAD.encode(Sha256::digest(text))
}
