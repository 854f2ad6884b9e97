//! `tailsteward completions` and `tailsteward man`.

use std::{io::Write as _, path::PathBuf};

use clap::Command;
use clap_complete::Shell;

use super::options::without_others;
use crate::{Error, client::Result};

/// Which shell.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

impl CompletionsArguments {
    /// Prints the completions.
    pub(super) fn print(&self, command: Command) {
        let mut command = without_others(command);
        let name = command.get_name().to_owned();
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut text);
        // It is not an error if the reader has closed the pipe.
        let _ = std::io::stdout().lock().write_all(&text);
    }
}

/// Where to.
#[derive(Debug, clap::Args)]
pub(super) struct ManArguments {
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl ManArguments {
    /// Prints the page, or writes all.
    pub(super) fn write(&self, command: Command) -> Result<()> {
        let command = without_others(command);
        let Some(folder) = &self.out else {
            let mut text = Vec::new();
            let page = clap_mangen::Man::new(command);
            page.render(&mut text).map_err(|error| {
                Error::config(
                    format!("cannot write the manual page: {error}"),
                    "report this as a bug",
                )
            })?;
            let _ = std::io::stdout().lock().write_all(&text);
            return Ok(());
        };
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(command, folder));
        written.map_err(|error| {
            let why = format!("cannot write into {}: {error}", folder.display());
            Error::config(why, "name a folder that can be written")
        })
    }
}
