//! Checks the definition of a service before it is sent.

use std::net::Ipv4Addr;

use crate::{Error, client::Result};

/// The value of `ports` that allows any port and turns validation off.
const ANY: &str = "do-not-validate";

/// The maximum length of a display name, in characters.
const MAX_DISPLAY_NAME_LENGTH: usize = 64;

/// Checks the length of a display name.
pub(super) fn display_name(text: &str) -> Result<()> {
    let length = text.chars().count();
    if length <= MAX_DISPLAY_NAME_LENGTH {
        return Ok(());
    }
    let should = format!("has {length} characters; at most {MAX_DISPLAY_NAME_LENGTH} are allowed");
    Err(Error::invalid_input("display_name", should))
}

/// Checks the name of a service, such as `svc:web`.
pub(super) fn name(field: &str, text: &str) -> Result<String> {
    let name = text.trim();
    let label = name.strip_prefix("svc:").unwrap_or_default();
    let fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let is_label = (1..=63).contains(&label.len())
        && label.chars().all(fits)
        && !label.starts_with('-')
        && !label.ends_with('-');
    if is_label {
        return Ok(name.to_owned());
    }
    Err(Error::invalid_input(
        field,
        format!("is `{text}`; write it as `svc:web`: lower case letters, digits and `-`"),
    ))
}

/// Checks ports: `tcp:443`, `443`, `tcp:8000-8010`, or `do-not-validate`.
pub(super) fn ports(ports: &[String]) -> Result<Vec<String>> {
    let should = "write `tcp:443`, `443`, `8000-8010` or `do-not-validate`";
    if ports.is_empty() {
        return Err(Error::invalid_input(
            "ports",
            format!("must have at least one port; {should}"),
        ));
    }
    let number = |it: &str| it.parse::<u16>().ok().filter(|it| *it > 0);
    let is_port = |text: &str| {
        let range = text.strip_prefix("tcp:").unwrap_or(text);
        text == ANY
            || match range.split_once('-') {
                Some((from, to)) => number(from).zip(number(to)).is_some_and(|(a, b)| a <= b),
                None => number(range).is_some(),
            }
    };
    let ports: Vec<String> = ports.iter().map(|it| it.trim().to_owned()).collect();
    match ports.iter().find(|it| !is_port(it)) {
        None => Ok(ports),
        Some(odd) => Err(Error::invalid_input("ports", format!("has `{odd}`; {should}"))),
    }
}

/// Checks that an address is in Tailscale's range, 100.64.0.0/10.
pub(super) fn ipv4(text: &str) -> Result<String> {
    let wrong = || {
        Error::invalid_input(
            "ipv4",
            format!("is `{text}`; write an address in 100.64.0.0/10, such as `100.101.102.103`"),
        )
    };
    let address: Ipv4Addr = text.trim().parse().map_err(|_| wrong())?;
    let [a, b, ..] = address.octets();
    if a == 100 && (64..128).contains(&b) { Ok(address.to_string()) } else { Err(wrong()) }
}
