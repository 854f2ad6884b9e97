//! How a rule names people, devices and addresses.

use std::{fmt, ops::Range};

use super::address::Span;

/// A name in a rule, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// What it selects.
    pub kind: SelectorKind,
    /// As it is written, without spaces around it.
    pub text: String,
    /// Where it stands in the file.
    pub at: Range<usize>,
}

/// What a [`Selector`] selects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SelectorKind {
    /// `*`: the tailnet, and the subnets behind its routers.
    Any,
    /// The devices of a person.
    User(String),
    /// `user:*@example.com`: the devices of everybody with an address there.
    Domain(String),
    /// `group:eng`
    Group(String),
    /// `tag:web`
    Tag(String),
    /// `autogroup:member`, by what follows the colon.
    Autogroup(String),
    /// `ipset:office`
    IpSet(String),
    /// `svc:web`
    Service(String),
    /// `posture:…` and other prefixes that mean something elsewhere.
    Other(String),
    /// An address, a prefix or a range.
    Addresses(Span),
    /// A name out of `hosts`, or none at all.
    Host(String),
}

impl Selector {
    /// Reads a name. There is nothing that is not one; whether it means anything is checked later.
    pub fn parse(written: &str, at: Range<usize>) -> Self {
        let text = written.trim();
        Self { kind: SelectorKind::parse(text), text: text.to_owned(), at }
    }

    /// Whether it is that autogroup.
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
            // The plural is the older spelling.
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
