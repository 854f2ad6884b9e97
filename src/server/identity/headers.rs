//! The headers by which proxies say who calls.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};

/// Headers that start like this are set by proxies; whoever connects directly can set them too.
const PREFIXES: [&str; 2] = ["tailscale-", "x-forwarded-"];
/// Others of their kind.
const NAMES: [&str; 2] = ["forwarded", "x-real-ip"];

const FORWARDED_FOR: &str = "x-forwarded-for";
const LOGIN: &str = "tailscale-user-login";
const FUNNEL: &str = "tailscale-funnel-request";

/// What `tailscale serve` says of a request. Worth nothing unless only `tailscaled` can have sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::server) struct Forwarded {
    /// The address that the request came from. None unless it is there once, and is one address.
    pub(super) address: Option<IpAddr>,
    /// The login of the user; none for a tagged node.
    pub(super) login: Option<String>,
    /// Whether it came from the internet, through Funnel.
    pub(super) is_funnel: bool,
}

impl Forwarded {
    /// Reads what is in the headers.
    pub(in crate::server) fn read(headers: &HeaderMap) -> Self {
        Self {
            address: one(headers, FORWARDED_FOR).and_then(|it| it.trim().parse().ok()),
            login: one(headers, LOGIN).map(str::to_owned),
            is_funnel: headers.contains_key(FUNNEL),
        }
    }
}

/// The value of a header that is there exactly once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Removes all headers by which proxies say who calls, so that nothing behind this can believe them.
pub(in crate::server) fn strip(headers: &mut HeaderMap) {
    let is_of_proxies = |name: &HeaderName| {
        let name = name.as_str();
        NAMES.contains(&name) || PREFIXES.iter().any(|it| name.starts_with(it))
    };
    let found: Vec<HeaderName> = headers.keys().filter(|it| is_of_proxies(it)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}
