//! `tailsteward report`: the report as tables, as a page, or as JSON; and how often a watcher makes one.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use super::{Target, complain, print, shown::progress::watched, table::again};
use crate::{
    Error, ErrorKind, Tailnet,
    client::Result,
    history::History,
    report::Report,
    tailnet::{devices::tools::duration, reports::Schedule},
};

mod tables;

/// How many reports are kept.
const KEPT: u16 = 10;

/// What to report on, and where to.
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// How far back, `1h` to `89d`
    #[arg(long, value_name = "DURATION", default_value = "30d", conflicts_with_all = ["id", "list"])]
    window: String,
    /// Write the report to this file, as a page if its name ends with `.html`, as JSON if with `.json`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long, conflicts_with = "out")]
    json: bool,
    /// Show a report that is kept, by its ID; `last` is the newest one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// List the reports that are kept
    #[arg(long, conflicts_with_all = ["id", "out", "watch"])]
    list: bool,
    /// How many reports made on request are kept; with 0 this one is not kept [default: 10]
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(0..=1000),
        conflicts_with_all = ["id", "list", "watch"]
    )]
    keep: Option<u16>,
    /// Refresh every SECONDS seconds, without keeping it
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "300",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(60..),
        conflicts_with = "id"
    )]
    watch: Option<u64>,
}

/// How often a process that watches makes reports.
#[derive(Debug, Default, Args)]
pub(super) struct Reporting {
    /// Make a report this often while watching, and keep it in the history; see `report --list`
    #[arg(long, value_name = "TIME", env = "TAILSTEWARD_REPORT_EVERY")]
    report_every: Option<Every>,
    /// How many of these reports are kept [default: 10]
    #[arg(long, value_name = "N", requires = "report_every", value_parser = clap::value_parser!(u16).range(1..=1000))]
    report_keep: Option<u16>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Every {
    Day,
    Week,
    Month,
}

impl Reporting {
    pub(super) fn schedule(&self) -> Result<Option<Schedule>> {
        let Some(every) = self.report_every else { return Ok(None) };
        let days = match every {
            Every::Day => 1,
            Every::Week => 7,
            Every::Month => 30,
        };
        let keep = usize::from(self.report_keep.unwrap_or(KEPT));
        Schedule::new(SignedDuration::from_hours(24 * days), keep).map(Some)
    }
}

/// The format of a file.
#[derive(Clone, Copy)]
enum Form {
    Html,
    Json,
}

impl ReportArguments {
    /// Makes the report, or finds it; with `--watch`, again and again, until the process is stopped.
    pub(super) async fn run(&self, target: &Target, history: Option<Arc<History>>) -> Result<()> {
        // Before anything is asked for.
        let form = self.out.as_deref().map(form).transpose()?;
        let window = duration("--window", &self.window)?;
        let connected = target.connect().await?;
        let tailnet = connected.with_history(history);
        if self.list {
            return self.list(&tailnet).await;
        }
        let usual = if self.watch.is_some() { 0 } else { KEPT };
        let keep = usize::from(self.keep.unwrap_or(usual));
        again(self.watch, async |is_terminal| {
            let reports = tailnet.reports().keep_newest(keep);
            let report = match &self.id {
                Some(id) => reports.read(id).await?,
                None => watched(reports.make(window)).await?,
            };
            self.shown(&report, form, is_terminal)
        })
        .await
    }

    /// The text to print; none if the report was written to a file.
    fn shown(
        &self,
        report: &Report,
        form: Option<Form>,
        is_terminal: bool,
    ) -> Result<Option<String>> {
        if let (Some(form), Some(path)) = (form, self.out.as_deref()) {
            let text = match form {
                Form::Html => report.to_html(),
                Form::Json => json(report)?,
            };
            write(path, &text)?;
            let (at, bytes) = (path.display(), text.len());
            complain(&format!("wrote report {} to {at} ({bytes} bytes)", report.id()));
            return Ok(None);
        }
        if self.json { json(report) } else { Ok(tables::text(report, is_terminal)) }.map(Some)
    }

    async fn list(&self, tailnet: &Tailnet) -> Result<()> {
        if tailnet.history().is_none() {
            return Err(History::not_kept("reports are not kept"));
        }
        let kept = tailnet.reports().kept().await?;
        let time = |at| Timestamp::from_second(at).unwrap_or_default();
        if self.json {
            let row = |it: &crate::history::KeptReport| {
                let at = time(it.at).to_string();
                serde_json::json!({ "id": it.id, "at": at, "scheduled": it.is_scheduled })
            };
            let rows: Vec<_> = kept.iter().map(row).collect();
            let text = serde_json::to_string_pretty(&rows);
            print(&text.map_err(|error| Error::invalid_input("json", error.to_string()))?);
            return Ok(());
        }
        if kept.is_empty() {
            print("no report is kept");
        }
        for it in kept {
            let how = if it.is_scheduled { "scheduled" } else { "on request" };
            print(&format!("{}  {}  {how}", it.id, time(it.at)));
        }
        Ok(())
    }
}

fn json(report: &Report) -> Result<String> {
    let text = serde_json::to_string_pretty(report);
    text.map_err(|error| Error::invalid_input("json", error.to_string()))
}

fn form(path: &Path) -> Result<Form> {
    match path.extension().and_then(|it| it.to_str()) {
        Some("html" | "htm") => Ok(Form::Html),
        Some("json") => Ok(Form::Json),
        _ => Err(Error::invalid_input("--out", "must end with `.html` or `.json`")),
    }
}

/// Writes a file beside, and puts it in place, so that no reader sees half of it.
fn write(path: &Path, text: &str) -> Result<()> {
    let mut beside = path.to_owned();
    beside.as_mut_os_string().push(".new");
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let problem = format!("cannot write {}: {error}", path.display());
        Error::new(ErrorKind::Config, problem)
            .with_remedy("name a file in a folder that you may write to with --out")
    })
}
