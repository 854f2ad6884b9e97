//! Reads and writes files that only their owner can read. Writes are atomic.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use etcetera::base_strategy::{BaseStrategy, choose_base_strategy};

use crate::client::{Error, Result};

const FOLDER: &str = "tailsteward";

/// The default path of the file `name`, in the platform's config folder.
pub(crate) fn default_path(name: &str) -> Result<PathBuf> {
    let base = choose_base_strategy().map_err(|error| {
        Error::config(
            format!("cannot find a home directory for the config file: {error}"),
            "give the path of a config file",
        )
    })?;
    // On macOS, etcetera follows XDG, as command-line programs do. This program is also started by desktop
    // applications, which do not see the XDG variables.
    let folder = if cfg!(target_os = "macos") {
        base.home_dir().join("Library/Application Support")
    } else {
        base.config_dir()
    };
    Ok(folder.join(FOLDER).join(name))
}

/// The text of the file; `None` if it does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::config(
            format!("cannot read {}: {error}", path.display()),
            "make the file readable, as UTF-8 text",
        )),
    }
}

/// Writes the file atomically, readable by its owner only (0600).
pub(crate) fn write(path: &Path, text: &[u8]) -> Result<()> {
    replace(path, text).map_err(|error| {
        Error::config(
            format!("cannot write {}: {error}", path.display()),
            "make its folder writable, and check that the disk has space",
        )
    })
}

/// Removes the file, which need not exist.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::config(
            format!("cannot remove {}: {error}", path.display()),
            "remove the file by hand",
        )),
        _ => Ok(()),
    }
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    // Keep a symlink (to dotfiles in a repository, for example) and write its target.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    create_folder(folder)?;
    // `tempfile` creates with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(unix)]
fn create_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}
