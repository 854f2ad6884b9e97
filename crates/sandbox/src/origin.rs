//! Keeps web pages away from the sandbox's own endpoints, which need no credential: a browser names the site
//! in `Host` or `Origin`, even if the site's name leads to this machine.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

use super::http::Failure;

/// Fails with 403 if a `Host` or `Origin` header is neither loopback nor the address that was listened on.
/// Programs that are no browsers send no `Origin`.
pub(crate) fn check(headers: &HeaderMap, listen: SocketAddr) -> Result<(), Failure> {
    for name in [HOST, ORIGIN] {
        for value in headers.get_all(&name) {
            if !value.to_str().is_ok_and(|text| is_local(text, listen.ip())) {
                let message = format!("{name} must be a loopback address");
                return Err(Failure::new(403, message));
            }
        }
    }
    Ok(())
}

/// Whether a `Host`, or the host in an `Origin`, is loopback or the address that was listened on.
fn is_local(text: &str, listen: IpAddr) -> bool {
    let text =
        text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or(text);
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or(("", "")),
        None => text.split_once(':').map_or((text, ""), |(host, port)| (host, port)),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    let is_host = host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip == listen);
    is_host && port.bytes().all(|byte| byte.is_ascii_digit())
}
