//! The operations of the admin API, and what its document says of each.

use std::fmt;

include!(concat!(env!("OUT_DIR"), "/operation.rs"));

/// What the document says of one operation.
pub(crate) struct Facts {
    id: &'static str,
    method: &'static str,
    path: &'static str,
    tag: &'static str,
    summary: &'static str,
    scopes: &'static [&'static str],
    reads: bool,
}

impl Operation {
    /// The name in the document: `setDeviceTags`.
    pub const fn id(self) -> &'static str {
        self.facts().id
    }

    /// The HTTP method: `POST`.
    pub const fn method(self) -> &'static str {
        self.facts().method
    }

    /// The path under the base URL, with its parameters in braces: `/device/{deviceId}/tags`.
    pub const fn path(self) -> &'static str {
        self.facts().path
    }

    /// The group that the document puts it in: `Devices`.
    pub const fn tag(self) -> &'static str {
        self.facts().tag
    }

    /// A few words on what it does.
    pub const fn summary(self) -> &'static str {
        self.facts().summary
    }

    /// The OAuth scopes that the document names; where it names none, nobody guesses.
    pub const fn scopes(self) -> &'static [&'static str] {
        self.facts().scopes
    }

    /// Whether it leaves everything as it is. Two operations that only read are `POST`s.
    pub const fn reads(self) -> bool {
        self.facts().reads
    }

    /// Whether sending it twice comes to the same as sending it once, by its method.
    pub fn is_idempotent(self) -> bool {
        self.reads() || matches!(self.method(), "PUT" | "DELETE")
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
