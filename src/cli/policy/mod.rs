//! `tailsteward policy`: works with the policy file from a terminal or a CI pipeline.

use std::{
    io::{IsTerminal as _, Read as _, Write as _},
    path::Path,
    process::ExitCode,
};

use clap::{Subcommand, ValueEnum};

use super::{
    Connected, LogFormat, Target, print,
    server_options::Offered,
    shown::{Shape, failure, verbatim},
};
use crate::{Error, ErrorKind, Tailnet, client::Result};

mod ask;
mod check;
mod deploy;

/// Exit code: the file or the command is wrong, or the change was refused or failed.
const WRONG: u8 = 1;
/// Exit code: the answer is no, or there is a difference.
const NO: u8 = 2;
/// Exit code: the file may have been changed, but this is not known.
const UNKNOWN: u8 = 3;

/// The exit codes, for `--help`.
const EXIT: &str = "Exit codes: 0 success; 1 the file or the command is wrong, or it was refused \
                    or failed; 2 the answer is no (can-reach, who-can-reach), or access changes \
                    (diff --exit-code); 3 it is not known whether the policy file was changed.";

/// Validates, tests, compares and deploys the policy file.
#[derive(Debug, Subcommand)]
#[command(after_help = EXIT)]
pub(super) enum PolicyCommand {
    /// Validate a policy file, locally and then with Tailscale
    #[command(after_help = EXIT)]
    Validate {
        /// The policy file, or `-` for stdin
        file: String,
        /// Validate only locally, which needs no credential
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        format: FormatArgument,
    },
    /// Run the tests of a policy file, locally and then with Tailscale
    #[command(after_help = EXIT)]
    Test {
        /// The policy file, or `-` for stdin
        file: String,
        /// Run the tests only locally
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        format: FormatArgument,
    },
    /// Show who would gain or lose access if a policy file were deployed
    #[command(after_help = EXIT)]
    Diff {
        /// The policy file, or `-` for stdin
        file: String,
        /// Compare with this file instead of the live policy file
        #[arg(long, value_name = "FILE")]
        against: Option<String>,
        /// Exit with 2 if access changes
        #[arg(long)]
        exit_code: bool,
        #[command(flatten)]
        format: FormatArgument,
        /// Same as `--format json`
        #[arg(long, conflicts_with = "format")]
        json: bool,
    },
    /// Deploy a policy file, after all checks and with confirmation
    #[command(after_help = EXIT)]
    Deploy(deploy::Deploy),
    /// Restore a recorded version, checked like a new policy file
    #[command(after_help = EXIT)]
    Rollback(deploy::Rollback),
    /// List the recorded versions of the policy file
    #[command(after_help = EXIT)]
    Versions(Shape),
    /// Print the live policy file, as it is written
    #[command(after_help = EXIT)]
    Get,
    /// List who can reach a destination, by rule
    #[command(name = "who-can-reach", after_help = EXIT)]
    WhoCanReach {
        /// The destination: a device, user, group, tag, host or address
        to: String,
        /// Use this policy file instead of the live one
        #[arg(long)]
        file: Option<String>,
    },
    /// Show whether a source can reach a destination, by which rule, or why not
    #[command(name = "can-reach", after_help = EXIT)]
    CanReach {
        /// The source: a device, user, group, tag, host or address
        from: String,
        /// The destination: a device, user, group, tag, host or address
        to: String,
        /// `443`, `53/udp` or `udp:53`
        port: String,
        /// Use this policy file instead of the live one
        #[arg(long)]
        file: Option<String>,
    },
}

/// How problems are printed.
#[derive(Debug, clap::Args)]
pub(super) struct FormatArgument {
    /// Output format; `github` is the default in GitHub Actions
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[arg(long, env = "GITHUB_ACTIONS", hide = true)]
    github_actions: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Github,
}

impl FormatArgument {
    fn chosen(&self) -> Format {
        let in_actions = self.github_actions.as_deref() == Some("true");
        self.format.unwrap_or(if in_actions { Format::Github } else { Format::Text })
    }
}

impl PolicyCommand {
    /// The file that GitHub annotations are for; `None` if the format is not `github`, empty if there is no
    /// file.
    fn annotated(&self) -> Option<String> {
        let (file, format) = match self {
            Self::Validate { file, format, .. }
            | Self::Test { file, format, .. }
            | Self::Diff { file, format, json: false, .. } => (file.as_str(), format),
            Self::Deploy(deploy) => deploy.annotated(),
            Self::Rollback(rollback) => ("", rollback.format()),
            Self::Diff { .. }
            | Self::Versions(_)
            | Self::Get
            | Self::WhoCanReach { .. }
            | Self::CanReach { .. } => return None,
        };
        (format.chosen() == Format::Github).then(|| file.to_owned())
    }
}

/// Runs a command and returns the exit code. Errors are printed here, too, since the exit code depends on
/// them.
pub(super) async fn run(
    command: PolicyCommand,
    target: &Target,
    offered: &Offered,
    log_format: LogFormat,
) -> ExitCode {
    let annotated = command.annotated();
    match carry_out(command, target, offered).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            if let Some(file) = annotated {
                check::annotate(&file, &error);
            }
            failure::report(&error, log_format);
            ExitCode::from(if error.may_have_had_effect() { UNKNOWN } else { WRONG })
        }
    }
}

async fn carry_out(command: PolicyCommand, target: &Target, offered: &Offered) -> Result<u8> {
    match command {
        PolicyCommand::Validate { file, offline: true, format } => {
            Ok(check::offline(&File::read(&file)?, format.chosen()))
        }
        PolicyCommand::Validate { file, offline: false, format } => {
            let file = File::read(&file)?;
            let connected = target.connect().await?;
            check::validate(&file, &connected.tailnet, format.chosen()).await
        }
        PolicyCommand::Test { file, offline, format } => {
            let file = File::read(&file)?;
            let connected = with_people(target).await?;
            check::test(&file, &connected.tailnet, offline, format.chosen()).await
        }
        PolicyCommand::Diff { file, against, exit_code, format, json } => {
            if file == "-" && against.as_deref() == Some("-") {
                let why = "is `-`, and so is --against: only one of them can be stdin";
                return Err(Error::invalid_input("file", why));
            }
            let file = File::read(&file)?;
            let connected = with_people(target).await?;
            let format = if json { Format::Json } else { format.chosen() };
            if check::refuses(&file, &connected.tailnet, false, format).await? {
                return Ok(WRONG);
            }
            let old = judged_by(against.as_deref(), &connected.tailnet, format).await?;
            let Some(old) = old else { return Ok(WRONG) };
            let json = format == Format::Json;
            let differs = ask::diff(&old, &file.text, &connected.tailnet, json).await?;
            Ok(if differs && exit_code { NO } else { 0 })
        }
        PolicyCommand::Deploy(deploy) => deploy.run(target, offered).await,
        PolicyCommand::Rollback(rollback) => rollback.run(target, offered).await,
        PolicyCommand::Versions(shape) => deploy::versions(shape, target, offered).await,
        PolicyCommand::Get => {
            let connected = target.connect().await?;
            print_file(&connected.tailnet.policy_file().get().await?.text);
            Ok(0)
        }
        PolicyCommand::WhoCanReach { to, file } => {
            let connected = with_people(target).await?;
            match judged_by(file.as_deref(), &connected.tailnet, Format::Text).await? {
                Some(text) => ask::who(&to, &text, &connected.tailnet).await,
                None => Ok(WRONG),
            }
        }
        PolicyCommand::CanReach { from, to, port, file } => {
            let connected = with_people(target).await?;
            match judged_by(file.as_deref(), &connected.tailnet, Format::Text).await? {
                Some(text) => ask::can(&from, &to, &port, &text, &connected.tailnet).await,
                None => Ok(WRONG),
            }
        }
    }
}

/// Prints a policy file: byte for byte into a file or a pipe, and on a terminal without what could move the cursor.
fn print_file(text: &str) {
    if std::io::stdout().is_terminal() {
        return print(&text.lines().map(verbatim).collect::<Vec<_>>().join("\n"));
    }
    // It is not an error if the reader has closed the pipe.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Connects to the tailnet, for commands that need its users and devices.
async fn with_people(target: &Target) -> Result<Connected> {
    target.connect().await.map_err(|error| match error.kind() {
        ErrorKind::NoCredential => {
            error.context("this command needs the users and devices of a tailnet")
        }
        _ => error,
    })
}

/// The policy to evaluate: that of the file, or the live one. `None` if Tailscale would reject the file;
/// its problems are printed then.
async fn judged_by(
    file: Option<&str>,
    tailnet: &Tailnet,
    format: Format,
) -> Result<Option<String>> {
    let Some(name) = file else {
        return tailnet.policy_file().get().await.map(|it| Some(it.text));
    };
    let file = File::read(name)?;
    let wrong = check::refuses(&file, tailnet, false, format).await?;
    Ok((!wrong).then_some(file.text))
}

/// A local policy file.
struct File {
    /// The name given on the command line, for messages.
    name: String,
    text: String,
}

impl File {
    fn read(name: &str) -> Result<Self> {
        let read = if name == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            std::fs::read_to_string(Path::new(name))
        };
        let text = read.map_err(|error| {
            Error::invalid_input("file", format!("`{name}` cannot be read: {error}"))
        })?;
        let name = if name == "-" { "stdin" } else { name };
        Ok(Self { name: name.to_owned(), text })
    }
}
