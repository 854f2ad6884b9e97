//! `tailsteward call`: one tool, through the same guard as an assistant's calls.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::Arc,
    time::Instant,
};

use serde_json::Value;

use super::complain;
use crate::{
    Error, Tailnet,
    change::{Actor, Plan, Risk, store::Audit},
    client::Result,
    mcp::{Principal, Setup},
    tool::{self, Asked, Proposal, ToolDef, resource, written},
};

pub(super) async fn run(
    tool: &str,
    arguments: Value,
    tailnet: &Tailnet,
    setup: &Setup,
) -> Result<String> {
    let tool = setup.offer.allow(tool::named(tool)?)?;
    let started = Instant::now();
    let mut call = Audit::now(&Principal::LOCAL.into(), tool.name, tool.risk);
    let schema = tool.input();
    let about = schema.as_object().and_then(|it| resource(it, &arguments));
    call.resource = about.unwrap_or_default();
    let came = carry_out(tool, arguments, tailnet, setup, &mut call).await;
    call.took = started.elapsed();
    if let Err(error) = &came {
        error.kind().as_str().clone_into(&mut call.outcome);
    }
    setup.store.audit(call).await;
    setup.store.flush().await;
    came
}

async fn carry_out(
    tool: &ToolDef,
    arguments: Value,
    tailnet: &Tailnet,
    setup: &Setup,
    call: &mut Audit,
) -> Result<String> {
    "ok".clone_into(&mut call.outcome);
    let journal: Arc<dyn crate::change::Journal> = setup.store.clone();
    let acting = Actor::new(Principal::LOCAL, Some(journal)).with_tool(tool.name);
    let tailnet = tailnet.acting_as(acting);
    let Proposal { plan, dry_run, .. } = match tool.ask(arguments, &tailnet).await? {
        Asked::Answer(answer) => return Ok(answer),
        Asked::Plan(proposal) => *proposal,
    };
    if dry_run || plan.is_empty() {
        "not_applied".clone_into(&mut call.outcome);
        return written(&plan.preview());
    }
    setup.offer.allow_plan(&plan)?;
    setup.offer.allow_risk(tool.name, plan.risk())?;
    if plan.risk() == Risk::Danger && !setup.yes {
        ask(&plan)?;
    }
    let report = tailnet.apply(&plan).await?;
    "applied".clone_into(&mut call.outcome);
    call.change = report.change;
    written(&report)
}

/// Asks whoever sits at the terminal.
fn ask(plan: &Plan) -> Result<()> {
    let shown = written(&plan.preview())?;
    if !std::io::stdin().is_terminal() {
        return Err(Error::refused(
            format!("nothing was changed: nobody is here to confirm {shown}"),
            "call it in a terminal, or say --yes",
        ));
    }
    complain(&shown);
    let _ = write!(std::io::stderr(), "Do it? [y/N] ");
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    if read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Error::refused("nothing was changed: you said no", "call it again to be asked again"))
}
