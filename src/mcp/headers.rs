//! Reduces the offered tools for a token or a request. Nothing here can add to what the administrator
//! offers.

use std::sync::Arc;

use http::HeaderMap;
use rmcp::model::Extensions;

use crate::{
    Error,
    catalogue::{Offer, Selectors, ToolSelection},
    client::Result,
    guard::Principal,
};

const TOOLSETS: &str = "x-tailsteward-toolsets";
const TOOLS: &str = "x-tailsteward-tools";
const EXCLUDE: &str = "x-tailsteward-exclude-tools";
const READ_ONLY: &str = "x-tailsteward-readonly";

/// Who sent the request with these extensions; over stdio `local`.
pub(super) fn principal(extensions: &Extensions, local: &Principal) -> Principal {
    let parts = extensions.get::<http::request::Parts>();
    let principal = parts.and_then(|parts| parts.extensions.get::<Principal>());
    principal.unwrap_or(local).clone()
}

/// The offer without the tools that the principal may not use or the request does not want.
pub(super) fn to(offer: &Offer, principal: &Principal, extensions: &Extensions) -> Result<Offer> {
    let mut offer = offer.clone();
    if principal.read_only || principal.toolsets.is_some() {
        // A token without `toolsets` may use all of them.
        let toolsets = principal.toolsets.clone().unwrap_or_else(everything);
        if toolsets.is_empty() {
            return Err(Error::invalid_input(
                "toolsets",
                "of this token is empty: it may not call any tool",
            ));
        }
        let words = Selectors { toolsets, read_only: principal.read_only, ..Selectors::default() };
        offer = offer.narrowed(ToolSelection::read(&words)?);
    }
    if let Some(allowances) = &principal.allowances {
        offer = offer.limited_to(Arc::clone(allowances));
    }
    let Some(parts) = extensions.get::<http::request::Parts>() else { return Ok(offer) };
    let mut wanted = Selectors {
        toolsets: list(&parts.headers, TOOLSETS)?,
        tools: list(&parts.headers, TOOLS)?,
        exclude: list(&parts.headers, EXCLUDE)?,
        read_only: switch(&parts.headers, READ_ONLY)?,
    };
    if wanted.is_empty() {
        return Ok(offer);
    }
    if wanted.toolsets.is_empty() && wanted.tools.is_empty() {
        wanted.toolsets = everything();
    }
    Ok(offer.narrowed(ToolSelection::read(&wanted)?))
}

/// All toolsets, including the generated ones.
fn everything() -> Vec<String> {
    ["all", "api"].map(str::to_owned).into()
}

/// The comma-separated values of a header.
fn list(headers: &HeaderMap, name: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for value in headers.get_all(name) {
        // An unreadable header must not be ignored, since it may restrict the offer.
        let text = value.to_str().map_err(|_| Error::invalid_input(name, "must be plain text"))?;
        words.extend(text.split(',').map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned));
    }
    Ok(words)
}

/// The value of a boolean header.
fn switch(headers: &HeaderMap, name: &str) -> Result<bool> {
    let mut on = false;
    for word in list(headers, name)? {
        on |= match word.to_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => return Err(Error::invalid_input(name, format!("is `{word}`; use true or false"))),
        };
    }
    Ok(on)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::allow_attributes, reason = "a test")]

    use http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &[u8]) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            HeaderValue::from_bytes(value).unwrap(),
        )])
    }

    #[test]
    fn what_is_no_switch_is_refused_and_not_taken_for_off() {
        for (word, on) in [("true", true), ("TRUE", true), ("1", true), ("off", false)] {
            assert_eq!(switch(&headers(READ_ONLY, word.as_bytes()), READ_ONLY).unwrap(), on);
        }
        for word in [&b"maybe"[..], b"tru", b"\xff\xfe"] {
            assert!(switch(&headers(READ_ONLY, word), READ_ONLY).is_err(), "{word:?}");
        }
    }

    #[test]
    fn words_are_between_commas() {
        let words = list(&headers(TOOLS, b" a, b ,,c"), TOOLS).unwrap();
        assert_eq!(words, ["a", "b", "c"]);
        assert!(list(&headers(TOOLS, b"a,\xff"), TOOLS).is_err());
    }

    #[test]
    fn a_token_without_toolsets_has_nothing() {
        let mut nobody = Principal::new("nobody");
        nobody.toolsets = Some(Vec::new());
        assert!(
            to(&Offer::up_to(crate::change::Risk::Danger), &nobody, &Extensions::new()).is_err()
        );
    }
}
