//! SIGHUP: a server reads its config file again.

use tokio::signal::unix::{SignalKind, signal};

use super::{Target, alerts::Alerting, complain, server_options::Offered};
use crate::{Error, client::Result, guardrails::Guardrails, live::Live};

/// What is read again.
pub(super) struct Reload {
    pub(super) target: Target,
    pub(super) alerting: Alerting,
    /// Whether receivers may run commands.
    pub(super) allow_command: bool,
    pub(super) guardrails: Live<Guardrails>,
}

impl Reload {
    /// Reads the file again at each signal, for as long as the program runs. A file that is wrong changes nothing.
    pub(super) fn at_each_signal(self) -> Result<()> {
        let mut signals = signal(SignalKind::hangup()).map_err(|error| {
            Error::config(format!("cannot wait for SIGHUP: {error}"), "report this as a bug")
        })?;
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                match self.read() {
                    Ok(()) => complain("the config file is read again"),
                    Err(error) => complain(&format!(
                        "the config file is wrong, so the old settings stay: {error}"
                    )),
                }
            }
        });
        Ok(())
    }

    fn read(&self) -> Result<()> {
        // Both or none.
        let alerting = Alerting::read(&self.target, self.allow_command)?;
        let guardrails = Offered::guardrails(&self.target)?;
        self.alerting.replace(&alerting);
        self.guardrails.set(guardrails);
        Ok(())
    }
}
