//! Checks the addresses and domains of a DNS configuration before they are sent.

use std::net::IpAddr;

use crate::{Error, client::Result};

/// The maximum length of a domain name.
const MAX_NAME_LENGTH: usize = 253;

/// The maximum length of one label of a domain name.
const MAX_LABEL_LENGTH: usize = 63;

/// Tailscale's resolver (Quad100), which every device has.
const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(100, 100, 100, 100));

/// Checks the address of a resolver: an IP address without port, or an `https://` URL.
pub(super) fn resolver(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        if address == OWN || address.is_unspecified() {
            let why = "has `{}`, which devices cannot use as a resolver".replace("{}", text);
            return Err(Error::invalid_input(field, why));
        }
        return Ok(address.to_string());
    }
    if let Ok(url) = url::Url::parse(text)
        && url.scheme() == "https"
        && url.host().is_some()
    {
        // It would be in the journal, and on every device. The message does not repeat it.
        if url.password().is_some() || !url.username().is_empty() {
            let should = "has an https:// URL with a user or password in it; write it without";
            return Err(Error::invalid_input(field, should));
        }
        return Ok(text.to_owned());
    }
    Err(Error::invalid_input(
        field,
        format!("has `{text}`; write an IP address without a port, or an https:// URL"),
    ))
}

/// Checks resolver addresses and refuses duplicates.
pub(super) fn resolvers(field: &str, texts: &[String]) -> Result<Vec<String>> {
    each_once(field, texts.iter().map(|it| resolver(field, it)))
}

/// Checks a domain and returns it as the API stores it: in lower case, without the final dot.
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
        format!("has `{text}`, which is not a domain; write it as `corp.example.com`"),
    ))
}

/// Checks domains and refuses duplicates.
pub(super) fn domains(field: &str, texts: &[String]) -> Result<Vec<String>> {
    each_once(field, texts.iter().map(|it| domain(field, it)))
}

/// Checks the resolvers of a split DNS domain. An empty list is an error, because it would remove
/// the domain.
pub(super) fn some_resolvers(field: &str, texts: &[String]) -> Result<Vec<String>> {
    if texts.is_empty() {
        let should = "must have at least one resolver; to have none, remove the domain's DNS route";
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
