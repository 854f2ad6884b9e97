//! How often a tool may be used.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer};

/// How often something may be done in an hour or a day, such as `5/hour`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolLimit {
    /// How often.
    pub most: u32,
    /// In which time: an hour or a day.
    pub within: Duration,
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl FromStr for ToolLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let should = "must be a number per hour or per day, such as `5/hour` or `20/day`";
        let (most, within) = text.trim().split_once('/').ok_or(should)?;
        let within = match within.trim() {
            "hour" => HOUR,
            "day" => DAY,
            _ => return Err(should),
        };
        Ok(Self { most: most.trim().parse().map_err(|_| should)?, within })
    }
}

impl fmt::Display for ToolLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.most, if self.within == DAY { "day" } else { "hour" })
    }
}

impl<'de> Deserialize<'de> for ToolLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
