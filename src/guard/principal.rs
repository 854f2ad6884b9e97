//! The principal of a call.

use std::{collections::BTreeMap, sync::Arc};

use crate::guardrails::ToolLimit;

/// Who makes a call, and what the administrator allows them. Over HTTP, the holder of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// The name in the journal, the audit log and the limits.
    pub name: Arc<str>,
    /// Whether only tools that read are allowed, regardless of the server's access level.
    pub read_only: bool,
    /// The only toolsets that are offered; `None` for all that the server offers.
    pub toolsets: Option<Vec<String>>,
    /// How often tools may be used, by their names.
    pub limits: BTreeMap<String, ToolLimit>,
}

impl Principal {
    /// The name of the local user: the one who started this process, or any caller on this machine if no
    /// token is required.
    pub const LOCAL: &str = "local";

    /// A principal who may use all that the server offers.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), read_only: false, toolsets: None, limits: BTreeMap::new() }
    }

    /// The local user.
    pub fn local() -> Self {
        Self::new(Self::LOCAL)
    }
}
