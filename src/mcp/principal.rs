//! Who asks.

use std::sync::Arc;

use rmcp::model::Extensions;

/// Who asks, and what of it the operator allows them. Over HTTP it is the holder of a token.
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
    /// Whoever started this process, or is on this machine where no token is asked for.
    pub const LOCAL: &str = "local";

    /// One that may do all that the server offers.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), read_only: false, toolsets: None }
    }

    /// The local user.
    pub fn local() -> Self {
        Self::new(Self::LOCAL)
    }

    /// Who sent the request with these extensions; over stdio the local user.
    pub fn of(extensions: &Extensions) -> Self {
        let parts = extensions.get::<http::request::Parts>();
        parts.and_then(|it| it.extensions.get::<Self>()).cloned().unwrap_or_else(Self::local)
    }
}
