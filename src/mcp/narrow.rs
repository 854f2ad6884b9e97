//! What a token or a request narrows. Nothing here can widen what the operator offers.

use http::HeaderMap;
use rmcp::model::Extensions;

use super::Principal;
use crate::{
    client::Result,
    tool::{Choice, Offer, Words},
};

const TOOLSETS: &str = "x-mcp-toolsets";
const TOOLS: &str = "x-mcp-tools";
const EXCLUDE: &str = "x-mcp-exclude-tools";
const READ_ONLY: &str = "x-mcp-readonly";

/// The offer, less what the principal may not have and what the request does not want.
pub(super) fn to(offer: &Offer, principal: &Principal, extensions: &Extensions) -> Result<Offer> {
    let mut offer = offer.clone();
    if principal.read_only || principal.toolsets.is_some() {
        // A token without a word on toolsets has all that are offered.
        let toolsets = principal.toolsets.clone().unwrap_or_else(|| vec!["all".to_owned()]);
        let words = Words { toolsets, read_only: principal.read_only, ..Words::default() };
        offer = offer.narrowed(Choice::read(&words)?);
    }
    let Some(parts) = extensions.get::<http::request::Parts>() else { return Ok(offer) };
    let mut wanted = Words {
        toolsets: list(&parts.headers, TOOLSETS),
        tools: list(&parts.headers, TOOLS),
        exclude: list(&parts.headers, EXCLUDE),
        read_only: list(&parts.headers, READ_ONLY).iter().any(|it| it == "true" || it == "1"),
    };
    if wanted.is_empty() {
        return Ok(offer);
    }
    if wanted.toolsets.is_empty() && wanted.tools.is_empty() {
        wanted.toolsets = vec!["all".to_owned()];
    }
    Ok(offer.narrowed(Choice::read(&wanted)?))
}

/// The words of a header, between commas.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|it| it.to_str().ok());
    let words = values.flat_map(|it| it.split(',')).map(str::trim).filter(|it| !it.is_empty());
    words.map(str::to_owned).collect()
}
