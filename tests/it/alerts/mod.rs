//! Alerts: states, rules, judgements, tools, delivery.

mod command;
mod day;
mod deliver;
mod email;
mod formats;
mod harmless;
mod judge;
mod kill;
mod real;
mod receiver;
mod smtp;
mod states;
mod tools;
mod traffic;
mod watch;

use std::fs;

use tailsteward::{
    Result,
    alerts::{Line, Notice, Outcome, Receivers, Severity, Status},
    config::Profiles,
};
use tempfile::TempDir;

/// 2026-11-28T14:00:00Z.
const SINCE: i64 = 1_795_874_400;

/// A folder with a config file that has receivers.
struct Home(TempDir);

impl Home {
    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), config).unwrap();
        Self(folder)
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.0.path().join(name)).ok().filter(|it| !it.is_empty())
    }

    fn receivers(&self, variables: &'static [(&str, &str)]) -> Result<Receivers> {
        let profiles = Profiles::load(Some(&self.0.path().join("config.toml")))?;
        let value = |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        Receivers::new(profiles.with_variables(value).receivers()?, true)
    }
}

/// One receiver `ops` of `kind` with these keys.
fn ops(kind: &str, keys: &str) -> Receivers {
    Home::with(&entry("ops", kind, keys)).receivers(&[]).unwrap()
}

fn entry(name: &str, kind: &str, keys: &str) -> String {
    format!("[[receiver]]\nname = \"{name}\"\nkind = \"{kind}\"\n{keys}\n")
}

/// A URL of a server in the same process.
fn private(url: &str) -> String {
    format!("url = \"{url}\"\nprivate = true")
}

fn line(alert: &str, status: Status) -> Line {
    let ended = (status == Status::Resolved).then(|| (SINCE + 600, "over".to_owned()));
    Line {
        alert: alert.to_owned(),
        status,
        subject: "web-1".to_owned(),
        summary: "web-1 is not connected".to_owned(),
        since: SINCE,
        ended,
    }
}

fn notice(lines: Vec<Line>) -> Notice {
    Notice {
        id: "n-17".to_owned(),
        tailnet: "acme.example".to_owned(),
        rule: "server-silent".to_owned(),
        severity: Severity::Critical,
        at: SINCE + 60,
        lines,
        first_step: "Look whether the machine runs.".to_owned(),
    }
}

fn started() -> Notice {
    notice(vec![line("a-1", Status::Firing)])
}

fn why(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Delivered => panic!("it was delivered"),
        Outcome::Retry { why, .. } | Outcome::Failed { why } | Outcome::Off { why } => why,
    }
}
