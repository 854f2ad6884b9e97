//! `tailsteward watch`: watches tailnets without serving them, or looks once.

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{complain, print, report::Reporting, serve::stop_signal, shown::progress::watched};
use crate::{
    Error, ErrorKind, Tailnet,
    alerts::{Receivers, Severity},
    client::Result,
    config,
    guard::nonce,
    history::{History, Looked, Poller, Source},
    jobs::{self, Duties, Heartbeat},
    live::Live,
    tailnet::{
        Tailnets,
        alerts::{Active, Deliverer, Judge},
        reports::Schedule,
    },
    visible::visible,
    words::{counted, to_the_second},
};

/// How to watch.
#[derive(Debug, Args)]
pub(super) struct WatchArguments {
    #[command(flatten)]
    reports: Reporting,
    /// Poll once, evaluate the alert rules, notify receivers, and exit: 0 if nothing fires, 1 if the devices could not be
    /// polled, 2 if an alert fires, 3 if no known alert fires but something could not be read or delivered
    #[arg(long, conflicts_with = "report_every")]
    once: bool,
    /// Print JSON
    #[arg(long, requires = "once")]
    json: bool,
    /// Only alerts of this severity or above count
    #[arg(long, requires = "once", value_name = "SEVERITY", default_value = "info")]
    at_least: Least,
    /// Exit codes of another system: `nagios` has 1 for warnings, 2 for critical alerts and 3 for unknown
    #[arg(long, requires = "once", value_name = "SYSTEM")]
    exit: Option<Exit>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Least {
    Info,
    Warning,
    Critical,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Exit {
    Nagios,
}

/// What one look at a tailnet found.
#[derive(Debug, Serialize)]
struct Once {
    tailnet: String,
    /// Whether the devices could be polled.
    polled: bool,
    alerts: Vec<Line>,
    /// What could not be looked at, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    id: String,
    severity: Severity,
    rule: String,
    subject: String,
    summary: String,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledged_by: Option<String>,
    muted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    explained_by: Option<String>,
}

impl WatchArguments {
    /// How often reports are made.
    pub(super) fn reports(&self) -> Result<Option<Schedule>> {
        self.reports.schedule()
    }

    pub(super) fn is_once(&self) -> bool {
        self.once
    }

    /// The exit code if the command fails.
    pub(super) fn failure(&self) -> ExitCode {
        if self.exit.is_some() { ExitCode::from(3) } else { ExitCode::FAILURE }
    }

    /// Looks once at each tailnet.
    pub(super) async fn run_once(
        &self,
        tailnets: &Tailnets,
        receivers: Live<Receivers>,
    ) -> Result<ExitCode> {
        let least = match self.at_least {
            Least::Info => Severity::Info,
            Least::Warning => Severity::Warning,
            Least::Critical => Severity::Critical,
        };
        let mut all = Vec::new();
        for tailnet in tailnets.all() {
            let mut once = watched(look_once(tailnet, &receivers)).await?;
            once.alerts.retain(|it| it.severity >= least);
            all.push(once);
        }
        if self.json {
            let text = serde_json::to_string_pretty(&all);
            print(&text.map_err(|error| Error::invalid_input("json", error.to_string()))?);
        } else {
            for it in &all {
                print(&text_of(it, self.exit));
            }
        }
        Ok(ExitCode::from(code(&all, self.exit)))
    }
}

/// Polls all sources of a tailnet, unless somebody watches it already, and says what fires.
async fn look_once(tailnet: &Tailnet, receivers: &Live<Receivers>) -> Result<Once> {
    let Some(history) = tailnet.history() else {
        return Err(Error::new(ErrorKind::History, "no history is kept"));
    };
    let (mut is_seen, mut unknown) = (true, Vec::new());
    if let Some(mut poller) = tailnet.watch(&nonce()?).await? {
        let lease = poller.lease().clone();
        let done = poll(tailnet, &mut poller, receivers, &mut unknown).await;
        // Also after a failure, so that the next one need not wait until the lease ends.
        let released = history.release(&lease).await;
        is_seen = done?;
        released?;
    } else {
        complain(&format!("another process watches {}; this is what it found", tailnet.title()));
    }
    let (rules, broken) = tailnet.alerts().rules().await?;
    unknown.extend(tailnet.alerts().unknown_traffic(&rules, Timestamp::now()).await?);
    unknown.extend(broken.into_iter().map(|it| format!("rule `{}`: {}", it.name, it.why)));
    let active = tailnet.alerts().active(false, Timestamp::now()).await?;
    Ok(Once {
        tailnet: tailnet.title(),
        polled: is_seen,
        alerts: active.into_iter().map(Line::of).collect(),
        unknown,
    })
}

/// Polls all sources, judges and delivers. False if the devices could not be polled.
async fn poll(
    tailnet: &Tailnet,
    poller: &mut Poller,
    receivers: &Live<Receivers>,
    unknown: &mut Vec<String>,
) -> Result<bool> {
    poller.recall().await?;
    // A second poll in the same second would have the same time.
    if poller.looked_at() == Some(Timestamp::now().as_second()) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let now = Timestamp::now().as_second();
    let mut is_seen = true;
    for source in Source::all().into_iter().chain([Source::flow_logs()]) {
        if let Looked::Not(why) = poller.look(&source, now).await? {
            unknown.push(format!("{}: {why}", source.name));
            if source.name == "devices" {
                is_seen = false;
                unknown.push("everything else: not asked for, because of that".to_owned());
                break;
            }
        }
    }
    let _ = Judge::default().judge(tailnet.alerts(), poller, now).await?;
    let mut deliverer = Deliverer::new(receivers.clone());
    let lease = poller.lease().clone();
    let mut failed = 0;
    while let Some(round) = deliverer.deliver(tailnet.alerts(), &lease, now).await? {
        failed += round.again + round.given_up;
        if round.delivered == 0 {
            break;
        }
    }
    if failed > 0 {
        let notices = counted(failed, "notice", "notices");
        unknown.push(format!("{notices} could not be delivered"));
    }
    poller.tidy(now).await?;
    Ok(is_seen)
}

impl Line {
    fn of(it: Active) -> Self {
        let since = Timestamp::from_second(it.episode.since).unwrap_or_default();
        Self {
            id: it.episode.id,
            severity: it.episode.severity,
            rule: it.episode.rule,
            subject: it.episode.subject.name,
            summary: it.episode.summary,
            since: to_the_second(since),
            acknowledged_by: it.acknowledged.map(|ack| ack.by),
            muted: it.muted.is_some(),
            explained_by: it.episode.explained_by,
        }
    }

    /// Whether it still needs somebody.
    fn is_open(&self) -> bool {
        self.acknowledged_by.is_none() && !self.muted && self.explained_by.is_none()
    }

    fn text(&self) -> String {
        let about = visible(&self.subject);
        let note = match (&self.acknowledged_by, self.muted) {
            (Some(by), _) => format!(" (acknowledged by {})", visible(by)),
            (None, true) => " (muted)".to_owned(),
            (None, false) if self.explained_by.is_some() => {
                " (explained by another one)".to_owned()
            }
            (None, false) => String::new(),
        };
        let (severity, rule) = (self.severity.as_str(), &self.rule);
        format!(
            "{severity} {rule}: {about}: {}, since {}{note}",
            visible(&self.summary),
            self.since
        )
    }
}

fn text_of(once: &Once, exit: Option<Exit>) -> String {
    let mut lines: Vec<String> = once.alerts.iter().map(Line::text).collect();
    lines.extend(once.unknown.iter().map(|it| format!("unknown: {}", visible(it))));
    let open = once.alerts.iter().filter(|it| it.is_open()).count();
    let mut count = counted(open, "alert fires", "alerts fire");
    if let Some(others) = once.alerts.len().checked_sub(open).filter(|it| *it > 0) {
        count = format!("{count}, and {others} that are acknowledged, muted or explained");
    }
    let head =
        if once.polled { count } else { format!("the devices could not be polled; {count}") };
    let head = format!("{}: {head}", visible(&once.tailnet));
    let head = match exit {
        Some(Exit::Nagios) => {
            let word = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];
            let code = usize::from(code(std::slice::from_ref(once), exit));
            format!("{} - {head}", word.get(code).unwrap_or(&"UNKNOWN"))
        }
        None => head,
    };
    lines.insert(0, head);
    lines.join("\n")
}

/// The exit code for these looks.
fn code(all: &[Once], exit: Option<Exit>) -> u8 {
    let open = || all.iter().flat_map(|it| &it.alerts).filter(|it| it.is_open());
    let blind = all.iter().any(|it| !it.polled);
    let partly = all.iter().any(|it| !it.unknown.is_empty());
    match exit {
        Some(Exit::Nagios) if open().any(|it| it.severity == Severity::Critical) => 2,
        Some(Exit::Nagios) if blind => 3,
        Some(Exit::Nagios) if open().next().is_some() => 1,
        None if blind => 1,
        None if open().next().is_some() => 2,
        _ => u8::from(partly) * 3,
    }
}

/// Rejects watching without a history that can be used.
pub(super) async fn keeps_a_history(watches: bool, history: Option<&Arc<History>>) -> Result<()> {
    match history {
        _ if !watches => Ok(()),
        Some(history) => history.ready().await,
        None => Err(Error::config(
            "watching needs a history, and --history is `off`",
            "name a file or a Postgres database with --history",
        )),
    }
}

/// Watches until the process receives a stop signal.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if a variable has an invalid value.
pub(super) async fn run(
    tailnets: &Tailnets,
    receivers: Live<Receivers>,
    reports: Option<Schedule>,
) -> Result<()> {
    let heartbeat = config::heartbeat_url()?;
    let heartbeat = heartbeat.map(|url| Heartbeat::new(url, tailnets.first()));
    let duties = Duties { receivers, heartbeat, reports };
    let ending = CancellationToken::new();
    let titles: Vec<String> = tailnets.all().map(Tailnet::title).collect();
    complain(&format!("watching {}; press Ctrl-C to stop", titles.join(", ")));
    let stop = async {
        stop_signal().await;
        ending.cancel();
    };
    futures_util::join!(jobs::watch(tailnets, &duties, &ending), stop);
    Ok(())
}
