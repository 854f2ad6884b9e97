//! The operations of the admin API, and what its document says of each.

use std::fmt;

use serde_json::Value;

use crate::risk::Risk;

include!(concat!(env!("OUT_DIR"), "/operation.rs"));

/// What the document says of one operation.
#[expect(clippy::struct_excessive_bools, reason = "a table of what holds and what does not")]
pub(crate) struct Facts {
    id: &'static str,
    method: &'static str,
    path: &'static str,
    tag: &'static str,
    summary: &'static str,
    scopes: &'static [&'static str],
    reads: bool,
    danger: bool,
    tool: &'static str,
    input: &'static str,
    takes_text: bool,
    secrets: &'static [&'static str],
    lists: bool,
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

    /// How much can go wrong, by its method; the document says where that lies.
    pub const fn risk(self) -> Risk {
        let facts = self.facts();
        if facts.reads {
            Risk::Read
        } else if facts.danger {
            Risk::Danger
        } else {
            Risk::Change
        }
    }

    /// The name of the tool that does just this: `api_set_device_tags`.
    pub const fn tool(self) -> &'static str {
        self.facts().tool
    }

    /// A JSON Schema of what goes into it: the parameters of path and query by name, and `body`.
    pub fn input(self) -> Value {
        serde_json::from_str(self.facts().input).unwrap_or_default()
    }

    /// Whether its body may be HuJSON.
    pub const fn takes_text(self) -> bool {
        self.facts().takes_text
    }

    /// Names of fields, of what goes in and of what comes out, that are secret.
    pub const fn secrets(self) -> &'static [&'static str] {
        self.facts().secrets
    }

    /// Whether it answers a list of records, perhaps under one name.
    pub const fn lists(self) -> bool {
        self.facts().lists
    }

    /// The operation that the document calls `id`.
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.id() == id)
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
