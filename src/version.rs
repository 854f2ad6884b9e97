//! Versions of the Tailscale client.

use std::{fmt, str::FromStr};

use crate::Error;

/// A version of the Tailscale client: `1.82.0` for `1.82.0-t0929812-g7c14b1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 3]);

impl Version {
    /// The version with these numbers: major, minor, patch.
    pub(crate) const fn new(numbers: [u32; 3]) -> Self {
        Self(numbers)
    }

    /// The three numbers.
    pub(crate) const fn numbers(self) -> [u32; 3] {
        self.0
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong =
            || Error::invalid_input("version", format!("is `{text}`; write it as `1.82.0`"));
        let numbers = text.trim().trim_start_matches('v');
        let numbers = numbers.split(['-', '+', ' ']).next().unwrap_or_default();
        let mut parts = [0; 3];
        for (index, number) in numbers.split('.').enumerate() {
            *parts.get_mut(index).ok_or_else(wrong)? = number.parse().map_err(|_| wrong())?;
        }
        Ok(Self(parts))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}
