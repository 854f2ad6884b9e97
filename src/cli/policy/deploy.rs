//! The `policy` commands that change the live file, with the same tools as an assistant.

use serde_json::{Value, json};

use super::{File, Format, FormatArgument, WRONG, check};
use crate::{
    cli::{
        Target,
        call::{self, Output},
        print,
        server_options::Offered,
        shown::Shape,
    },
    client::Result,
};

/// Deploys a policy file.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Deploy {
    /// The policy file, or `-` for stdin
    file: String,
    /// The version that the file is based on; without it, the file replaces whatever is live now
    #[arg(long)]
    etag: Option<String>,
    #[command(flatten)]
    how: How,
}

/// Restores a recorded version.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Rollback {
    /// Restore the version after the change with this number
    #[arg(required_unless_present = "at", conflicts_with = "at")]
    version: Option<i64>,
    /// Restore the version before that change
    #[arg(long, requires = "version")]
    before: bool,
    /// Restore the version that was live at this time, such as `2026-01-31T12:00:00Z`
    #[arg(long)]
    at: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct How {
    /// Run all checks, but do not deploy
    #[arg(long)]
    dry_run: bool,
    /// Allow a policy that locks out admins, all devices or this one
    #[arg(long)]
    allow_lockout: bool,
    /// Allow a policy without acls and grants, which allows all traffic
    #[arg(long)]
    allow_all: bool,
    #[command(flatten)]
    format: FormatArgument,
}

impl Deploy {
    /// The file to check, and the output format.
    pub(super) fn annotated(&self) -> (&str, &FormatArgument) {
        (&self.file, &self.how.format)
    }

    pub(super) async fn run(self, target: &Target, offered: &Offered) -> Result<u8> {
        let file = File::read(&self.file)?;
        let connected = target.connect().await?;
        // Checked here first, because the tool's error has no line numbers.
        if check::refuses(&file, &connected.tailnet, true, self.how.format.chosen()).await? {
            return Ok(WRONG);
        }
        let etag = match self.etag {
            Some(etag) => etag,
            None => connected.tailnet.policy_file().get().await?.etag,
        };
        let mut arguments = self.how.arguments();
        arguments.insert("text".to_owned(), file.text.into());
        arguments.insert("etag".to_owned(), etag.into());
        let setup = offered.setup(&connected.tailnet, target)?;
        let tailnet = &connected.tailnet;
        let report = call::run("update_acl_policy", arguments.into(), tailnet, &setup).await?;
        show(&report, self.how.format.chosen())
    }
}

impl Rollback {
    pub(super) fn format(&self) -> &FormatArgument {
        &self.how.format
    }

    pub(super) async fn run(self, target: &Target, offered: &Offered) -> Result<u8> {
        let connected = target.connect().await?;
        let mut arguments = self.how.arguments();
        if let Some(version) = self.version {
            arguments.insert("version".to_owned(), version.into());
        }
        if self.before {
            arguments.insert("before".to_owned(), true.into());
        }
        if let Some(at) = self.at {
            arguments.insert("at".to_owned(), at.into());
        }
        let setup = offered.setup(&connected.tailnet, target)?;
        let tailnet = &connected.tailnet;
        let report = call::run("rollback_acl_policy", arguments.into(), tailnet, &setup).await?;
        show(&report, self.how.format.chosen())
    }
}

/// Prints the recorded versions of the policy file.
pub(super) async fn versions(shape: Shape, target: &Target, offered: &Offered) -> Result<u8> {
    let connected = target.connect().await?;
    let setup = offered.setup(&connected.tailnet, target)?;
    let tailnet = &connected.tailnet;
    call::run("list_policy_versions", json!({}), tailnet, &setup).await?.print(shape)?;
    Ok(0)
}

impl How {
    fn arguments(&self) -> serde_json::Map<String, Value> {
        let switches = [
            ("dry_run", self.dry_run),
            ("allow_lockout", self.allow_lockout),
            ("allow_all", self.allow_all),
        ];
        let on = switches.into_iter().filter(|(_, on)| *on);
        on.map(|(name, on)| (name.to_owned(), Value::Bool(on))).collect()
    }
}

/// Prints a report: notes, warnings, and whether the change was applied. Returns the exit code.
fn show(output: &Output, format: Format) -> Result<u8> {
    let report = match output {
        Output::Report { report, .. } if format != Format::Json => report,
        output => {
            print(&output.json()?);
            return Ok(0);
        }
    };
    for note in &report.notes {
        print(note);
    }
    for warning in &report.warnings {
        print(&format!("warning: {warning}"));
    }
    print(&match report.change {
        Some(change) if report.applied => format!("deployed, recorded as change {change}"),
        _ if report.applied => "deployed".to_owned(),
        _ if report.unchanged => "no change: the live policy file already has this text".to_owned(),
        _ => "dry run: nothing was changed".to_owned(),
    });
    Ok(0)
}
