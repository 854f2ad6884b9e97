//! Checks the routes in a request before they are sent.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::is_exit;
use crate::{Error, client::Result};

/// Checks subnet routes and returns them in the form that the API uses.
pub(super) fn routes(texts: &[String]) -> Result<BTreeSet<String>> {
    texts.iter().map(|it| route(it)).collect()
}

fn route(text: &str) -> Result<String> {
    let wrong = |should: String| Error::invalid_input("routes", format!("has `{text}`; {should}"));
    let text = text.trim();
    let Ok(net) = text.parse::<IpNet>() else {
        return Err(wrong(match text.parse::<std::net::IpAddr>() {
            Ok(address) => format!("for a single address, write `{}`", IpNet::from(address)),
            Err(_) => "write a prefix, such as `10.20.0.0/16`".to_owned(),
        }));
    };
    if net != net.trunc() {
        return Err(wrong(format!("it has host bits set; write `{}`", net.trunc())));
    }
    if is_exit(&net.to_string()) {
        return Err(wrong(
            "that is an exit node route; approve the device as an exit node instead".to_owned(),
        ));
    }
    Ok(net.to_string())
}
