//! `tailsteward token`: manages the tokens for access over HTTP.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use jiff::{Span, Timestamp, tz::TimeZone};
use secrecy::ExposeSecret as _;

use crate::{
    catalogue::{self, Selectors, ToolSelection},
    client::Result,
    config::files,
    guardrails::{ToolLimit, Window},
    server::{Grant, NewToken, TokenFile},
    words::to_the_second,
};

/// The environment variable with the path of the token file.
pub(super) const VARIABLE: &str = "TAILSTEWARD_TOKENS";

/// Manages the tokens for the server over HTTP.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token and print it once; only its hash is stored
    Add(AddArgs),
    /// List the tokens and their limits
    List {
        #[command(flatten)]
        file: FileArgs,
    },
    /// Remove a token; a running server refuses it immediately
    Remove {
        /// The name of the token
        name: String,
        #[command(flatten)]
        file: FileArgs,
    },
}

/// The token file.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The token file
    #[arg(long, env = VARIABLE, value_name = "PATH")]
    tokens: Option<PathBuf>,
}

/// Arguments of `token add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name of the token, as shown in journal and log
    name: String,
    /// Allow only read-only tools
    #[arg(long)]
    read_only: bool,
    /// Offer only these toolsets
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    toolsets: Option<Vec<String>>,
    /// Allow only `/metrics` and the details of readiness
    #[arg(long, conflicts_with_all = ["read_only", "toolsets"])]
    metrics: bool,
    /// Allow only `/metrics/tailnet`, which lists devices, users and keys; or both with --metrics
    #[arg(long, conflicts_with_all = ["read_only", "toolsets"])]
    tailnet_metrics: bool,
    /// When the token may be used, such as `mon-fri 08:00-18:00 Europe/Berlin`; may be repeated
    #[arg(long, value_name = "WINDOW")]
    hours: Vec<Window>,
    /// How often a tool may be used, such as `revoke_device=5/hour`; may be repeated
    #[arg(long = "limit", value_name = "TOOL=N/hour", value_parser = limit, conflicts_with_all = ["metrics", "tailnet_metrics"])]
    limits: Vec<(String, ToolLimit)>,
    /// How long the token is valid, such as `30d`, or when it expires; without this, it does not expire
    #[arg(long, value_name = "DURATION", value_parser = expiry)]
    expires: Option<Timestamp>,
    #[command(flatten)]
    file: FileArgs,
}

/// The path of the token file.
pub(super) fn path(named: Option<&Path>) -> Result<PathBuf> {
    named.map_or_else(|| files::default_path("tokens.toml"), |it| Ok(it.to_owned()))
}

/// Runs a command. Returns what to print.
pub(crate) fn run(command: TokenCommand) -> Result<String> {
    match command {
        TokenCommand::Add(it) => add(it),
        TokenCommand::List { file } => {
            let path = path(file.tokens.as_deref())?;
            Ok(list(&TokenFile::load(&path)?, &path))
        }
        TokenCommand::Remove { name, file } => {
            TokenFile::load(&path(file.tokens.as_deref())?)?.remove(&name)?;
            Ok(format!("token `{name}` is removed"))
        }
    }
}

fn add(it: AddArgs) -> Result<String> {
    if let Some(toolsets) = &it.toolsets {
        // Reject a misspelled toolset now: the user of the token could not fix it.
        ToolSelection::read(&Selectors { toolsets: toolsets.clone(), ..Selectors::default() })?;
    }
    let mut file = TokenFile::load(&path(it.file.tokens.as_deref())?)?;
    let new = NewToken {
        read_only: it.read_only,
        toolsets: it.toolsets,
        metrics: it.metrics,
        tailnet_metrics: it.tailnet_metrics,
        expires: it.expires,
        hours: it.hours,
        limits: it.limits.into_iter().collect(),
    };
    Ok(file.add(&it.name, &new)?.expose_secret().to_owned())
}

fn list(file: &TokenFile, path: &Path) -> String {
    let mut text = String::new();
    for (name, grant) in file.grants() {
        let _ = writeln!(text, "{name}: {}", describe(grant));
    }
    if text.is_empty() {
        text = format!("no tokens in {}", path.display());
    }
    text
}

fn describe(grant: &Grant) -> String {
    let allowed = match (grant.metrics, grant.tailnet_metrics) {
        (true, true) => "metrics of the server and of the tailnet only",
        (true, false) => "metrics only",
        (false, true) => "metrics of the tailnet only",
        (false, false) if grant.read_only => "read-only tools",
        (false, false) => "all tools of the server",
    };
    let mut words = vec![allowed.to_owned()];
    words.extend(grant.toolsets.as_ref().map(|it| format!("toolsets {}", it.join(", "))));
    words.extend(
        grant
            .expires
            .map(|it| (if grant.is_expired() { "EXPIRED" } else { "until" }, to_the_second(it)))
            .map(|(word, at)| format!("{word} {at}")),
    );
    words.extend(grant.hours.iter().map(|hours| format!("hours {hours}")));
    words.extend(grant.limits.iter().map(|(tool, limit)| format!("{tool} {limit}")));
    words.join("; ")
}

/// How often a tool may be used.
fn limit(text: &str) -> Result<(String, ToolLimit), String> {
    let (tool, limit) = text.split_once('=').ok_or("must be such as `revoke_device=5/hour`")?;
    let tool = catalogue::named(tool.trim()).map_err(|error| error.to_string())?;
    Ok((tool.name.to_owned(), limit.parse()?))
}

/// The time `duration` from now, or a time.
fn expiry(text: &str) -> Result<Timestamp, String> {
    let now = Timestamp::now();
    if let Some(then) = text.parse().ok().filter(|then: &Timestamp| *then > now) {
        return Ok(then);
    }
    let span: Option<Span> = text.parse().ok();
    // Calendar units such as days need a time zone.
    let then = span.and_then(|it| now.to_zoned(TimeZone::UTC).checked_add(it).ok());
    then.map(|it| it.timestamp()).filter(|it| *it > now).ok_or_else(|| {
        "must be a duration, such as `12h` or `30d`, or a time to come, such as \
                        `2027-03-31T18:00:00Z`"
            .to_owned()
    })
}
