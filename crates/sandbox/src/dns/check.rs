//! Validates DNS configurations.

use std::net::IpAddr;

use super::super::http::Failure;
use super::Dns;

/// The most characters of a domain name.
const MAX_LENGTH: usize = 253;

/// Validates a configuration before it is stored.
pub(super) fn all(dns: &Dns) -> Result<(), Failure> {
    let resolvers = dns.nameservers.iter().chain(dns.split.values().flatten());
    if let Some(bad) = resolvers.map(|it| &it.address).find(|address| !is_resolver(address)) {
        return Err(Failure::bad_request(format!("invalid nameserver {bad:?}")));
    }
    for path in &dns.search_paths {
        domain(path)?;
    }
    Ok(())
}

/// Whether this is an IP address or the URL of a DNS-over-HTTPS server.
fn is_resolver(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok()
        || address.strip_prefix("https://").is_some_and(|rest| !rest.is_empty())
}

/// The domain as stored: in lower case, without the final dot. Fails if it is invalid.
pub(super) fn domain(text: &str) -> Result<String, Failure> {
    let domain = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if domain.len() > MAX_LENGTH || !domain.split('.').all(is_label) {
        return Err(Failure::bad_request(format!("invalid domain {text:?}")));
    }
    Ok(domain)
}
