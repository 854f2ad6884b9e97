//! When devices are switched on, if they come and go by themselves. It is computed from the key seed of a device
//! and the day, so nothing is stored, and any moment can be asked about.
//!
//! Servers, which are tagged, run through and fail for some minutes on one day of ten. Devices of people are on
//! for some sessions during working days, and seldom on weekends.

use fastrand::Rng;
use jiff::{Timestamp, civil::Weekday, tz::TimeZone};

use super::super::clock::later;
use super::device::Device;

const DAY: i64 = 86_400;
const HOUR: i64 = 3600;

/// How many days to look back for the end of the last session.
const LOOK_BACK_DAYS: i64 = 40;

/// From when to when a device is on; the end does not belong to it.
pub(crate) type Span = (Timestamp, Timestamp);

impl Device {
    /// Switches the device on or off, as its schedule says. Nothing happens to one without a schedule.
    pub(crate) fn follow_schedule(&mut self, now: Timestamp) {
        if !self.has_schedule {
            return;
        }
        let second = now.as_second();
        let is_in = |(from, to): &(i64, i64)| (*from..*to).contains(&second);
        self.online = self.seconds_on(second.div_euclid(DAY)).iter().any(is_in);
        if !self.online {
            let ends = (0..LOOK_BACK_DAYS).find_map(|ago| {
                let day = self.seconds_on(second.div_euclid(DAY) - ago);
                day.into_iter().map(|(_, to)| to).filter(|to| *to <= second).max()
            });
            let seen = ends.and_then(|at| Timestamp::from_second(at).ok());
            self.seen = seen.map(|at| at.max(self.created)).or(self.seen);
        }
    }

    /// The spans in which the schedule has the device on, within `from` and `to`.
    pub(crate) fn scheduled(&self, from: Timestamp, to: Timestamp) -> Vec<Span> {
        if !self.has_schedule {
            return if self.online { vec![(from, to)] } else { Vec::new() };
        }
        let (first, last) = (from.as_second().div_euclid(DAY), to.as_second().div_euclid(DAY));
        let mut spans: Vec<(i64, i64)> = Vec::new();
        for (start, end) in (first..=last).flat_map(|day| self.seconds_on(day)) {
            let (start, end) = (start.max(from.as_second()), end.min(to.as_second()));
            match spans.last_mut() {
                // It runs on over midnight.
                Some(before) if before.1 == start => before.1 = end,
                _ if start < end => spans.push((start, end)),
                _ => {}
            }
        }
        let at = |second| Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
        spans.into_iter().map(|(start, end)| (at(start), at(end))).collect()
    }

    /// The seconds of a day, counted from 1970, in which the device is on.
    fn seconds_on(&self, day: i64) -> Vec<(i64, i64)> {
        let mut rng = Rng::with_seed(self.key_seed ^ day.unsigned_abs().rotate_left(29));
        let midnight = day * DAY;
        if !self.tags.is_empty() {
            if rng.u8(..10) > 0 {
                return vec![(midnight, midnight + DAY)];
            }
            let length = rng.i64(3 * 60..HOUR);
            let fails = midnight + rng.i64(60..DAY - HOUR);
            return vec![(midnight, fails), (fails + length, midnight + DAY)];
        }
        let date = later(Timestamp::UNIX_EPOCH, midnight).to_zoned(TimeZone::UTC);
        let is_weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        if is_weekend && rng.u8(..5) > 0 {
            return Vec::new();
        }
        let mut at = midnight + rng.i64(7 * HOUR..10 * HOUR);
        let mut sessions = Vec::new();
        for _ in 0..rng.i64(1..4) {
            let end = at + rng.i64(HOUR..4 * HOUR);
            sessions.push((at, end));
            at = end + rng.i64(5 * 60..HOUR);
        }
        sessions
    }
}
