//! Checks `Host` and `Origin` of requests, which protects a server on this machine from web pages in a
//! browser.

use http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};
use url::{Host, Url};

use super::refusal::Refusal;
use crate::client::{Error, Result};

/// The allowed host names and origins.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    /// Name and port; `None` allows any port.
    hosts: Vec<(String, Option<u16>)>,
    /// Scheme, name and port; `None` allows any port.
    origins: Vec<(String, String, Option<u16>)>,
}

impl Gate {
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) for an invalid host name or origin.
    pub(super) fn new(hosts: &[String], origins: &[String]) -> Result<Self> {
        let hosts = hosts.iter().map(|it| {
            let authority = it.parse().map_err(|_| {
                Error::config(
                    format!("`{it}` is not a host name"),
                    "write NAME or NAME:PORT, as in the clients' URLs",
                )
            });
            authority.map(|it| name_and_port(&it))
        });
        let origins = origins.iter().map(|it| {
            origin(it).ok_or_else(|| {
                Error::config(
                    format!("`{it}` is not an origin"),
                    "write SCHEME://NAME, SCHEME://NAME:PORT or SCHEME://NAME:*",
                )
            })
        });
        Ok(Self { hosts: hosts.collect::<Result<_>>()?, origins: origins.collect::<Result<_>>()? })
    }

    /// Accepts a request to one of our names, whatever page it is from, or returns the refusal.
    pub(super) fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.knows(uri, headers) { Ok(()) } else { Err(Refusal::Host) }
    }

    /// Accepts a request, or returns the refusal.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        self.check_host(uri, headers)?;
        let mut origins = headers.get_all(header::ORIGIN).iter();
        if origins.all(|it| self.admits(it)) { Ok(()) } else { Err(Refusal::Origin) }
    }

    fn knows(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let mut named = headers.get_all(header::HOST).iter();
        let host = match (named.next(), named.next()) {
            (Some(host), None) => host.to_str().ok().and_then(|it| it.parse().ok()),
            (None, _) => uri.authority().cloned(),
            // Two host names: do not trust either, since a proxy may have checked the other one.
            _ => None,
        };
        host.is_some_and(|host: Authority| {
            let (name, port) = name_and_port(&host);
            self.hosts.iter().any(|it| it.0 == name && (it.1.is_none() || it.1 == port))
        })
    }

    /// Whether pages of this origin may use the server.
    pub(super) fn admits(&self, origin: &HeaderValue) -> bool {
        let url = origin.to_str().ok().and_then(|it| Url::parse(it).ok());
        url.is_some_and(|url| {
            let (name, port) = (url.host().map(|it| name_of(&it)), url.port_or_known_default());
            self.origins.iter().any(|it| {
                it.0 == url.scheme()
                    && name.as_ref() == Some(&it.1)
                    && (it.2.is_none() || it.2 == port)
            })
        })
    }
}

fn name_and_port(authority: &Authority) -> (String, Option<u16>) {
    let name = authority.host().trim_matches(['[', ']']).trim_end_matches('.');
    (name.to_ascii_lowercase(), authority.port_u16())
}

/// The host name; an IPv6 address is returned without brackets.
fn name_of(host: &Host<&str>) -> String {
    match host {
        Host::Domain(name) => name.trim_end_matches('.').to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}

fn origin(text: &str) -> Option<(String, String, Option<u16>)> {
    let any_port = text.strip_suffix(":*");
    let url = Url::parse(any_port.unwrap_or(text)).ok()?;
    let port = if any_port.is_some() { None } else { Some(url.port_or_known_default()?) };
    let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    (bare && !(any_port.is_some() && url.port().is_some()))
        .then(|| Some((url.scheme().to_owned(), name_of(&url.host()?), port)))?
}
