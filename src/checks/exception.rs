//! Exceptions: failures that somebody has accepted, with a reason and an end.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{DAY, Subject, find};
use crate::{Error, client::Result};

/// The longest time for which a failure can be accepted: a year.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * DAY);

/// An accepted failure of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Exception {
    /// The ID of the check.
    pub check: String,
    /// The ID or name of the subject; all subjects if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who accepted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub until: Timestamp,
}

impl Exception {
    /// Accepts a failure of `check` from `now` until `until`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an unknown check, without a reason or a
    /// name, or if it ends in the past or more than a year from now.
    pub fn new(
        check: &str,
        subject: Option<&str>,
        by: &str,
        reason: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Self> {
        let known = find(check).ok_or_else(|| {
            let all: Vec<&str> = super::all().map(|it| it.id).collect();
            let problem = format!("is `{check}`; the checks are {}", all.join(", "));
            Error::invalid_input("check", problem)
        })?;
        for (field, text) in [("by", by), ("reason", reason)] {
            if text.trim().is_empty() {
                return Err(Error::invalid_input(field, "must not be empty"));
            }
        }
        let exception = Self {
            check: known.id.to_owned(),
            subject: subject.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()),
            by: by.trim().to_owned(),
            reason: reason.trim().to_owned(),
            until,
        };
        if !exception.counts(now) {
            let should = format!("is {until}; it must be in the future, and within a year");
            return Err(Error::invalid_input("until", should));
        }
        Ok(exception)
    }

    /// Whether it counts at `now`: it has not ended, and does not last longer than any may.
    pub(super) fn counts(&self, now: Timestamp) -> bool {
        let left = self.until.duration_since(now);
        left.is_positive() && left <= LONGEST
    }

    pub(super) fn covers(&self, subject: &Subject) -> bool {
        self.subject.as_ref().is_none_or(|it| *it == subject.id || *it == subject.name)
    }
}
