//! Where a database is.

use std::{fmt, path::PathBuf, str::FromStr};

use secrecy::{ExposeSecret as _, SecretString};

/// Where a journal or a history is kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Place {
    /// In memory, until the process ends.
    Memory,
    /// In a `SQLite` file.
    File(PathBuf),
    /// In a Postgres database, which several servers can share. The URL contains a password.
    Postgres(SecretString),
}

/// The place without user and password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(url) => {
                // Parameters may contain a password, too.
                let url = url::Url::parse(url.expose_secret()).ok();
                let host = url.as_ref().and_then(url::Url::host_str).unwrap_or_default();
                let port = url.as_ref().and_then(url::Url::port);
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                let path = url.as_ref().map(url::Url::path).unwrap_or_default();
                write!(f, "postgres://{host}{port}{path}")
            }
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return postgres(text).map(Self::Postgres);
        }
        match text.strip_prefix("sqlite:").unwrap_or(text).trim_start_matches("//") {
            "" => {
                Err("use `memory`, a file's path, or postgres://USER:PASSWORD@HOST/DATABASE"
                    .to_owned())
            }
            path if text.contains("://") && !text.starts_with("sqlite:") => {
                let scheme = path.split(':').next().unwrap_or_default();
                Err(format!(
                    "`{scheme}` is not a supported store; use `memory`, a file's path, or postgres://…"
                ))
            }
            path => Ok(Self::File(path.trim_start_matches("sqlite:").into())),
        }
    }
}

/// The URL of a Postgres database, with TLS and a checked certificate unless the database is on this
/// machine. The driver's default is to do without if the server does.
fn postgres(text: &str) -> std::result::Result<SecretString, String> {
    // The messages do not repeat the URL, which has a password.
    let mut url =
        url::Url::parse(text).map_err(|error| format!("the Postgres URL is invalid: {error}"))?;
    let parameter = |wanted: &str| {
        url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.to_string())
    };
    let host = parameter("host").or_else(|| url.host_str().map(str::to_owned)).unwrap_or_default();
    if is_on_this_machine(&host) {
        return Ok(text.into());
    }
    match parameter("sslmode").as_deref() {
        Some("verify-full") => Ok(text.into()),
        Some(mode) => Err(format!(
            "sslmode={mode} does not check who answers; off this machine use sslmode=verify-full, \
             with sslrootcert=FILE for a certificate authority of your own"
        )),
        None => {
            url.query_pairs_mut().append_pair("sslmode", "verify-full");
            Ok(String::from(url).into())
        }
    }
}

/// Whether a Postgres host is a Unix socket or a loopback address.
fn is_on_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host.is_empty()
        || host.starts_with('/')
        || host.to_ascii_lowercase().starts_with("%2f")
        || host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
}
