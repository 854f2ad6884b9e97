//! Tokens for access over HTTP, in a file that stores only their hashes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio_util::sync::CancellationToken;
use toml_edit::{Array, DocumentMut, Item, Table, Value};

use super::holder::Holder;
use crate::{
    client::{Error, ErrorKind, Result},
    config::files,
    guard::Principal,
};

/// The prefix of every token, by which secret scanners recognise leaked ones.
const PREFIX: &str = "tailsteward_";

/// The random bytes in a token. It cannot be guessed, so its hash needs neither salt nor key stretching.
const RANDOM_BYTES: usize = 32;

const HEAD: &str = "\
# Tokens for the server over HTTP. `tailsteward token add NAME` writes this file; it has hashes,
# never tokens. A running server applies changes immediately.
";

/// What a token allows, and when it expires.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Grant {
    sha256: String,
    /// Whether only tools that read are allowed.
    #[serde(default)]
    pub read_only: bool,
    /// The toolsets that the token is limited to; `None` for all.
    pub toolsets: Option<Vec<String>>,
    /// Whether the token is only for `/metrics` and the details of readiness.
    #[serde(default)]
    pub metrics: bool,
    /// Whether the token is only for `/metrics/tailnet`, or for both kinds of metrics.
    #[serde(default)]
    pub tailnet_metrics: bool,
    /// When the token expires; `None` for never.
    pub expires: Option<Timestamp>,
}

impl Grant {
    /// Whether the token has expired.
    pub fn is_expired(&self) -> bool {
        self.expires.is_some_and(|it| it <= Timestamp::now())
    }
}

/// What a new token should allow.
#[derive(Debug, Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "all of it is asked for on the command line")]
pub struct NewToken {
    /// Whether only tools that read are allowed.
    pub read_only: bool,
    /// The toolsets that the token is limited to; `None` for all.
    pub toolsets: Option<Vec<String>>,
    /// Whether the token is only for `/metrics` and the details of readiness.
    pub metrics: bool,
    /// Whether the token is only for `/metrics/tailnet`, or for both kinds of metrics.
    pub tailnet_metrics: bool,
    /// When the token expires; `None` for never.
    pub expires: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(default)]
    tokens: BTreeMap<String, Grant>,
}

/// A token file, for editing.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    document: DocumentMut,
    content: Content,
}

impl TokenFile {
    /// Reads the token file at `path`, which need not exist.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if it cannot be read or is not a token file.
    pub fn load(path: &Path) -> Result<Self> {
        let text = files::read(path)?.unwrap_or_else(|| HEAD.to_owned());
        let bad = |why: &str| {
            let why = why.lines().last().unwrap_or_default();
            Error::config(
                format!("{} is not a token file: {why}", path.display()),
                "correct it, or remove it and create new tokens with `tailsteward token add NAME`",
            )
        };
        let document: DocumentMut =
            text.parse().map_err(|error: toml_edit::TomlError| bad(error.message()))?;
        let content: Content =
            toml_edit::de::from_str(&text).map_err(|error| bad(error.message()))?;
        for (name, grant) in &content.tokens {
            if digest(grant).is_none() {
                return Err(bad(&format!("`sha256` of `{name}` is not a base64 hash")));
            }
            check_name(name)?;
        }
        Ok(Self { path: path.to_owned(), document, content })
    }

    /// The names of the tokens, and what each allows.
    pub fn grants(&self) -> impl Iterator<Item = (&str, &Grant)> {
        self.content.tokens.iter().map(|(name, grant)| (name.as_str(), grant))
    }

    /// Creates a token called `name` and stores its hash. The token itself is returned only here.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the name is taken or invalid;
    /// [`Config`](crate::ErrorKind::Config) if the file cannot be written.
    pub fn add(&mut self, name: &str, new: &NewToken) -> Result<SecretString> {
        check_name(name)?;
        if self.content.tokens.contains_key(name) {
            let message = format!("a token named `{name}` already exists");
            return Err(Error::new(ErrorKind::InvalidInput, message).with_remedy(format!(
                "choose another name, or run `tailsteward token remove {name}`"
            )));
        }
        let token = generate()?;
        let mut entry = Table::new();
        let mut put = |key: &str, value: Value| drop(entry.insert(key, Item::Value(value)));
        put("sha256", URL_SAFE_NO_PAD.encode(hash(token.expose_secret())).into());
        if new.read_only {
            put("read_only", true.into());
        }
        if let Some(toolsets) = &new.toolsets {
            put("toolsets", toolsets.iter().map(String::as_str).collect::<Array>().into());
        }
        if new.metrics {
            put("metrics", true.into());
        }
        if new.tailnet_metrics {
            put("tailnet_metrics", true.into());
        }
        if let Some(expires) = new.expires {
            put("expires", expires.to_string().into());
        }
        let mut all = Table::new();
        all.set_implicit(true);
        let all = self.document.entry("tokens").or_insert(Item::Table(all)).as_table_like_mut();
        if let Some(all) = all {
            all.insert(name, Item::Table(entry));
        }
        self.write()?;
        Ok(token)
    }

    /// Removes the token called `name`, which becomes invalid immediately.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is no such token;
    /// [`Config`](crate::ErrorKind::Config) if the file cannot be written.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        if !self.content.tokens.contains_key(name) {
            let names: Vec<&str> = self.grants().map(|it| it.0).collect();
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let message = format!("unknown token `{name}`; known tokens: {there}");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        if let Some(all) = self.document.get_mut("tokens").and_then(Item::as_table_like_mut) {
            all.remove(name);
        }
        self.write()
    }

    fn write(&mut self) -> Result<()> {
        files::write(&self.path, self.document.to_string().as_bytes())?;
        *self = Self::load(&self.path)?;
        Ok(())
    }
}

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
                let ended = CancellationToken::new();
                let Grant { metrics, tailnet_metrics, .. } = grant;
                let mcp = !metrics && !tailnet_metrics;
                let holder = Holder { principal, mcp, metrics, tailnet_metrics, ended };
                self.entries.push(Entry { digest, grant, holder });
            }
        }
        for gone in before {
            gone.holder.ended.cancel();
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

fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        let should = "must be 1 to 64 letters, digits, `-`, `_`, `.` or `@`";
        return Err(Error::invalid_input("name", should));
    }
    if name == Principal::LOCAL {
        return Err(Error::invalid_input(
            "name",
            "must not be `local`, which stands for callers without a token",
        ));
    }
    Ok(())
}

fn generate() -> Result<SecretString> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(|error| {
        Error::config(format!("cannot create a random token: {error}"), "report this as a bug")
    })?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)).into())
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The decoded hash of a grant.
fn digest(grant: &Grant) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(&grant.sha256).ok()?.try_into().ok()
}
