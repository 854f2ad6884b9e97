//! `tailsteward call`: calls one tool, with the same checks as a call by an assistant.

use std::{
    convert::Infallible,
    io::{IsTerminal as _, Write as _},
    sync::Arc,
};

use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    complain,
    shown::{Shape, progress::Bar},
};
use crate::{
    Error, catalogue,
    change::{Confirmation, Report},
    client::Result,
    guard::{
        Caller, Confirm, ConfirmMode, Decision, Done, Guard, Pending, Sought, how, question, seek,
    },
    mcp::Setup,
    tailnet::Tailnets,
    tool::written,
};

/// The result of a call from the command line.
pub(super) enum Output {
    /// The result of a read-only tool, as compact JSON.
    Answer(String),
    /// The result of a change: what was changed, or would be.
    Report {
        /// What was done to what.
        report: Box<Report>,
        /// The command that takes it back, if that can be done.
        undo: Option<String>,
    },
}

impl Output {
    /// Whether not all was done.
    pub(super) fn has_failures(&self) -> bool {
        matches!(self, Self::Report { report, .. } if report.has_failures())
    }

    /// The result as compact JSON.
    pub(super) fn json(&self) -> Result<String> {
        match self {
            Self::Answer(text) => Ok(text.clone()),
            Self::Report { report, .. } => written(&**report),
        }
    }

    /// Prints the result.
    pub(super) fn print(&self, shape: Shape) -> Result<()> {
        match self {
            Self::Answer(text) => shape.print_answer(text),
            Self::Report { report, undo } => shape.print_report(report, undo.as_deref())?,
        }
        Ok(())
    }
}

/// Calls a tool as the local user. Ctrl-C cancels the call; a batch stops after the current resource.
pub(super) async fn run(
    tool: &str,
    arguments: Value,
    tailnets: impl Into<Tailnets>,
    setup: &Setup,
) -> Result<Output> {
    let guard = setup.guard(tailnets);
    let cancelled = CancellationToken::new();
    let interrupt = tokio::spawn(cancel_on_ctrl_c(cancelled.clone()));
    let bar = Arc::new(Bar::default());
    let caller = Caller {
        principal: guard.local().clone(),
        offer: guard.offer().clone().on_command_line(),
        progress: Some(bar.reporter()),
        cancelled,
    };
    let terminal =
        Terminal { guard: &guard, is_recorded: !guard.store().is_in_memory(), bar: &bar };
    let done = call(&guard, &caller, tool, arguments, &terminal).await;
    bar.clear();
    interrupt.abort();
    guard.store().flush().await;
    done
}

async fn call(
    guard: &Guard,
    caller: &Caller,
    tool: &str,
    arguments: Value,
    terminal: &Terminal<'_>,
) -> Result<Output> {
    match guard.call(caller, tool, arguments, terminal).await? {
        Done::Answer(text) => Ok(Output::Answer(text)),
        Done::Report(report) => {
            let undo = terminal.is_recorded
                && report.applied
                && !report.cannot_be_undone
                && catalogue::undo(tool).is_none_or(|it| !it.starts_with("no"));
            let access = guard.offer().access();
            let command = |change| format!("tailsteward undo {change} --access {access}");
            let undo = report.change.filter(|_| undo).map(command);
            Ok(Output::Report { report, undo })
        }
        Done::Later(never) => match never {},
    }
}

/// Cancels the call on the first Ctrl-C, and exits on the second.
async fn cancel_on_ctrl_c(cancelled: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    cancelled.cancel();
    complain("stopping after the current resource; press Ctrl-C again to exit now");
    let _ = tokio::signal::ctrl_c().await;
    #[expect(clippy::exit, reason = "a person who asks twice does not want to wait")]
    std::process::exit(130);
}

/// Asks for confirmation on the terminal.
struct Terminal<'a> {
    guard: &'a Guard,
    /// Whether the journal outlasts this process.
    is_recorded: bool,
    bar: &'a Bar,
}

impl Confirm for Terminal<'_> {
    type Later = Infallible;

    async fn confirm(
        &self,
        caller: &Caller,
        pending: &Pending<'_>,
    ) -> Result<Decision<Self::Later>> {
        self.bar.clear();
        let undo = self.is_recorded.then_some("`tailsteward undo`");
        let is_asked = std::io::stdin().is_terminal() && !pending.outside;
        if !is_asked && pending.mode != ConfirmMode::Auto {
            return approved(self.guard, caller, pending, undo).await;
        }
        if !is_asked {
            let shown = written(&pending.plan.preview())?;
            return Err(Error::refused(
                format!("nothing was changed: this plan must be confirmed in a terminal: {shown}"),
                "run it in a terminal, or pass --yes",
            ));
        }
        complain(&question(pending, undo));
        let _ = write!(std::io::stderr(), "Apply this change? [y/N] ");
        let agreed = tokio::select! {
            line = read_line() => matches!(line?.trim(), "y" | "Y" | "yes"),
            () = caller.cancelled.cancelled() => false,
        };
        if agreed {
            // The answer may have taken minutes.
            return Ok(Decision::YesButReplan(Confirmation::Person));
        }
        Err(Error::refused("nothing was changed: you declined", "run it again to be asked again"))
    }
}

/// Applies the plan if another person has approved it; otherwise it waits for that.
async fn approved(
    guard: &Guard,
    caller: &Caller,
    pending: &Pending<'_>,
    undo: Option<&str>,
) -> Result<Decision<Infallible>> {
    if guard.store().is_in_memory() {
        return Err(Error::refused(
            "nothing was changed: this plan must be approved by a person, and with the store in memory nobody \
             can",
            "name a file or a Postgres database with --store",
        ));
    }
    match seek(guard, caller, pending, undo).await? {
        Sought::Yes(confirmed) => Ok(Decision::Yes(confirmed)),
        Sought::Waits(plan, why) => {
            let why = why.map(|why| format!("{why}; ")).unwrap_or_default();
            Err(Error::refused(
                format!("nothing was changed yet: {why}{}", how(guard, pending, &plan, None)),
                "run the same command again once it is approved",
            ))
        }
    }
}

/// Reads a line of stdin. The thread that waits for it does not keep the program from ending.
pub(super) async fn read_line() -> Result<String> {
    let (sender, line) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        let _ = sender.send(read.map(|_| line));
    });
    let closed = || Error::refused("nothing was changed: stdin cannot be read", "run it again");
    line.await.ok().and_then(std::result::Result::ok).ok_or_else(closed)
}
