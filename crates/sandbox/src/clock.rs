//! The sandbox's own time: the system's or a fixed instant, plus whatever it was moved ahead.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Tells the time inside a sandbox. A fixed clock stands still until it is moved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Clock {
    fixed: Option<Timestamp>,
    ahead: SignedDuration,
}

impl Clock {
    pub(crate) fn new(fixed: Option<Timestamp>) -> Self {
        Self { fixed, ahead: SignedDuration::ZERO }
    }

    /// The time in microseconds, the precision of the audit log.
    pub(crate) fn now(&self) -> Timestamp {
        let base = self.fixed.unwrap_or_else(Timestamp::now);
        let now = base.checked_add(self.ahead).unwrap_or(Timestamp::MAX);
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Moves the clock ahead; time never goes back.
    pub(crate) fn advance(&mut self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.ahead = self.ahead.saturating_add(by);
    }
}

/// An instant in seconds, the precision of everything outside the audit log.
pub(crate) fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// The instant `seconds` later (earlier if negative), kept within what a timestamp can say.
pub(crate) fn later(at: Timestamp, seconds: i64) -> Timestamp {
    let edge = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(edge)
}

/// Reads an RFC 3339 time as strictly as the API does: a full date, a time to the second and an
/// offset. Jiff alone would also take shorter ISO 8601 forms.
pub(crate) fn rfc3339(text: &str) -> Option<Timestamp> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let shape = date_time.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T' || byte == b't',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let offset = rest
        .strip_prefix('.')
        .map_or(rest, |fraction| fraction.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    let offset_shape = match offset.as_bytes() {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|d| d.is_ascii_digit()),
        _ => false,
    };
    if shape && offset_shape { text.parse().ok() } else { None }
}
