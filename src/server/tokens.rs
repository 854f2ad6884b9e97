//! Tokens for access over HTTP, while the server runs.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use subtle::ConstantTimeEq as _;
use tokio_util::sync::CancellationToken;

use super::{
    holder::Holder,
    token_file::{Content, Grant, TokenFile, digest, hash},
};
use crate::{
    client::{Error, Result},
    guard::Principal,
};

/// The tokens of a running server. Reads the file again when it changes.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Of the file as it was read; none if it could not be read.
    stamp: Option<Stamp>,
    entries: Vec<Entry>,
}

/// File metadata by which a change is detected.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
    /// Who may write it, and when that was last changed.
    mode: u32,
    changed: (i64, i64),
}

#[derive(Debug)]
struct Entry {
    digest: [u8; 32],
    grant: Grant,
    holder: Holder,
    /// Whether it could be used when that was last looked at.
    was_open: bool,
}

impl Tokens {
    /// The tokens in the file at `path`.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if it does not exist, is not a token file, has no token, or is
    /// writable by others.
    pub fn open(path: &Path) -> Result<Self> {
        let remedy = "create a token with `tailsteward token add NAME`";
        if !path.exists() {
            return Err(Error::config(
                format!("there are no tokens in {}", path.display()),
                remedy,
            ));
        }
        check_mode(path)?;
        if TokenFile::load(path)?.grants().next().is_none() {
            return Err(Error::config(
                format!("there are no tokens in {}", path.display()),
                remedy,
            ));
        }
        let tokens = Self { path: path.to_owned(), known: Mutex::default() };
        tokens.refresh();
        Ok(tokens)
    }

    /// Reads the file again if it has changed, and ends the sessions of tokens that became invalid.
    pub(super) fn refresh(&self) {
        let stamp = Stamp::of(&self.path);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.stamp.is_none() || known.stamp != stamp {
            // Reject all requests while the file cannot be read: a token may have been removed.
            let file = check_mode(&self.path).and_then(|()| TokenFile::load(&self.path));
            match file {
                Ok(file) => {
                    known.take(file.content);
                    known.stamp = stamp;
                }
                Err(error) => {
                    tracing::error!(%error, "cannot read the token file; all requests are refused");
                    known.take(Content::default());
                    // It is read again at the next request, until it can be.
                    known.stamp = None;
                }
            }
        }
        known.end_expired();
        known.end_closed();
    }

    /// The holder of `token`, if it is valid.
    pub(super) fn holder(&self, token: &str) -> Option<Holder> {
        self.refresh();
        let presented = hash(token);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        // All hashes are compared, so that the response time reveals nothing.
        for entry in &known.entries {
            if bool::from(entry.digest.ct_eq(&presented)) {
                found = Some(&entry.holder);
            }
        }
        found.filter(|it| !it.ended.is_cancelled()).cloned()
    }
}

impl Known {
    /// Replaces the tokens by those in the file. Sessions of unchanged tokens continue.
    fn take(&mut self, content: Content) {
        let mut before = std::mem::take(&mut self.entries);
        for (name, grant) in content.tokens {
            let same = before
                .iter()
                .position(|it| *it.holder.principal.name == *name && it.grant == grant);
            if let Some(same) = same {
                self.entries.push(before.swap_remove(same));
            } else if let Some(digest) = digest(&grant) {
                let mut principal = Principal::with_token(name);
                principal.read_only = grant.read_only;
                principal.toolsets.clone_from(&grant.toolsets);
                principal.limits.clone_from(&grant.limits);
                principal.hours.clone_from(&grant.hours);
                principal.expires = grant.expires;
                let hours = grant.hours.clone().into();
                let ended = CancellationToken::new();
                let Grant { metrics, tailnet_metrics, .. } = grant;
                let mcp = !metrics && !tailnet_metrics;
                let holder = Holder { principal, mcp, metrics, tailnet_metrics, ended, hours };
                let was_open = grant.is_open();
                self.entries.push(Entry { digest, grant, holder, was_open });
            }
        }
        for gone in before {
            gone.holder.ended.cancel();
        }
    }

    /// Ends the sessions of tokens whose hours are over. They may open others later.
    fn end_closed(&mut self) {
        for entry in self.entries.iter_mut().filter(|it| !it.grant.hours.is_empty()) {
            let is_open = entry.grant.is_open();
            if entry.was_open && !is_open {
                entry.holder.ended.cancel();
                entry.holder.ended = CancellationToken::new();
            }
            entry.was_open = is_open;
        }
    }

    fn end_expired(&self) {
        for entry in self.entries.iter().filter(|it| it.grant.is_expired()) {
            entry.holder.ended.cancel();
        }
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let (inode, mode, changed) = {
            use std::os::unix::fs::MetadataExt as _;
            (file.ino(), file.mode(), (file.ctime(), file.ctime_nsec()))
        };
        #[cfg(not(unix))]
        let (inode, mode, changed) = (0, 0, (0, 0));
        let (modified, length) = (file.modified().ok(), file.len());
        Some(Self { modified, length, inode, mode, changed })
    }
}

/// Checks that nobody else may write the file: they could add a token for themselves.
#[cfg(unix)]
fn check_mode(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map(|it| it.permissions().mode()).unwrap_or_default();
    if mode & 0o022 == 0 {
        return Ok(());
    }
    Err(Error::config(
        format!("users other than its owner may write {}", path.display()),
        format!("chmod 600 {}", path.display()),
    ))
}

#[cfg(not(unix))]
fn check_mode(_: &Path) -> Result<()> {
    Ok(())
}
