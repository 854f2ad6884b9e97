//! Checks of a tailnet's compliance: pure functions from [`Facts`] that were read once to an [`Outcome`].
//!
//! What could not be read makes a check [`Unknown`](Verdict::Unknown), never [`Ok`](Verdict::Ok).
//!
//! ```
//! use tailsteward::checks::{self, Facts, Unknown, Verdict};
//!
//! let facts = Facts::unknown(jiff::Timestamp::now(), &Unknown::failed("nothing was read"));
//! let report = checks::run(&facts, &[]);
//! assert!(report.outcomes.iter().all(|it| it.verdict == Verdict::Unknown));
//! assert_eq!(report.score.points, None);
//! ```

use std::fmt;

use serde::Serialize;

pub mod bulletins;
mod devices;
mod exception;
mod facts;
mod fleet;
mod keys;
mod log;
mod policy;
mod records;
mod routes;
mod run;
mod score;
mod settings;
mod users;

pub use self::{
    bulletins::{BULLETINS, Bulletin, Condition},
    exception::Exception,
    facts::{Facts, Known, Policy, Unknown, Why},
    records::{
        Contacts, Device, Event, Invite, Key, KeyKind, Keys, Posture, Settings, Stream, User,
        Webhook,
    },
    run::{Accepted, Outcome, Report, Verdict, run},
    score::Score,
};
use crate::visible::visible_up_to;

/// How serious it is if a check fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "server", derive(serde::Deserialize, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; it does not count in the score.
    Info,
    /// Good practice.
    Low,
    /// Should be changed.
    Medium,
    /// Should be changed soon.
    High,
    /// Somebody may get in now.
    Critical,
}

impl Severity {
    /// All severities, the most serious first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The name, such as `high`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// What a check of this severity weighs in the score.
    pub fn weight(self) -> u32 {
        match self {
            Self::Info => 0,
            Self::Low => 1,
            Self::Medium => 3,
            Self::High => 5,
            Self::Critical => 10,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A check.
#[derive(Debug)]
#[non_exhaustive]
pub struct Check {
    /// The ID, such as `D1`. An ID is never used again for another check.
    pub id: &'static str,
    /// What is wrong if it fails.
    pub title: &'static str,
    /// How serious that is; a subject may be more or less serious.
    pub severity: Severity,
    /// When it fails, in words.
    pub fails: &'static str,
    /// What to do if it fails.
    pub remedy: &'static str,
    /// Where the advice comes from, and what of it could not be verified.
    pub source: &'static str,
    /// Whether it looks at each device, so that a filter of devices applies.
    pub of_devices: bool,
    look: fn(&Facts) -> Looked,
}

/// Something that fails a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Subject {
    /// The ID of the device, user or key; for others, the name.
    pub id: String,
    /// The name, safe to show.
    pub name: String,
    /// What was seen, safe to show.
    pub evidence: String,
    /// How serious it is here.
    pub severity: Severity,
}

impl Subject {
    /// Names and evidence come from devices and users, so they are made visible and cut.
    fn new(check: &Check, id: &str, name: &str, evidence: impl AsRef<str>) -> Self {
        const NAME: usize = 80;
        const EVIDENCE: usize = 240;
        Self {
            id: visible_up_to(id, NAME).into_owned(),
            name: visible_up_to(name, NAME).into_owned(),
            evidence: visible_up_to(evidence.as_ref(), EVIDENCE).into_owned(),
            severity: check.severity,
        }
    }

    fn rated(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }
}

/// What a check saw, or why it could not look.
type Looked = Result<Seen, Unknown>;

/// What a check saw.
#[derive(Debug, Default)]
struct Seen {
    /// What fails it.
    subjects: Vec<Subject>,
    /// Why it does not apply.
    does_not_apply: Option<String>,
    /// What of it is not known: the check does not pass then.
    missing: Option<Unknown>,
    /// What was looked at, where that is less than one may think.
    note: Option<String>,
}

impl Seen {
    /// The check fails if there is a subject.
    fn of(subjects: Vec<Subject>) -> Self {
        Self { subjects, ..Self::default() }
    }

    /// There is nothing to look at.
    fn nothing(why: impl Into<String>) -> Self {
        Self { does_not_apply: Some(why.into()), ..Self::default() }
    }

    fn noted(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// A part could not be looked at. If nothing else fails, the result is unknown.
    fn missing(self, part: Option<Unknown>) -> Self {
        Self { missing: self.missing.or(part), ..self }
    }
}

/// All checks, in the order of their IDs.
pub fn all() -> impl Iterator<Item = &'static Check> {
    GROUPS.iter().copied().flatten()
}

/// The check with this ID; case does not matter.
pub fn find(id: &str) -> Option<&'static Check> {
    all().find(|it| it.id.eq_ignore_ascii_case(id.trim()))
}

const GROUPS: [&[Check]; 8] = [
    fleet::CHECKS,
    devices::CHECKS,
    keys::CHECKS,
    policy::CHECKS,
    settings::CHECKS,
    users::CHECKS,
    routes::CHECKS,
    log::CHECKS,
];

/// Days in hours, for durations.
const DAY: i64 = 24;

/// The time from `then` to `now`, in days, as in `12 d`.
fn days(then: jiff::Timestamp, now: jiff::Timestamp) -> i64 {
    now.duration_since(then).as_hours() / DAY
}
