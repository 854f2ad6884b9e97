//! Selectors: how a rule names users, devices and addresses.

use std::{fmt, ops::Range};

use super::address::Span;

/// A selector in a rule, with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// What it selects.
    pub kind: SelectorKind,
    /// The selector as written, without surrounding spaces.
    pub text: String,
    /// The byte range in the file.
    pub at: Range<usize>,
}

/// What a [`Selector`] selects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SelectorKind {
    /// `*`: all devices of the tailnet, and the subnets behind its subnet routers.
    Any,
    /// A user, by login name in lower case.
    User(String),
    /// `user:*@example.com`: all users with a login name in this domain.
    Domain(String),
    /// `group:eng`
    Group(String),
    /// `tag:web`
    Tag(String),
    /// `autogroup:member`; only the part after the colon is stored.
    Autogroup(String),
    /// `ipset:office`
    IpSet(String),
    /// `svc:web`
    Service(String),
    /// `posture:…` and other prefixes that are not valid in a rule.
    Other(String),
    /// An address, a prefix or a range.
    Addresses(Span),
    /// Any other name: an entry of `hosts`, or an unknown name.
    Host(String),
}

impl Selector {
    /// Parses a selector. This never fails; whether the name exists is checked later.
    pub fn parse(written: &str, at: Range<usize>) -> Self {
        let text = written.trim();
        Self { kind: SelectorKind::parse(text), text: text.to_owned(), at }
    }

    /// Whether the selector is `autogroup:` followed by `name`.
    pub fn is_autogroup(&self, name: &str) -> bool {
        matches!(&self.kind, SelectorKind::Autogroup(it) if it == name)
    }
}

impl SelectorKind {
    fn parse(text: &str) -> Self {
        if text == "*" {
            return Self::Any;
        }
        if let Ok(span) = text.parse() {
            return Self::Addresses(span);
        }
        match text.split_once(':') {
            Some(("user", rest)) => match rest.strip_prefix("*@") {
                Some(domain) => Self::Domain(domain.to_ascii_lowercase()),
                None => Self::Other(text.to_owned()),
            },
            Some(("group", _)) => Self::Group(text.to_owned()),
            Some(("tag", _)) => Self::Tag(text.to_owned()),
            // `autogroup:members` is the older spelling.
            Some(("autogroup", "members")) => Self::Autogroup("member".to_owned()),
            Some(("autogroup", name)) => Self::Autogroup(name.to_owned()),
            Some(("ipset", _)) => Self::IpSet(text.to_owned()),
            Some(("svc", _)) => Self::Service(text.to_owned()),
            Some(_) => Self::Other(text.to_owned()),
            None if text.contains('@') => Self::User(text.to_ascii_lowercase()),
            None => Self::Host(text.to_owned()),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
