//! What to do about an error: the action. The surface that shows it adds the tool or option.

use std::fmt;

use crate::Operation;

/// Something to do about an error. A program calls the operation, an assistant a tool, a person a
/// command: each surface names its own way. As text it is the name that the library has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Call an operation of the API.
    Call(Operation),
    /// List what was changed.
    ListChanges,
    /// Look at one change.
    ShowChange,
    /// Give or mend a setting.
    Configure(Setting),
}

/// A setting that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// The credential for the API.
    Credential,
    /// Where the journal is kept.
    Journal,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call(operation) => operation.id(),
            Self::ListChanges => "Changes::list",
            Self::ShowChange => "Changes::get",
            Self::Configure(Setting::Credential) => "Settings::credential",
            Self::Configure(Setting::Journal) => "Actor::journal",
        })
    }
}
