//! The operations of the admin API, and what its OpenAPI document says about each.

use std::fmt;

use serde_json::Value;

use crate::risk::Risk;

include!(concat!(env!("OUT_DIR"), "/operation.rs"));

/// What the OpenAPI document says about an operation.
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
    /// The operation ID in the OpenAPI document: `setDeviceTags`.
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

    /// The group in the OpenAPI document: `Devices`.
    pub const fn tag(self) -> &'static str {
        self.facts().tag
    }

    /// A short description.
    pub const fn summary(self) -> &'static str {
        self.facts().summary
    }

    /// The OAuth scopes in the OpenAPI document; empty if it names none.
    pub const fn scopes(self) -> &'static [&'static str] {
        self.facts().scopes
    }

    /// Whether the operation changes nothing. This includes two operations that use `POST`.
    pub const fn reads(self) -> bool {
        self.facts().reads
    }

    /// The risk of the operation.
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

    /// The name of the generated tool: `api_set_device_tags`.
    pub const fn tool(self) -> &'static str {
        self.facts().tool
    }

    /// The JSON schema of the input: the path and query parameters by name, and `body`.
    pub fn input(self) -> Value {
        serde_json::from_str(self.facts().input).unwrap_or_default()
    }

    /// Whether the body may be HuJSON.
    pub const fn takes_text(self) -> bool {
        self.facts().takes_text
    }

    /// The names of input and output fields that are secret.
    pub const fn secrets(self) -> &'static [&'static str] {
        self.facts().secrets
    }

    /// Whether the result is a complete list of records, possibly inside an object. False where the API
    /// itself returns a list in pages.
    pub const fn lists(self) -> bool {
        self.facts().lists
    }

    /// The operation with this ID in the OpenAPI document.
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.id() == id)
    }

    /// Whether sending the request twice has the same effect as sending it once, judged by its method.
    pub fn is_idempotent(self) -> bool {
        self.reads() || matches!(self.method(), "PUT" | "DELETE")
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}
