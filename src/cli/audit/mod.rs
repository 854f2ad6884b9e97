//! `tailsteward audit`: the compliance audit from a terminal or a CI pipeline.

use std::{io::Write as _, process::ExitCode, sync::Arc};

use clap::ValueEnum;
use jiff::Timestamp;

use super::{Target, complain, print, shown::progress::watched};
use crate::{
    Error,
    checks::{Outcome, Report, Severity, Verdict},
    client::Result,
    history::History,
    tailnet::{compliance::tools::ids, devices::Filter},
};

mod csv;
mod json;
mod text;

/// Exit code: something fails at the level of `--fail-on`, or above.
const FAILS: u8 = 2;
/// Exit code: nothing known fails, but a part could not be looked at.
const UNKNOWN: u8 = 3;

/// The exit codes, for `--help`.
const EXIT: &str = "Exit codes: 0 nothing fails at the level of --fail-on or above, or there is no \
                    --fail-on; 1 the tailnet could not be looked at, or the command is wrong; 2 a \
                    check fails at that level or above; 3 nothing known fails, but a check of that \
                    level or above could not be looked at completely.";

/// The options of `audit`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT)]
pub(super) struct AuditArguments {
    /// Print JSON, with all subjects
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV: a row for each check and subject
    #[arg(long)]
    csv: bool,
    /// Exit with 2 if a check of this severity or above fails
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<Level>,
    /// Only these checks, such as `D1`
    #[arg(long = "check", value_name = "ID", value_delimiter = ',', num_args = 1..)]
    checks: Vec<String>,
    /// Only checks of this severity or above
    #[arg(long, value_enum)]
    severity: Option<Level>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    Critical,
    High,
    Medium,
    Low,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Critical => Self::Critical,
            Level::High => Self::High,
            Level::Medium => Self::Medium,
            Level::Low => Self::Low,
        }
    }
}

impl AuditArguments {
    /// Audits the tailnet, prints the result, and returns the exit code.
    pub(super) async fn run(
        self,
        target: &Target,
        history: Option<Arc<History>>,
    ) -> Result<ExitCode> {
        let wanted = ids(&self.checks)?;
        if let (Some(shown), Some(fails)) = (self.severity, self.fail_on)
            && Severity::from(shown) > Severity::from(fails)
        {
            let problem = "is above --fail-on, so checks that fail would be left out";
            return Err(Error::invalid_input("--severity", problem));
        }
        let connected = target.connect().await?;
        let tailnet = &connected.tailnet;
        let tailnet = history.map_or_else(|| tailnet.clone(), |it| tailnet.with_history(it));
        let now = Timestamp::now();
        let accepted = tailnet.compliance().accepted(now).await.unwrap_or_else(|error| {
            complain(&format!("accepted findings are unknown, and count as failing: {error}"));
            Vec::new()
        });
        let compliance = tailnet.compliance();
        let report = watched(Box::pin(compliance.audit(&Filter::default(), &accepted))).await?;
        let has_history = tailnet.history().is_some_and(|it| it.exists());
        if has_history && let Err(error) = tailnet.compliance().remember(&report, now).await {
            complain(&format!("the score is not kept: {error}"));
        }
        let least = self.severity.map(Severity::from);
        let chosen: Vec<&Outcome> = report
            .outcomes
            .iter()
            .filter(|it| wanted.is_empty() || wanted.contains(&it.check.id))
            .filter(|it| least.is_none_or(|least| it.severity >= least))
            .collect();
        let shown = self.shown(&report, &chosen)?;
        if self.csv {
            // Its lines end with CR and LF, the last one, too.
            let _ = std::io::stdout().lock().write_all(shown.as_bytes());
        } else {
            print(&shown);
        }
        Ok(self.fail_on.map_or(ExitCode::SUCCESS, |level| code(&chosen, level.into())))
    }

    fn shown(&self, report: &Report, chosen: &[&Outcome]) -> Result<String> {
        if self.csv {
            csv::table(chosen)
        } else if self.json {
            json::object(report, chosen)
        } else {
            Ok(text::lines(report, chosen))
        }
    }
}

fn code(chosen: &[&Outcome], level: Severity) -> ExitCode {
    let fails = |it: &&Outcome| it.verdict == Verdict::Fail && it.severity >= level;
    // What was not seen may be as serious as the check can be.
    let hides = |it: &&Outcome| it.unknown.is_some() && it.check.severity >= level;
    if chosen.iter().any(fails) {
        ExitCode::from(FAILS)
    } else if chosen.iter().any(hides) {
        ExitCode::from(UNKNOWN)
    } else {
        ExitCode::SUCCESS
    }
}

/// Why a check is unknown or does not apply.
fn why(outcome: &Outcome) -> Option<&str> {
    let unknown = outcome.unknown.as_ref().map(|it| it.text.as_str());
    unknown.or(outcome.does_not_apply.as_deref())
}
