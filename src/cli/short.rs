//! `tailsteward call`, and the commands for daily work, each of which calls one tool.

use std::process::ExitCode;

use clap::CommandFactory as _;

use super::{
    Target, alerts::Alerting, arguments, call, options, print, server_options::Offered,
    shown::Shape, tools, with,
};
use crate::{catalogue, client::Result};

/// A tool, and what to call it with.
#[derive(Debug, clap::Args)]
pub(super) struct CallArguments {
    /// The name of the tool
    tool: Option<String>,
    #[command(flatten)]
    how: ShortArguments,
}

impl CallArguments {
    pub(super) async fn run(&self, target: &Target, offered: &Offered) -> Result<ExitCode> {
        let Some(tool) = self.tool.as_deref() else {
            print(&usage("call"));
            return Ok(if self.how.help { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        };
        self.how.run(tool, target, offered).await
    }
}

/// What to call a tool with, and how to print its result.
#[derive(Debug, clap::Args)]
pub(super) struct ShortArguments {
    /// The arguments, as `key=value` words or as one JSON object
    #[arg(value_name = "KEY=VALUE")]
    words: Vec<String>,
    #[command(flatten)]
    shape: Shape,
    /// Show the parameters
    #[arg(short, long)]
    help: bool,
}

impl ShortArguments {
    /// Whether the first word is a number, which stands for a change.
    pub(super) fn is_number(&self) -> bool {
        self.words.first().is_some_and(|it| it.parse::<i64>().is_ok())
    }

    /// Calls the tool called `name` for the command called `command`.
    pub(super) async fn run_as(
        &self,
        command: &str,
        name: &str,
        target: &Target,
        offered: &Offered,
    ) -> Result<ExitCode> {
        if self.help && !self.shape.is_json() {
            print(&format!("{}\n{}", usage(command), tools::parameters(name)?));
            return Ok(ExitCode::SUCCESS);
        }
        self.run(name, target, offered).await
    }

    /// Calls the tool called `name`, and prints its result.
    pub(super) async fn run(
        &self,
        name: &str,
        target: &Target,
        offered: &Offered,
    ) -> Result<ExitCode> {
        // What a tool costs a model is nothing here.
        let offered = offered.with_all_toolsets();
        let offer = offered.offer(&[], target.sandbox)?;
        if self.help {
            print(&tools::page(name, &offer, self.shape.is_json())?);
            return Ok(ExitCode::SUCCESS);
        }
        let tool = catalogue::named(name)?;
        let arguments = arguments::read(tool, &self.words)?;
        let connected = target.connect_all().await?;
        let setup = offered.setup(connected.tailnets.first(), target)?;
        let history = offered.history(target.sandbox)?;
        let tailnets = with(connected.tailnets, history.as_ref());
        let tailnets = Alerting::read(target, true)?.with(tailnets);
        let output = call::run(tool.name, arguments, tailnets, &setup).await?;
        output.print(self.shape)?;
        Ok(if output.has_failures() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// How a command is used, with its options.
fn usage(command: &str) -> String {
    let mut all = options::without_others(super::Arguments::command());
    let found = all.find_subcommand_mut(command);
    found.map(|it| it.render_help().to_string()).unwrap_or_default()
}
