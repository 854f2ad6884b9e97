//! A program that reads the notice as JSON from its standard input. No shell, no credential in its environment.

use std::{
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{io::AsyncWriteExt as _, process};

use super::{
    super::{notice::Notice, receivers::Outcome},
    json,
};
use crate::config::harmless_variables;

/// The longest time that it may run.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Command {
    pub(super) command: Vec<String>,
    pub(super) folder: PathBuf,
}

impl Command {
    pub(super) async fn deliver(&self, notice: &Notice) -> Outcome {
        let why =
            match tokio::time::timeout(TIMEOUT, self.run(json::notice(notice).to_string())).await {
                Ok(Ok(status)) if status.success() => return Outcome::Delivered,
                Ok(Ok(status)) => format!("the command failed: {status}"),
                Ok(Err(error)) => format!("the command cannot be run: {}", error.kind()),
                Err(_) => format!("the command was killed after {} s", TIMEOUT.as_secs()),
            };
        Outcome::Retry { why, after: None }
    }

    async fn run(&self, input: String) -> io::Result<ExitStatus> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut command = process::Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(harmless_variables())
            .stdin(Stdio::piped())
            // What it writes may contain secrets, and over stdio this program's own output is the protocol.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(&self.folder);
        }
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let family = Family::of(&child);
        if let Some(mut stdin) = child.stdin.take() {
            // It need not read everything.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let ended = child.wait().await;
        family.spare();
        ended
    }
}

/// Kills the command with its own children when it has to end.
struct Family {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl Family {
    #[cfg(unix)]
    fn of(child: &process::Child) -> Self {
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: number.and_then(rustix::process::Pid::from_raw) }
    }

    /// It has ended by itself, and its number may soon be another's.
    #[cfg(unix)]
    fn spare(mut self) {
        self.leader = None;
    }

    #[cfg(not(unix))]
    fn of(_: &process::Child) -> Self {
        Self {}
    }

    #[cfg(not(unix))]
    fn spare(self) {}
}

#[cfg(unix)]
impl Drop for Family {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}
