//! `tailsteward setup`: the configuration of an MCP host.

use std::{
    env,
    path::{Path, PathBuf},
};

use self::hosts::{Host, KEY, Secret, Started};
use super::{Target, complain, server_options::Offered};
use crate::{
    Error,
    client::Result,
    config::{Profiles, files},
};

mod hosts;
mod merge;

/// Which host, and whether its file is written.
#[derive(Debug, clap::Args)]
pub(super) struct SetupArguments {
    /// The MCP host
    host: Host,
    /// Write it into the host's file, leaving the rest of the file unchanged
    #[arg(long)]
    write: bool,
    /// The file to write, if not the host's default
    #[arg(long, value_name = "FILE", requires = "write")]
    file: Option<PathBuf>,
    /// A file with the API key, for hosts that cannot pass secrets
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl SetupArguments {
    /// The configuration, or what was written.
    pub(super) fn run(&self, target: &Target, offered: &Offered) -> Result<String> {
        let host = self.host;
        let started = self.started(target, offered)?;
        let path = match &self.file {
            Some(path) => path.clone(),
            None => host.file(&home()?, Path::new("")),
        };
        if !self.write {
            complain(&format!("Put this into {}, or run it again with --write:", path.display()));
            return merge::merged(host, &started, "").map_err(|why| broken(&path, &why));
        }
        let old = files::read(&path)?.unwrap_or_default();
        let new = merge::merged(host, &started, &old).map_err(|why| broken(&path, &why))?;
        if new == old {
            return Ok(format!("{} is already up to date", path.display()));
        }
        let mode = std::fs::metadata(&path).map(|it| it.permissions());
        files::write(&path, new.as_bytes())?;
        // It has no secret, and others may have to read it.
        if let Ok(mode) = mode {
            let _ = std::fs::set_permissions(&path, mode);
        }
        Ok(format!("{} is written; restart {}", path.display(), host.title()))
    }

    fn started(&self, target: &Target, offered: &Offered) -> Result<Started> {
        let host = self.host;
        let mut args: Vec<String> = Vec::new();
        let mut add = |name: &str, value: String| args.extend([name.to_owned(), value]);
        if target.sandbox {
            args.push("--sandbox".to_owned());
        } else if !target.profiles.is_empty() {
            // A profile that is not there is found out now, not by the host.
            let profiles = Profiles::load(target.config.as_deref())?;
            for name in &target.profiles {
                profiles.choose(Some(name))?;
            }
            add("--profile", target.profiles.join(","));
        }
        if let Some(config) = &target.config {
            args.extend(["--config".to_owned(), absolute(config)?.display().to_string()]);
        }
        args.extend(offered.words());
        let secret = if target.sandbox || !target.profiles.is_empty() {
            Secret::None
        } else if let Some(path) = &self.key_file {
            if !path.is_file() {
                complain(&format!("warning: there is no file {} yet", path.display()));
            }
            Secret::File(absolute(path)?)
        } else if host.takes_secrets() {
            Secret::OfHost
        } else {
            return Err(Error::config(
                format!("{} cannot pass {KEY} without storing it in its file", host.title()),
                "name a profile with --profile (`tailsteward auth set NAME` makes one), or a file that has \
                 only the key in it with --key-file",
            ));
        };
        let command = if host.has_path() {
            "tailsteward".to_owned()
        } else {
            program()?.display().to_string()
        };
        Ok(Started { command, args, secret })
    }
}

fn broken(path: &Path, why: &str) -> Error {
    Error::config(
        format!("cannot add the server to {}: {why}", path.display()),
        "fix the file, or print the configuration without --write and add it by hand",
    )
}

/// Desktop programs have another `PATH` than a shell.
fn program() -> Result<PathBuf> {
    env::current_exe().map_err(|error| {
        let why = format!("cannot find out where this program is: {error}");
        Error::config(why, "print the configuration without --write, and add the path by hand")
    })
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        Error::config(format!("cannot find {}: {error}", path.display()), "name an absolute path")
    })
}

fn home() -> Result<PathBuf> {
    etcetera::home_dir().map_err(|error| {
        let why = format!("cannot find the home folder: {error}");
        Error::config(why, "name the host's file with --file, together with --write")
    })
}
