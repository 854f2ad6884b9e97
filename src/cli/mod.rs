//! The command line. Without a subcommand it runs the MCP server.

use std::{io::Write as _, process::ExitCode, sync::Arc};

use clap::{CommandFactory as _, Parser, Subcommand};
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry,
    filter::{FilterExt as _, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use self::target::{Connected, Target};
use crate::{
    Error, Settings, Tailnet,
    client::Result,
    history::History,
    live,
    mcp::{self, Server},
    tailnet::Tailnets,
    visible::visible,
};

mod alerts;
mod approve;
mod arguments;
mod audit;
mod auth;
mod call;
mod doctor;
mod export;
mod health;
mod identity;
mod manual;
mod options;
mod policy;
#[cfg(unix)]
mod reload;
mod report;
mod sandbox;
mod scopes;
mod serve;
mod server_options;
mod setup;
mod short;
mod shown;
mod table;
mod target;
mod token;
mod tools;
mod traffic;
mod uptime;
mod watch;

/// Run your Tailscale tailnet from an AI assistant, safely.
#[derive(Debug, Parser)]
#[command(name = "tailsteward", version, about)]
struct Arguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    offered: server_options::Offered,
    /// Log filter for stderr, such as `info` or `tailsteward=debug`. By default warnings, and over HTTP
    /// also every tool call
    #[arg(
        long,
        global = true,
        env = "TAILSTEWARD_LOG",
        value_name = "FILTER",
        help_heading = "Log"
    )]
    log: Option<String>,
    /// Format of the log and of errors: `text`, or `json` with one object per line. Errors are also JSON
    /// if stderr is not a terminal
    #[arg(
        long,
        global = true,
        env = "TAILSTEWARD_LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT",
        help_heading = "Log"
    )]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve MCP: over stdin and stdout (the default), or over HTTP
    Serve(Box<serve::Serve>),
    /// Summarize the tailnet: devices, routers, users, and what needs attention
    #[command(disable_help_flag = true)]
    Status(short::ShortArguments),
    /// List devices, filtered with words such as `os=linux online=false`
    #[command(disable_help_flag = true)]
    Devices(short::ShortArguments),
    /// List changes made through this program, or show one: `changes 12`
    #[command(disable_help_flag = true)]
    Changes(short::ShortArguments),
    /// Undo a change: `undo 12`
    #[command(disable_help_flag = true)]
    Undo(short::ShortArguments),
    /// List firing alerts, or test a receiver
    Alerts(alerts::AlertsArguments),
    /// Call a tool and print its result
    #[command(disable_help_flag = true)]
    Call(short::CallArguments),
    /// List the tools, or describe one
    Tools(tools::ToolsArguments),
    /// Check credential, scopes, reachability, tailnet, clock and versions
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the minimum scopes for these tools
    Scopes(scopes::ScopesArguments),
    /// Print or write the configuration of an MCP host
    Setup(setup::SetupArguments),
    /// Approve or refuse a plan that needs a person's approval, or list such plans
    Approve(approve::ApproveArguments),
    /// Audit the tailnet: failed checks, most severe first
    Audit(audit::AuditArguments),
    /// Export devices as CSV or JSON lines
    Export(Box<export::ExportArguments>),
    /// Validate, test, diff and deploy the policy file
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Manage profiles
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    /// Manage tokens for the HTTP server
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Report on the tailnet: as tables, as one HTML page, or as JSON
    Report(report::ReportArguments),
    /// Show traffic by device, from network flow logs
    Traffic(traffic::TrafficArguments),
    /// Show how long devices were connected, and their longest outage, from the history
    Uptime(uptime::UptimeArguments),
    /// Watch the tailnet without a server: poll the API, record changes, and alert
    Watch(watch::WatchArguments),
    /// Serve only the emulated admin API, for other clients
    Sandbox(sandbox::SandboxArguments),
    /// Check a running HTTP server (for container health checks)
    Health(health::HealthArguments),
    /// Print the completions of a shell
    Completions(manual::CompletionsArguments),
    /// Print the manual page, or write those of all commands into a folder
    Man(manual::ManArguments),
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let arguments = match options::parse::<Arguments>() {
        Ok(arguments) => arguments,
        Err(usage) => {
            let _ = usage.print();
            // clap would exit with 2, which means "no" for `policy` commands.
            return if usage.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    // Over stdio, the host owns stderr and may not read it: a line per call could fill the pipe.
    let http = matches!(&arguments.command, Some(Command::Serve(it)) if it.is_http());
    let usual = if http { mcp::LOG } else { mcp::QUIET_LOG };
    let filter = arguments.log.as_deref().unwrap_or(usual);
    let log_format = arguments.log_format;
    if let Err(error) = log(filter, log_format) {
        shown::failure::report(&error, log_format);
        return ExitCode::FAILURE;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(run(arguments));
            // A pending read of stdin must not keep the process alive.
            runtime.shutdown_background();
            done
        }
        Err(error) => Err(Error::config(
            format!("cannot start the async runtime: {error}"),
            "report this as a bug",
        )),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            shown::failure::report(&error, log_format);
            ExitCode::FAILURE
        }
    }
}

fn log(filter: &str, format: LogFormat) -> Result<()> {
    // Reject an invalid filter now: a log that stays empty because of a typo is noticed only when it is
    // needed.
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Error::config(
            format!("`{filter}` is not a valid --log filter: {error}"),
            "use a filter such as `info` or `warn,tailsteward=debug`",
        )
    })?;
    // At level `debug`, rmcp logs arguments and results, including secrets.
    let has_no_secret =
        filter_fn(|it| !it.target().starts_with("rmcp") || *it.level() <= Level::INFO);
    let filter = filter.and(has_no_secret);
    // stdout is reserved for the protocol.
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    match format {
        LogFormat::Text => Registry::default().with(lines.with_filter(filter)).init(),
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            Registry::default().with(lines.with_filter(filter)).init();
        }
    }
    Ok(())
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let (target, offered) = (arguments.target, arguments.offered);
    match arguments.command.unwrap_or_else(|| Command::Serve(Box::default())) {
        Command::Serve(serve) => Box::pin(serving(*serve, target, &offered)).await?,
        Command::Status(short) => {
            return short.run_as("status", "get_network_status", &target, &offered).await;
        }
        Command::Devices(short) => {
            return short.run_as("devices", "list_devices", &target, &offered).await;
        }
        Command::Changes(short) => {
            let tool = if short.is_number() { "get_change" } else { "list_changes" };
            return short.run_as("changes", tool, &target, &offered).await;
        }
        Command::Undo(short) => {
            return short.run_as("undo", "undo_change", &target, &offered).await;
        }
        Command::Alerts(arguments) => return arguments.run(&target, &offered).await,
        Command::Call(arguments) => return arguments.run(&target, &offered).await,
        Command::Tools(arguments) => {
            let named: Vec<&str> = target.profiles.iter().map(String::as_str).collect();
            let named = if target.sandbox { &[] } else { named.as_slice() };
            print(&arguments.text(&offered.offer(&[], target.sandbox)?, named)?);
        }
        Command::Doctor { json } => {
            let offer = offered.offer(&[], target.sandbox)?;
            let (text, healthy) = doctor::examine(&target, &offer, &offered, json).await;
            print(&text);
            return Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Approve(arguments) => arguments.run(&target, &offered).await?,
        Command::Scopes(arguments) => print(&arguments.text(&offered, target.sandbox)?),
        Command::Setup(arguments) => print(&arguments.run(&target, &offered)?),
        Command::Audit(arguments) => {
            return arguments.run(&target, offered.history(target.sandbox)?).await;
        }
        Command::Export(arguments) => {
            let connected = target.connect().await?;
            let setup = offered.setup(&connected.tailnet, &target)?;
            export::run(&arguments, &connected.tailnet, &setup).await?;
        }
        Command::Policy(command) => {
            offered.choice()?;
            return Ok(policy::run(command, &target, &offered, arguments.log_format).await);
        }
        Command::Auth(command) => {
            let probe = async |settings: Settings| {
                let tailnet = Tailnet::new(settings);
                let probe = tailnet.probe().await?;
                Ok(format!("the API accepts it ({} ms)", probe.round_trip.as_millis()))
            };
            print(&auth::run(command, target.config.as_deref(), probe).await?);
        }
        Command::Token(command) => {
            offered.fits_a_token()?;
            print(&token::run(command)?);
        }
        Command::Report(arguments) => {
            arguments.run(&target, offered.history(target.sandbox)?).await?;
        }
        Command::Traffic(arguments) => {
            arguments.run(&target, offered.history(target.sandbox)?).await?;
        }
        Command::Uptime(arguments) => {
            arguments.run(&target, offered.history(target.sandbox)?).await?;
        }
        Command::Watch(watch) => {
            let done = watching(&watch, &target, &offered).await;
            let Err(error) = done else { return done };
            shown::failure::report(&error, arguments.log_format);
            return Ok(watch.failure());
        }
        Command::Sandbox(arguments) => sandbox::serve(arguments, target.sandbox_devices).await?,
        Command::Health(arguments) => arguments.run().await?,
        Command::Completions(arguments) => arguments.print(Arguments::command()),
        Command::Man(arguments) => arguments.write(Arguments::command())?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serving(
    serve: serve::Serve,
    target: Target,
    offered: &server_options::Offered,
) -> Result<()> {
    // Fail on a misspelled tool or toolset before anything is started.
    offered.choice()?;
    let sealing_key = serve.sealing_key()?;
    serve.shares_its_store(offered.names_store() || target.sandbox)?;
    let history = offered.history(target.sandbox)?;
    watch::keeps_a_history(serve.watches(), history.as_ref()).await?;
    let connected = target.connect_all().await?;
    let mut setup = offered.setup(connected.tailnets.first(), &target)?;
    if serve.has_callers() {
        setup.offer = setup.offer.with_caller_tools();
    }
    setup.sealing_key = sealing_key;
    setup.heartbeat = serve.heartbeat()?;
    setup.reports = serve.reports()?;
    let first = connected.tailnets.first().clone();
    // Over HTTP, callers must not be able to start programs here.
    let alerting = alerts::Alerting::read(&target, !serve.is_http())?;
    let tailnets = alerting.with(with(connected.tailnets, history.as_ref()));
    let receivers = alerting.receivers.clone();
    #[cfg(unix)]
    reload::Reload {
        target,
        alerting,
        allow_command: !serve.is_http(),
        guardrails: setup.guardrails.clone(),
    }
    .at_each_signal()?;
    let server = Server::new(tailnets, setup);
    Box::pin(serve.run(server, first, receivers)).await
}

async fn watching(
    watch: &watch::WatchArguments,
    target: &Target,
    offered: &server_options::Offered,
) -> Result<ExitCode> {
    let history = offered.history(target.sandbox)?;
    watch::keeps_a_history(true, history.as_ref()).await?;
    let connected = target.connect_all().await?;
    let alerting = alerts::Alerting::read(target, true)?;
    let tailnets = alerting.with(with(connected.tailnets, history.as_ref()));
    if watch.is_once() {
        return watch.run_once(&tailnets, alerting.receivers).await;
    }
    let receivers = alerting.receivers.clone();
    #[cfg(unix)]
    reload::Reload {
        target: target.clone(),
        alerting,
        allow_command: true,
        guardrails: live::Live::default(),
    }
    .at_each_signal()?;
    watch::run(&tailnets, receivers, watch.reports()?).await?;
    Ok(ExitCode::SUCCESS)
}

/// The tailnets with the history that is kept of them, if one is.
fn with(tailnets: Tailnets, history: Option<&Arc<History>>) -> Tailnets {
    match history {
        Some(history) => tailnets.with_history(history),
        None => tailnets,
    }
}

/// Prints the result of a command. It is not an error if the reader has closed the pipe.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end());
}

fn complain(text: &str) {
    let lines: Vec<_> = text.lines().map(visible).collect();
    write_to_operator(&lines.join("\n"));
}

/// A line after a label, which may be coloured.
fn complain_after(label: &str, line: &str) {
    write_to_operator(&format!("{label} {}", visible(line)));
}

#[expect(
    clippy::print_stderr,
    reason = "stdout carries the protocol; messages to the operator go to stderr"
)]
fn write_to_operator(text: &str) {
    eprintln!("{text}");
}
