//! The part of a report about what expires. Pure.

use jiff::{SignedDuration, Timestamp};

use super::{Gathered, ROWS, cut, devices::days, first};
use crate::{
    checks::{Device, Key, Known},
    report::{Expiring, Expiry, Week},
    words::{day, to_the_second},
};

/// How far ahead it looks, in days.
const DAYS: i64 = 180;
const WEEK: i64 = 7;

/// Whose key expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Tagged,
    Other,
    Credential,
}

impl Gathered {
    pub(super) fn expiry(&self) -> Known<Expiry> {
        let devices = self.facts.devices.as_ref().map_err(Clone::clone)?;
        let own = || devices.iter().filter(|it| !it.shared_in);
        let mut all: Vec<(Timestamp, Whose, Expiring)> =
            own().filter_map(|it| device(it, self.now)).collect();
        if let Ok(keys) = &self.facts.keys {
            all.extend(keys.list.iter().filter_map(|it| credential(it, self.now)));
        }
        all.sort_by_key(|it| it.0);
        let limit = self.now + SignedDuration::from_hours(24 * DAYS);
        all.retain(|it| it.0 <= limit);
        let weeks = (0..=DAYS / WEEK).map(|week| self.week(week, &all)).collect();
        let (next, more) = first(all.into_iter().map(|it| it.2).collect(), 2 * ROWS);
        let lasts = |it: &&Device| it.key_expiry_disabled;
        let is_over = |it: &&Device| !lasts(it) && it.expires.is_some_and(|at| at <= self.now);
        Ok(Expiry {
            weeks,
            next,
            more,
            expired: own().filter(is_over).count(),
            never: own().filter(lasts).count(),
            unknown: own().filter(|it| !lasts(it) && it.expires.is_none()).count(),
            without_credentials: self.facts.keys.as_ref().err().map(|it| it.text.clone()),
        })
    }

    fn week(&self, week: i64, all: &[(Timestamp, Whose, Expiring)]) -> Week {
        let days = week * WEEK..(week + 1) * WEEK;
        let here: Vec<Whose> =
            all.iter().filter(|it| days.contains(&it.2.days)).map(|it| it.1).collect();
        let count = |of: Whose| here.iter().filter(|it| **it == of).count();
        let from = self.now + SignedDuration::from_hours(24 * days.start);
        Week {
            from: day(from),
            tagged: count(Whose::Tagged),
            others: count(Whose::Other),
            credentials: count(Whose::Credential),
        }
    }
}

fn device(it: &Device, now: Timestamp) -> Option<(Timestamp, Whose, Expiring)> {
    let at = it.expires.filter(|at| *at > now && !it.key_expiry_disabled)?;
    let (whose, kind) = if it.tags.is_empty() {
        (Whose::Other, "device")
    } else {
        (Whose::Tagged, "tagged device")
    };
    Some((at, whose, expiring(kind, &it.name, at, now)))
}

fn credential(it: &Key, now: Timestamp) -> Option<(Timestamp, Whose, Expiring)> {
    let at = it.expires.filter(|at| *at > now)?;
    let name = format!("{} {}", it.id, it.description);
    Some((at, Whose::Credential, expiring(it.kind.singular(), name.trim_end(), at, now)))
}

fn expiring(kind: &str, name: &str, at: Timestamp, now: Timestamp) -> Expiring {
    let days = days(at.duration_since(now));
    Expiring { kind: kind.to_owned(), name: cut(name), at: to_the_second(at), days }
}
