//! What the config file says of alerts, and `tailsteward alerts`.

use std::process::ExitCode;

use clap::Subcommand;
use jiff::Timestamp;

use super::{Target, print, server_options::Offered, short::ShortArguments};
use crate::{
    Error, ErrorKind,
    alerts::{Line, Notice, Outcome, Receivers, Setup, Severity, Status},
    client::Result,
    config::Profiles,
    guard::nonce,
    live::Live,
    tailnet::Tailnets,
};

/// Which alerts to list, or what to try out.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_flag = true)]
pub(super) struct AlertsArguments {
    #[command(flatten)]
    list: ShortArguments,
    #[command(subcommand)]
    command: Option<AlertsCommand>,
}

impl AlertsArguments {
    pub(super) async fn run(self, target: &Target, offered: &Offered) -> Result<ExitCode> {
        let Some(command) = self.command else {
            return self.list.run_as("alerts", "get_active_alerts", target, offered).await;
        };
        print(&command.run(target).await?);
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Debug, Subcommand)]
enum AlertsCommand {
    /// Send a sample to a receiver of the config file
    Test {
        /// The name of the receiver
        receiver: String,
    },
}

/// What the config file says of alerts.
#[derive(Debug, Clone)]
pub(super) struct Alerting {
    pub(super) receivers: Live<Receivers>,
    setup: Live<Setup>,
}

impl Alerting {
    /// Reads the config file. The default one is not read for the sandbox. `allow_command` is whether receivers
    /// may run commands.
    pub(super) fn read(target: &Target, allow_command: bool) -> Result<Self> {
        if target.sandbox && target.config.is_none() {
            let receivers = Receivers::new(Vec::new(), allow_command)?;
            return Ok(Self { receivers: receivers.into(), setup: Live::default() });
        }
        let profiles = Profiles::load(target.config.as_deref())?;
        let receivers = Receivers::new(profiles.receivers()?, allow_command)?;
        let setup = Setup {
            rules: profiles.alert_rules().to_vec(),
            receivers: receivers.names().map(str::to_owned).collect(),
        };
        Ok(Self { receivers: receivers.into(), setup: setup.into() })
    }

    /// Takes what another reading of the config file says.
    pub(super) fn replace(&self, other: &Self) {
        self.receivers.set(other.receivers.get());
        self.setup.set(other.setup.get());
    }

    /// The tailnets with what the config file says of alerts.
    pub(super) fn with(&self, tailnets: Tailnets) -> Tailnets {
        tailnets.with_alert_setup(&self.setup)
    }
}

impl AlertsCommand {
    async fn run(self, target: &Target) -> Result<String> {
        let Self::Test { receiver } = self;
        let alerting = Alerting::read(target, true)?;
        let setup = alerting.setup.get();
        if !setup.receivers.contains(&receiver) {
            let known = setup.receivers.join(", ");
            let known = match known.as_str() {
                "" => "add a [[receiver]] to the config file".to_owned(),
                known => format!("the receivers are {known}"),
            };
            return Err(Error::config(format!("there is no receiver `{receiver}`"), known));
        }
        let notice = sample(format!("test-{}", nonce()?));
        let why = match alerting.receivers.get().deliver(&receiver, &notice).await {
            Outcome::Delivered => return Ok(format!("the sample was delivered to `{receiver}`")),
            Outcome::Retry { why, .. } => format!("{why}; an alert would be retried"),
            Outcome::Failed { why } => format!("{why}; an alert would be given up"),
            Outcome::Off { why } => format!("{why}; the receiver would be switched off"),
        };
        let message = format!("the sample could not be delivered to `{receiver}`: {why}");
        let remedy = "check its address and secret in the config file";
        Err(Error::new(ErrorKind::Unreachable, message).with_remedy(remedy))
    }
}

/// A notice that says what it is.
fn sample(id: String) -> Notice {
    let now = Timestamp::now().as_second();
    Notice {
        tailnet: "sample".to_owned(),
        rule: "sample".to_owned(),
        severity: Severity::Info,
        at: now,
        lines: vec![Line {
            alert: id.clone(),
            status: Status::Firing,
            subject: "sample".to_owned(),
            summary: "this is a sample of `tailsteward alerts test`, and nothing is wrong"
                .to_owned(),
            since: now,
            ended: None,
        }],
        first_step: "nothing to do".to_owned(),
        id,
    }
}
