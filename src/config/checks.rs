//! Validates settings from the environment, flags and the config file. Errors say what a valid value is.

use std::{num::NonZeroU32, time::Duration};

use url::Url;

use crate::client::is_loopback;
#[cfg(feature = "server")]
use crate::client::is_private;

type Checked<T> = Result<T, &'static str>;

pub(super) fn tailnet(value: &str) -> Checked<String> {
    let value = value.trim();
    if value.is_empty() || value.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control())
    {
        return Err("must be a tailnet's ID or name, or `-` for the credential's own tailnet");
    }
    Ok(value.to_owned())
}

pub(super) fn base_url(value: &str) -> Checked<String> {
    let value = value.trim();
    let url = Url::parse(value).map_err(|_| NO_URL)?;
    let host = url.host().ok_or(NO_URL)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not contain `?` or `#`");
    }
    match url.scheme() {
        "https" => Ok(value.to_owned()),
        "http" if is_loopback(&host) => Ok(value.to_owned()),
        "http" => Err("must be https, or http on a loopback address: over http, others on the \
                       network could read the credential"),
        _ => Err(NO_URL),
    }
}

/// Validates the URL of a heartbeat. Like a password, it must not go over a public network unencrypted.
#[cfg(feature = "server")]
pub(super) fn heartbeat_url(value: &str) -> Checked<secrecy::SecretString> {
    let value = value.trim();
    let no_url = "must be a URL such as `https://hc-ping.com/UUID`";
    let url = Url::parse(value).map_err(|_| no_url)?;
    let is_near = match url.host().ok_or(no_url)? {
        url::Host::Ipv4(address) => is_private(address.into()),
        url::Host::Ipv6(address) => is_private(address.into()),
        host @ url::Host::Domain(_) => is_loopback(&host),
    };
    match url.scheme() {
        "https" => Ok(value.into()),
        "http" if is_near => Ok(value.into()),
        "http" => Err("must be https, or http to an address of this machine or a private network"),
        _ => Err(no_url),
    }
}

const NO_URL: &str = "must be a URL such as `https://api.tailscale.com`";

/// Validates a rate. The lower bound keeps the time between two requests representable.
pub(super) fn rate(value: Option<f64>) -> Checked<f64> {
    value
        .filter(|it| (0.001..=1000.0).contains(it))
        .ok_or("must be a number of requests per second, 0.001 to 1000")
}

pub(super) fn burst(value: Option<i64>) -> Checked<NonZeroU32> {
    value
        .filter(|it| *it <= 10_000)
        .and_then(|it| u32::try_from(it).ok())
        .and_then(NonZeroU32::new)
        .ok_or("must be a whole number of requests, 1 to 10000")
}

pub(super) fn deadline(value: Option<i64>) -> Checked<Duration> {
    value
        .filter(|it| (1..=86_400).contains(it))
        .and_then(|it| u64::try_from(it).ok())
        .map(Duration::from_secs)
        .ok_or("must be a whole number of seconds, 1 to 86400")
}
