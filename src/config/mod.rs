//! Reads settings from environment variables or from named profiles in a file.

mod checks;
#[cfg(feature = "profiles")]
pub(crate) mod files;
#[cfg(feature = "profiles")]
mod profiles;
#[cfg(any(feature = "profiles", feature = "journal"))]
mod receiver;

use std::path::PathBuf;

use secrecy::ExposeSecret;

use crate::client::{Credential, Error, Result, Settings, resolve};

#[cfg(feature = "profiles")]
pub use profiles::{CredentialKind, Keychain, Place, Profile, Profiles, SystemKeychain};

#[cfg(any(feature = "profiles", feature = "journal"))]
pub use receiver::{Receiver, ReceiverKind, SmtpTls};

/// Names that no profile may have: `tailnet: all` means every tailnet, and `tailnet://device/…` and
/// `tailnet://change/…` are resources of the first.
#[cfg(any(feature = "profiles", feature = "server"))]
pub(crate) const RESERVED: [&str; 4] = ["all", "device", "change", "export"];

/// The Terraform provider's variables without the `TAILSCALE_` prefix, and the variables that they stand in
/// for.
const FALLBACKS: &[(&str, &str)] = &[
    ("TAILSCALE_OAUTH_CLIENT_ID", "OAUTH_CLIENT_ID"),
    ("TAILSCALE_OAUTH_CLIENT_SECRET", "OAUTH_CLIENT_SECRET"),
    ("TAILSCALE_IDENTITY_TOKEN", "IDENTITY_TOKEN"),
];

/// Reads the settings from this process's environment; see [`from_variables`].
///
/// # Errors
///
/// Those of [`from_variables`].
pub fn from_env() -> Result<Settings> {
    from_variables(&variable)
}

/// The receivers of alerts that the config file at `path` names, including their secrets. Without a path, it
/// is the one in the platform's config folder, which may be missing: then there are no receivers.
///
/// # Errors
///
/// Those of [`Profiles::load`] and [`Profiles::receivers`].
#[cfg(feature = "profiles")]
pub fn receivers(path: Option<&std::path::Path>) -> Result<Vec<Receiver>> {
    Profiles::load(path)?.receivers()
}

/// Reads the settings from the variables that `get` returns. A value `file:/path` is read from that file.
///
/// The credential is in `TAILSCALE_API_KEY`, or in `TAILSCALE_OAUTH_CLIENT_ID` with
/// `TAILSCALE_OAUTH_CLIENT_SECRET` or `TAILSCALE_IDENTITY_TOKEN`; the last three also work without the
/// prefix `TAILSCALE_`. Optional are `TAILSCALE_TAILNET`, `TAILSCALE_BASE_URL`, `TAILSTEWARD_CA_FILE`,
/// `TAILSTEWARD_RATE` (requests per second), `TAILSTEWARD_BURST` (requests) and
/// `TAILSTEWARD_DEADLINE_SECONDS`.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if there is no credential, or a value is invalid.
pub fn from_variables(get: &impl Fn(&str) -> Option<String>) -> Result<Settings> {
    let get = |name: &str| present(get, name);
    let mut settings =
        Settings::new(Credential::from_variables(&|name| with_fallback(&get, name))?);
    if let Some(it) = checked(&get, "TAILSCALE_TAILNET", checks::tailnet)? {
        settings.tailnet = it;
    }
    if let Some(it) = checked(&get, "TAILSCALE_BASE_URL", checks::base_url)? {
        settings.base_url = it;
    }
    settings.ca_file = get("TAILSTEWARD_CA_FILE").map(|it| ca_file(&it)).transpose()?;
    if let Some(it) = checked(&get, "TAILSTEWARD_RATE", |it| checks::rate(number(it)))? {
        settings.rate = it;
    }
    if let Some(it) = checked(&get, "TAILSTEWARD_BURST", |it| checks::burst(number(it)))? {
        settings.burst = it;
    }
    if let Some(it) =
        checked(&get, "TAILSTEWARD_DEADLINE_SECONDS", |it| checks::deadline(number(it)))?
    {
        settings.deadline = it;
    }
    Ok(settings)
}

/// The environment variable `name`. All settings from the environment are read here.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads configuration")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What a command gets of this program's environment: where programs, files and its home are, and no
/// credential.
#[cfg(feature = "journal")]
pub(crate) fn harmless_variables() -> Vec<(&'static str, std::ffi::OsString)> {
    const NAMES: &[&str] = &[
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LC_ALL",
        "TZ",
        "TMPDIR",
        // Windows starts no program without the first.
        "SystemRoot",
        "ComSpec",
        "PATHEXT",
        "TEMP",
        "TMP",
        "USERPROFILE",
        "APPDATA",
        "LOCALAPPDATA",
    ];
    NAMES.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))).collect()
}

/// The sealing key that replicas share, from `TAILSTEWARD_SEALING_KEY`, which may be `file:/path`; `None`
/// if it is not set.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if the file cannot be read or is empty.
#[cfg(feature = "server")]
pub(crate) fn sealing_key() -> Result<Option<secrecy::SecretString>> {
    const NAME: &str = "TAILSTEWARD_SEALING_KEY";
    present(&variable, NAME).map(|it| resolve(NAME, &it)).transpose()
}

/// The secrets of Tailscale's webhooks, from `TAILSTEWARD_WEBHOOK_SECRET`: several are separated by commas, and
/// each may be `file:/path`. None if it is not set.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if a file cannot be read or is empty, or if there is no secret in it.
#[cfg(feature = "server")]
pub(crate) fn webhook_secrets() -> Result<Vec<secrecy::SecretString>> {
    const NAME: &str = "TAILSTEWARD_WEBHOOK_SECRET";
    let Some(value) = present(&variable, NAME) else { return Ok(Vec::new()) };
    let mut secrets = Vec::new();
    for part in value.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let content = resolve(NAME, part)?;
        let each = content.expose_secret().split([',', '\n']).map(str::trim);
        secrets.extend(each.filter(|it| !it.is_empty()).map(secrecy::SecretString::from));
    }
    if secrets.is_empty() {
        return Err(wrong(NAME, "must be the secret of a webhook, or several separated by commas"));
    }
    Ok(secrets)
}

/// The secret with which an authorization server is asked about access tokens, from `TAILSTEWARD_OAUTH_SECRET`,
/// which may be `file:/path`.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if it is not set, or if the file cannot be read or is empty.
#[cfg(feature = "server")]
pub(crate) fn oauth_secret() -> Result<secrecy::SecretString> {
    const NAME: &str = "TAILSTEWARD_OAUTH_SECRET";
    let value = present(&variable, NAME);
    resolve(NAME, &value.ok_or_else(|| wrong(NAME, "must be set for --oauth-client-id"))?)
}

/// The URL that is called as a sign that the tailnet is watched, from `TAILSTEWARD_HEARTBEAT_URL`, which may be
/// `file:/path`.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if the file cannot be read or is empty, or if it is not such a URL.
#[cfg(feature = "server")]
pub(crate) fn heartbeat_url() -> Result<Option<secrecy::SecretString>> {
    let get = |name: &str| present(&variable, name);
    checked(&get, "TAILSTEWARD_HEARTBEAT_URL", checks::heartbeat_url)
}

/// The columns that `COLUMNS` gives a terminal, or what is in a pipe.
#[cfg(feature = "server")]
pub(crate) fn columns() -> Option<usize> {
    number(&variable("COLUMNS")?)
}

fn present(get: &impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    get(name).filter(|it| !it.trim().is_empty())
}

fn with_fallback(get: &impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    get(name).or_else(|| FALLBACKS.iter().find(|it| it.0 == name).and_then(|it| get(it.1)))
}

fn checked<T>(
    get: &impl Fn(&str) -> Option<String>,
    name: &str,
    check: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<Option<T>> {
    let Some(value) = get(name) else { return Ok(None) };
    let value = resolve(name, &value)?;
    check(value.expose_secret()).map(Some).map_err(|should| wrong(name, should))
}

/// Unlike in other variables, `file:` is followed by the path of the PEM file itself.
fn ca_file(value: &str) -> Result<PathBuf> {
    let value = value.trim();
    let path = PathBuf::from(value.strip_prefix("file:").unwrap_or(value));
    if path.is_file() {
        Ok(path)
    } else {
        Err(wrong("TAILSTEWARD_CA_FILE", "must be the path of a PEM file"))
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.trim().parse().ok()
}

/// An error for an invalid value. It does not repeat the value, which may be a misplaced secret.
fn wrong(name: &str, should: &str) -> Error {
    Error::config(format!("{name} {should}"), format!("change {name}, or unset it"))
}
