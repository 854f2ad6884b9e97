//! The file of tokens for access over HTTP, which stores only their hashes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value};

use crate::{
    catalogue,
    client::{Error, ErrorKind, Result},
    config::files,
    guard::Principal,
    guardrails::{ToolLimit, Window},
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
    /// When the token may be used, before it expires; at any time if there are none.
    #[serde(default)]
    pub hours: Vec<Window>,
    /// How often tools may be used, by their names.
    #[serde(default)]
    pub limits: BTreeMap<String, ToolLimit>,
}

impl Grant {
    /// Whether the token may be used now.
    pub(super) fn is_open(&self) -> bool {
        let now = Timestamp::now();
        self.hours.is_empty() || self.hours.iter().any(|window| window.is_open(now))
    }

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
    /// When the token may be used, before it expires; at any time if there are none.
    pub hours: Vec<Window>,
    /// How often tools may be used, by their names.
    pub limits: BTreeMap<String, ToolLimit>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    #[serde(default)]
    pub(super) tokens: BTreeMap<String, Grant>,
}

/// A token file, for editing.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
    document: DocumentMut,
    pub(super) content: Content,
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
            for tool in grant.limits.keys() {
                catalogue::named(tool).map_err(|error| bad(&error.to_string()))?;
            }
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
        if !new.hours.is_empty() {
            put("hours", new.hours.iter().map(ToString::to_string).collect::<Array>().into());
        }
        if !new.limits.is_empty() {
            let limits = new.limits.iter().map(|(tool, limit)| (tool, limit.to_string()));
            put("limits", limits.collect::<InlineTable>().into());
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

/// The hash of a token.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The decoded hash of a grant.
pub(super) fn digest(grant: &Grant) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(&grant.sha256).ok()?.try_into().ok()
}
