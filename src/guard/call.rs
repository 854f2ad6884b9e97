//! A tool call: checks that the tool is offered, plans, confirms, applies and audits.

use serde_json::Value;

use super::{
    Caller, Confirm, ConfirmMode, Decision, Guard, OpenAudit, Pending, digest::Request, fan_out,
    rails::may_confirm_own, watch::Watch,
};
use crate::{
    Error, ErrorKind, Tailnet, catalogue,
    change::{Actor, Confirmation, Plan, Progress, Report, Risk},
    client::{
        Result,
        observe::{observed, observer},
    },
    tailnet::Selection,
    tool::{self, Asked, Proposal, ToolDef, written},
};

/// The result of a call.
pub(crate) enum Done<L> {
    /// The result of a read-only tool, as compact JSON.
    Answer(String),
    /// The report of a change that was applied, or only shown.
    Report(Box<Report>),
    /// Nothing yet: the user's answer comes with a later call.
    Later(L),
}

impl<L> Done<L> {
    /// The outcome as written in the audit log.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Answer(_) => "ok",
            Self::Report(report) if report.applied => "applied",
            Self::Report(_) => "not_applied",
            Self::Later(_) => "asked",
        }
    }

    fn change(&self) -> Option<i64> {
        match self {
            Self::Report(report) => report.change,
            Self::Answer(_) | Self::Later(_) => None,
        }
    }
}

impl Guard {
    /// Runs a call of the tool called `name`, and writes the outcome to the audit log.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the tool does not exist or the arguments are invalid;
    /// [`Refused`](ErrorKind::Refused) if the caller is not offered the tool or the user declines;
    /// otherwise any error of the tool or the change.
    pub(crate) async fn call<C: Confirm>(
        &self,
        caller: &Caller,
        name: &str,
        arguments: Value,
        ask: &C,
    ) -> Result<Done<C::Later>> {
        let tool = match catalogue::named(name).and_then(|tool| caller.offer.allow(tool)) {
            Ok(tool) => tool,
            Err(error) => {
                self.refused(caller, name, &arguments).end("refused", None);
                return Err(error);
            }
        };
        let mut audit = self.audit(&caller.principal, tool, &arguments);
        let watch = Watch::of(caller.progress.clone(), tool.is_edit());
        let observer = watch.observer.clone();
        let done = self.carry_out(caller, tool, arguments, ask, &mut audit, watch.progress);
        let done = observed(observer, done).await;
        match &done {
            Ok(done) => audit.end(done.outcome(), done.change()),
            Err(error) => audit.end(error.kind().as_str(), None),
        }
        done
    }

    /// An audit log entry for a tool that does not exist or that the caller is not offered.
    fn refused(&self, caller: &Caller, name: &str, arguments: &Value) -> OpenAudit {
        if let Ok(tool) = catalogue::named(name) {
            return self.audit(&caller.principal, tool, arguments);
        }
        let principal = &caller.principal;
        OpenAudit::begin(self.store(), principal, "unknown tool", Risk::Read, String::new())
    }

    /// Applies a plan made by a job, on behalf of the user who confirmed it earlier.
    ///
    /// # Errors
    ///
    /// Any error of the change.
    pub(crate) async fn run_job(
        &self,
        caller: &Caller,
        tool: &'static ToolDef,
        tailnet: Tailnet,
        plan: Plan,
        resource: &str,
    ) -> Result<Report> {
        let principal = &caller.principal;
        let resource = resource.to_owned();
        let mut audit = OpenAudit::begin(self.store(), principal, tool.name, plan.risk(), resource);
        audit.about(&tailnet.label());
        audit.confirmed(&Confirmation::Earlier);
        let done = self.apply(caller, plan, &tailnet, Confirmation::Earlier).await;
        match &done {
            Ok(report) => audit.end("applied", report.change),
            Err(error) => audit.end(error.kind().as_str(), None),
        }
        done
    }

    async fn carry_out<C: Confirm>(
        &self,
        caller: &Caller,
        tool: &'static ToolDef,
        mut arguments: Value,
        ask: &C,
        audit: &mut OpenAudit,
        progress: Option<Progress>,
    ) -> Result<Done<C::Later>> {
        if !tool.is_edit() {
            self.count_call(&caller.principal, tool).await?;
        }
        let acting = |tailnet: &Tailnet, caller: &Caller, progress| {
            let acting = self.acting(tailnet, &caller.principal, tool.name, progress);
            let mut actor = acting.actor().clone();
            actor.caller = Some(caller.mirror(self));
            acting.acting_as(actor)
        };
        let (tailnet, caller) = match self.tailnets().select(&mut arguments, !tool.is_edit())? {
            Selection::One(tailnet) => {
                audit.about(&tailnet.label());
                let caller = caller.on(tailnet);
                caller.offer.allow(tool)?;
                (acting(tailnet, &caller, progress), caller)
            }
            Selection::All(tailnets) => {
                audit.about("all");
                let allowed = |it: &Tailnet| {
                    let caller = caller.on(it);
                    caller.offer.allow(tool).map(|_| acting(it, &caller, None))
                };
                return fan_out::ask_all(tool, &arguments, tailnets, allowed)
                    .await
                    .map(Done::Answer);
            }
        };
        let caller = &caller;
        match plan(caller, tool, arguments.clone(), &tailnet).await? {
            Asked::Answer(answer) => {
                if tool.is_edit() {
                    self.count_call(&caller.principal, tool).await?;
                }
                tool::short(answer, "narrow the request: a shorter time window, or filters")
                    .map(Done::Answer)
            }
            Asked::Plan(proposal) => {
                let request = Request {
                    principal: &caller.principal,
                    tailnet: &tailnet,
                    tool,
                    arguments: &arguments,
                };
                audit.planned(proposal.plan.risk());
                self.decide(caller, request, *proposal, ask, audit).await
            }
        }
    }

    /// Applies a plan, after confirmation if it is destructive, or only shows it.
    async fn decide<C: Confirm>(
        &self,
        caller: &Caller,
        request: Request<'_>,
        proposal: Proposal,
        ask: &C,
        audit: &mut OpenAudit,
    ) -> Result<Done<C::Later>> {
        let Proposal { plan, dry_run, plan_id } = proposal;
        let name = self.tailnets().are_several().then(|| request.tailnet.name()).flatten();
        let named = |report| Report { tailnet: name.map(str::to_owned), ..report };
        if dry_run && !plan.is_empty() {
            let plan = Box::pin(self.with_rails(caller, &request, plan)).await;
            return Ok(Done::Report(Box::new(named(plan.preview()))));
        }
        if plan.is_empty() {
            return Ok(Done::Report(Box::new(named(plan.preview()))));
        }
        caller.offer.allow_plan(&plan)?;
        caller.offer.allow_risk(request.tool.name, plan.risk())?;
        let guardrail = Box::pin(self.check_rails(caller, &request, &plan)).await?;
        let confirmed = if plan.risk() < Risk::Danger && guardrail.is_none() {
            Confirmation::NotNeeded
        } else if self.assume_yes && guardrail.is_none() {
            Confirmation::AssumedYes
        } else {
            let digest = request.digest(Some(&plan))?;
            let by_approver =
                guardrail.is_none() || may_confirm_own(&self.rails(), &caller.principal);
            let pending = Pending {
                tool: request.tool,
                tailnet: request.tailnet,
                plan: &plan,
                plan_id: plan_id.as_deref(),
                request: &request.digest(None)?,
                digest: &digest,
                mode: match guardrail {
                    Some(_) => self.mode.max(ConfirmMode::Person),
                    None => self.mode,
                },
                outside: self.mode == ConfirmMode::Other || !by_approver,
                guardrail: guardrail.as_deref(),
            };
            match ask.confirm(caller, &pending).await? {
                Decision::Yes(confirmed) => confirmed,
                Decision::YesButReplan(confirmed) => {
                    still_holds(caller, &request, &digest).await?;
                    confirmed
                }
                Decision::Later(later) => return Ok(Done::Later(later)),
            }
        };
        audit.confirmed(&confirmed);
        Box::pin(self.still_allowed(caller, &request, &plan, &confirmed)).await?;
        let report = self.apply(caller, plan, request.tailnet, confirmed).await?;
        Ok(Done::Report(Box::new(named(report))))
    }

    /// Carries a plan out on a task of its own: it goes on if the caller gives up. Of several
    /// resources, it then stops after the one at hand.
    async fn apply(
        &self,
        caller: &Caller,
        plan: Plan,
        tailnet: &Tailnet,
        confirmed: Confirmation,
    ) -> Result<Report> {
        let tailnet = tailnet.acting_as(tailnet.actor().with_confirmation(confirmed));
        let stop = StopOnDrop(tailnet.actor().clone());
        let permit = self.change_permit().await;
        if self.ending().is_cancelled() {
            let why = "the server is shutting down; nothing was changed";
            return Err(Error::refused(why, "call again when it is back"));
        }
        let news = self.news.clone();
        let observer = observer();
        let change = tokio::spawn(async move {
            let _permit = permit;
            let report = observed(observer, tailnet.apply(&plan)).await;
            news.announce(&tailnet, &plan, report.as_ref().ok());
            report
        });
        tokio::pin!(change);
        let done = tokio::select! {
            done = &mut change => done,
            () = caller.cancelled.cancelled() => {
                stop.0.stop();
                change.await
            }
            () = self.ending().cancelled() => {
                stop.0.stop();
                change.await
            }
        };
        done.unwrap_or_else(|_| {
            let broken = Error::new(ErrorKind::OutcomeUnknown, "the change was interrupted");
            Err(broken.with_unknown_effect())
        })
    }
}

/// Gets the tool's result or plan, unless the caller cancels first. Reads only.
async fn plan(
    caller: &Caller,
    tool: &'static ToolDef,
    arguments: Value,
    tailnet: &Tailnet,
) -> Result<Asked> {
    let asked = async {
        let mut asked = tool.ask(arguments, tailnet).await?;
        if let Asked::Plan(proposal) = &mut asked {
            catalogue::through_own_door(&caller.offer, tool, &mut proposal.plan)?;
            if proposal.plan.risk() >= Risk::Danger {
                proposal.plan.describe(tailnet).await?;
            }
        }
        Ok(asked)
    };
    tokio::select! {
        asked = asked => asked,
        () = caller.cancelled.cancelled() => {
            Err(Error::refused("the call was cancelled; nothing was changed", "call again"))
        }
    }
}

/// Fails if the plan has changed since it was confirmed: the user may have taken minutes to agree.
async fn still_holds(caller: &Caller, request: &Request<'_>, confirmed: &str) -> Result<()> {
    let arguments = request.arguments.clone();
    request.tailnet.forget_lists();
    let asked = plan(caller, request.tool, arguments, request.tailnet).await?;
    let Asked::Plan(now) = asked else { return Ok(()) };
    if request.digest(Some(&now.plan))? == confirmed {
        return Ok(());
    }
    let plan = written(&now.plan.preview())?;
    let message =
        format!("nothing was changed: the tailnet changed meanwhile, and the plan is now {plan}");
    Err(Error::new(ErrorKind::Stale, message)
        .with_remedy("show it to the user, and call again if they agree"))
}

/// Stops a batch when the call that started it is dropped.
struct StopOnDrop(Actor);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
