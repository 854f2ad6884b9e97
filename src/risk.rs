//! The risk of a call.

use std::{fmt, str::FromStr};

use serde::Serialize;

/// The risk of a call for the tailnet, from lowest to highest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Changes nothing.
    #[default]
    Read,
    /// Changes a single resource, and can be undone.
    Change,
    /// Deletes, locks out, changes several resources at once, or cannot be undone.
    Danger,
}

impl Risk {
    /// The name of the risk: `read`, `change` or `danger`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Danger => "danger",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Risk {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "change" => Ok(Self::Change),
            "danger" => Ok(Self::Danger),
            _ => Err("use `read`, `change` or `danger`".to_owned()),
        }
    }
}
