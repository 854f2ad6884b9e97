//! Who calls.

use std::sync::Arc;

/// Who calls, and what the operator allows them. Over HTTP it is the holder of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// The name in journal, audit and limits.
    pub name: Arc<str>,
    /// Whether only reading is allowed, whatever the server's access is.
    pub read_only: bool,
    /// The only toolsets that are offered; absent if all that the server offers are.
    pub toolsets: Option<Vec<String>>,
}

impl Principal {
    /// The name of the local user: who started this process, or who calls from this machine where
    /// no token is required.
    pub const LOCAL: &str = "local";

    /// One that may do all that the server offers.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), read_only: false, toolsets: None }
    }

    /// The local user.
    pub fn local() -> Self {
        Self::new(Self::LOCAL)
    }
}
