//! Times of the week, such as `mon-fri 08:00-18:00 Europe/Berlin`.

use std::{fmt, str::FromStr};

use jiff::{
    Timestamp, Zoned,
    civil::{Weekday, time},
    tz::TimeZone,
};
use serde::{Deserialize, Deserializer};

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// The longest text of a window.
const MAX_TEXT: usize = 200;

/// A time of the week in a time zone: days, and the time from when to when by the clock on the wall there. If it
/// ends before it begins, it ends on the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days on which it begins, by their offset from Monday.
    days: Vec<i8>,
    /// In minutes since midnight.
    from: u16,
    to: u16,
    zone: TimeZone,
    text: String,
}

impl Window {
    /// Whether `now` is in it.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let there = now.to_zoned(self.zone.clone());
        let minute = minute(&there);
        let today = there.weekday().to_monday_zero_offset();
        let yesterday = (today + 6) % 7;
        if self.from < self.to {
            return self.days.contains(&today) && (self.from..self.to).contains(&minute);
        }
        (self.days.contains(&today) && minute >= self.from)
            || (self.days.contains(&yesterday) && minute < self.to)
    }

    /// When it opens next after `now`.
    pub fn next_opening(&self, now: Timestamp) -> Option<Timestamp> {
        let today = now.to_zoned(self.zone.clone()).date();
        let hour = i8::try_from(self.from / 60).ok()?;
        let clock = time(hour, i8::try_from(self.from % 60).ok()?, 0, 0);
        // It may have begun today already, and then it opens in a week.
        (0..=7_i64).find_map(|ahead| {
            let date = today.checked_add(jiff::Span::new().days(ahead)).ok()?;
            let is_day = self.days.contains(&date.weekday().to_monday_zero_offset());
            let opening = date.to_datetime(clock).to_zoned(self.zone.clone()).ok()?;
            let opening = if opening.time() == clock {
                opening.timestamp()
            } else {
                // Clocks are put forward over this time: it opens at that moment.
                self.zone.preceding(opening.timestamp()).next()?.timestamp()
            };
            (is_day && opening > now).then_some(opening)
        })
    }

    /// The texts of all windows, for a sentence.
    #[cfg(feature = "server")]
    pub(crate) fn all(windows: &[Self]) -> String {
        let texts: Vec<String> = windows.iter().map(|window| format!("`{window}`")).collect();
        texts.join(" and ")
    }

    /// When the first of the windows opens, for a sentence that begins with what to do then.
    #[cfg(feature = "server")]
    pub(crate) fn next(windows: &[Self], now: Timestamp) -> String {
        let openings = windows.iter().filter_map(|it| Some((it.next_opening(now)?, &it.zone)));
        openings.min_by_key(|it| it.0).map_or_else(
            || "when a window is open".to_owned(),
            |(at, zone)| {
                let there = at.to_zoned(zone.clone());
                format!("after {}", there.strftime("%a %Y-%m-%d %H:%M %Z"))
            },
        )
    }
}

fn minute(there: &Zoned) -> u16 {
    let part = |value: i8| u16::try_from(value).unwrap_or_default();
    part(there.hour()) * 60 + part(there.minute())
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let should =
            |what: &str| format!("{what}; write it like `mon-fri 08:00-18:00 Europe/Berlin`");
        if text.len() > MAX_TEXT {
            return Err(should("is too long"));
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let [days, times, zone] = words.as_slice() else {
            return Err(should("must have days, times and a time zone"));
        };
        let days = parse_days(days).ok_or_else(|| should("has unknown days"))?;
        let times = times.split_once('-');
        let times = times.and_then(|(from, to)| Some((clock(from)?, clock(to)?)));
        let (from, to) = times
            .filter(|(from, to)| from != to && *from < DAY)
            .ok_or_else(|| should("must have two different times between 00:00 and 24:00"))?;
        let zone = TimeZone::get(zone).map_err(|_| should("has an unknown time zone"))?;
        Ok(Self { days, from, to, zone, text: words.join(" ") })
    }
}

fn parse_days(text: &str) -> Option<Vec<i8>> {
    let offset = |name: &str| {
        let found = DAYS.iter().find(|day| day.0.eq_ignore_ascii_case(name));
        found.map(|day| day.1.to_monday_zero_offset())
    };
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (offset(first)?, offset(last)?),
            None => (offset(part)?, offset(part)?),
        };
        // `sat-mon` goes on over the end of the week.
        let length = (last - first).rem_euclid(7);
        days.extend((0..=length).map(|ahead| (first + ahead) % 7));
    }
    Some(days)
}

/// Minutes since midnight.
fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u16>().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let sum = hours * 60 + minutes;
    (minutes < 60 && sum <= DAY).then_some(sum)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
