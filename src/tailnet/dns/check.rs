//! What a DNS configuration may hold, checked before anything is sent.

use std::net::IpAddr;

use crate::{Error, client::Result};

/// The longest name that DNS has.
const MAX_NAME_LENGTH: usize = 253;

/// The longest part of one.
const MAX_LABEL_LENGTH: usize = 63;

/// Tailscale's own resolver on every device.
const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(100, 100, 100, 100));

/// The address of a resolver, as it is sent.
pub(super) fn resolver(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        if address == OWN || address.is_unspecified() {
            let why = "has `{}`, which is no resolver to send devices to".replace("{}", text);
            return Err(Error::invalid_input(field, why));
        }
        return Ok(address.to_string());
    }
    let url = url::Url::parse(text).ok();
    if url.is_some_and(|it| it.scheme() == "https" && it.host().is_some()) {
        return Ok(text.to_owned());
    }
    Err(Error::invalid_input(
        field,
        format!("has `{text}`; write an IP address without a port, or an https:// URL"),
    ))
}

/// The addresses of resolvers, each once.
pub(super) fn resolvers(field: &str, texts: &[String]) -> Result<Vec<String>> {
    each_once(field, texts.iter().map(|it| resolver(field, it)))
}

/// A domain, as it is stored: in lower case, without the final dot.
pub(super) fn domain(field: &str, text: &str) -> Result<String> {
    let domain = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let is_letter = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
    let is_label = |it: &str| {
        (1..=MAX_LABEL_LENGTH).contains(&it.len())
            && it.chars().all(is_letter)
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    if domain.len() <= MAX_NAME_LENGTH && domain.split('.').all(is_label) {
        return Ok(domain);
    }
    Err(Error::invalid_input(
        field,
        format!("has `{text}`, which is no domain; write it as `corp.example.com`"),
    ))
}

/// Domains, each once.
pub(super) fn domains(field: &str, texts: &[String]) -> Result<Vec<String>> {
    each_once(field, texts.iter().map(|it| domain(field, it)))
}

/// Resolvers of a domain. A domain without any would not be split, which nobody means by a route.
pub(super) fn some_resolvers(field: &str, texts: &[String]) -> Result<Vec<String>> {
    if texts.is_empty() {
        let should = "must name a resolver; to have none, remove the DNS route of the domain";
        return Err(Error::invalid_input(field, should));
    }
    resolvers(field, texts)
}

fn each_once(field: &str, items: impl Iterator<Item = Result<String>>) -> Result<Vec<String>> {
    let mut list = Vec::new();
    for item in items {
        let item = item?;
        if list.contains(&item) {
            return Err(Error::invalid_input(field, format!("has `{item}` twice")));
        }
        list.push(item);
    }
    Ok(list)
}
