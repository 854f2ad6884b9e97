//! Reports that are made again and again.

use jiff::{SignedDuration, Timestamp};

use super::{LONGEST, Reports};
use crate::{Error, client::Result, history::KeptReport, report::Report};

/// How often reports are made, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    every: SignedDuration,
    most: usize,
}

impl Schedule {
    /// Makes a report every so often, each about the time since the last one, and keeps the newest `most`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for less than an hour or more than 89 days, and if none is to
    /// be kept.
    pub fn new(every: SignedDuration, most: usize) -> Result<Self> {
        if every > LONGEST || every < SignedDuration::from_hours(1) {
            return Err(Error::invalid_input("every", "must be between `1h` and `89d`"));
        }
        if most == 0 {
            return Err(Error::invalid_input("keep", "must be at least 1"));
        }
        Ok(Self { every, most })
    }
}

impl Reports<'_> {
    /// Makes the report that is due by `schedule`; none if it is not due. Reports that somebody asked for are kept
    /// apart, and change nothing about it. Without a history none is ever due, because none is kept.
    ///
    /// # Errors
    ///
    /// Those of [`make`](Self::make), and [`History`](crate::ErrorKind::History) if the history cannot be read.
    pub async fn make_due(&self, schedule: Schedule, now: Timestamp) -> Result<Option<Report>> {
        if self.tailnet.history().is_none() {
            return Ok(None);
        }
        let kept = self.kept().await?;
        let last: Option<&KeptReport> = kept.iter().find(|it| it.is_scheduled);
        let is_due = |it: &KeptReport| now.as_second() - it.at >= schedule.every.as_secs();
        if !last.is_none_or(is_due) {
            return Ok(None);
        }
        let reports = Self { most: schedule.most, is_scheduled: true, ..*self };
        reports.make(schedule.every).await.map(Some)
    }
}
