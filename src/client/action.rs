//! Actions that an error suggests. Each surface (tool, command line) adds its own name for them.

use std::fmt;

use crate::Operation;

/// An action that an error suggests. The library names it by its operation or function; the MCP
/// server renders it as a tool, and the command line as a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Call an operation of the API.
    Call(Operation),
    /// List recorded changes.
    ListChanges,
    /// Show one recorded change.
    ShowChange,
    /// Watch the tailnet, so that there is a history.
    Watch,
    /// Set or correct a setting.
    Configure(Setting),
}

/// A setting that an error refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// The credential for the API.
    Credential,
    /// The location of the journal.
    Journal,
    /// The location of the history.
    History,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call(operation) => operation.id(),
            Self::ListChanges => "Changes::list",
            Self::ShowChange => "Changes::get",
            Self::Watch => "Poller::look",
            Self::Configure(Setting::Credential) => "Settings::credential",
            Self::Configure(Setting::Journal) => "Actor::journal",
            Self::Configure(Setting::History) => "Tailnet::with_history",
        })
    }
}
