//! `tailsteward approve`: a person approves or refuses a plan, outside of the conversation in which it was made.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
    sync::Arc,
};

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Target, call::read_line, complain, print, server_options::Offered};
use crate::{
    Error, ErrorKind,
    change::{Approval, ApprovalState},
    client::Result,
    guard::{Approvals, Approver, Identified},
    visible::visible,
    words::to_the_second,
};

/// Approves a plan, or lists the plans.
#[derive(Debug, Args)]
pub(super) struct ApproveArguments {
    /// The ID of the plan; without it, list the plans of the last seven days
    plan: Option<String>,
    /// Print a one-time code for the page of the server on which the plan is approved
    #[arg(long, requires = "plan")]
    code: bool,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["plan", "code"])]
    json: bool,
}

impl ApproveArguments {
    pub(super) async fn run(&self, target: &Target, offered: &Offered) -> Result<()> {
        let store = Arc::new(offered.lasting_store(target.sandbox)?);
        let options = offered.approve_options(target)?;
        let approvals = Approvals::new(store, Offered::guardrails(target)?).with_options(&options);
        let Some(id) = &self.plan else {
            let plans = approvals.list().await?;
            print(&if self.json { json(&plans)? } else { lines(&plans) });
            return Ok(());
        };
        let approver = approver(offered)?;
        let plan = approvals.get(id).await.map_err(|error| {
            if error.kind() != ErrorKind::NotFound {
                return error;
            }
            let searched = offered.place(target.sandbox).map(|place| place.to_string());
            error.with_remedy(format!(
                "this store was searched: {}; if the server has another one, name it with --store",
                searched.unwrap_or_default()
            ))
        })?;
        approvals.may_decide(&plan, &approver)?;
        if self.code {
            return code(&approvals, &plan, &approver).await;
        }
        let decided = ask(&approvals, &plan, &approver).await;
        approvals.flush().await;
        decided
    }
}

/// The user of the operating system. The name is not taken from an option: it stands for who approved.
fn approver(offered: &Offered) -> Result<Approver> {
    if offered.names_local() {
        return Err(Error::config(
            "`approve` records the user of the operating system, and takes no other name",
            "leave out --as, and unset TAILSTEWARD_AS",
        ));
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Error::refused(
            "nothing was decided: a plan is approved by a person in a terminal",
            "run `tailsteward approve` in a terminal",
        ));
    }
    let name = whoami::username().ok().filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| {
        Error::config(
            "the operating system has no name for this user, so nobody would know who approved",
            "run it as a user with a name",
        )
    })?;
    Ok(Approver::new(name, Identified::InTerminal))
}

async fn ask(approvals: &Approvals, plan: &Approval, approver: &Approver) -> Result<()> {
    complain(&shown(plan));
    let id = &plan.plan_id;
    let _ = write!(std::io::stderr(), "Approve this plan? [yes/no, Enter to leave it waiting] ");
    let yes = match read_line().await?.trim() {
        "y" | "Y" | "yes" => true,
        "n" | "N" | "no" => false,
        _ => {
            print(&format!("plan {id} is still waiting"));
            return Ok(());
        }
    };
    approvals.decide(id, approver, yes).await?;
    print(&if yes {
        format!(
            "plan {id} is approved; it is applied when {} calls again",
            visible(&plan.principal)
        )
    } else {
        format!("plan {id} is refused")
    });
    Ok(())
}

async fn code(approvals: &Approvals, plan: &Approval, approver: &Approver) -> Result<()> {
    let code = approvals.new_code(&plan.plan_id, approver).await?;
    complain("Type this code on the page of the plan. It is valid once, for ten minutes.");
    print(&grouped(&code));
    Ok(())
}

/// The code in two halves, which are easier to type.
fn grouped(code: &SecretString) -> String {
    let code = code.expose_secret();
    match code.split_at_checked(code.len() / 2) {
        Some((first, second)) => format!("{first}-{second}"),
        None => code.to_owned(),
    }
}

/// The complete question, with who asks.
fn shown(plan: &Approval) -> String {
    let Approval { plan_id, principal, tool, question, .. } = plan;
    let (at, until) = (to_the_second(plan.at), to_the_second(plan.until));
    format!(
        "Plan {plan_id} of {}, made with {tool} at {at}, expires at {until}:\n\n{question}\n",
        visible(principal)
    )
}

fn lines(plans: &[Approval]) -> String {
    if plans.is_empty() {
        return "no plan needed approval in the last seven days".to_owned();
    }
    let mut text = String::new();
    for plan in plans {
        let by = plan.decided_by.as_deref().map(|by| format!(" by {}", visible(by)));
        let is_open = matches!(plan.state, ApprovalState::Waiting | ApprovalState::Approved);
        let until =
            if is_open { format!(", until {}", to_the_second(plan.until)) } else { String::new() };
        let _ = writeln!(
            text,
            "{} {}{} {} {} for {}, {}{until}",
            plan.plan_id,
            plan.state.as_str(),
            by.unwrap_or_default(),
            plan.tool,
            visible(&plan.resource),
            visible(&plan.principal),
            to_the_second(plan.at)
        );
    }
    text
}

fn json(plans: &[Approval]) -> Result<String> {
    crate::tool::written(&plans)
}
