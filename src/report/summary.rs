//! The most important of a report, for who has no room for all of it.

use serde::Serialize;

use super::{Part, Report, Unread};
use crate::{visible::visible_up_to, words::counted};

/// How many needs, and how many of other things, are named.
const NEEDS: usize = 5;
const FEW: usize = 3;
const TALKERS: usize = 5;
/// The longest subject or first step.
const LONGEST: usize = 110;

/// The most important of a report. What is not known says why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The tailnet.
    pub tailnet: String,
    /// Start of the window.
    pub from: String,
    /// Its end.
    pub to: String,
    /// Percent of the window in which somebody watched. None if nobody ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watched_percent: Option<f64>,
    /// What needs attention, the worst first.
    pub needs: Vec<ShortNeed>,
    /// How many more need attention.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_needs: usize,
    /// What changed since the last report.
    pub changes: Short<ShortChanges>,
    /// The devices.
    pub devices: Short<ShortFleet>,
    /// The servers with the least uptime.
    pub least_uptime: Short<Vec<ShortStrip>>,
    /// The score of the audit with how much was looked at, in words.
    pub score: Short<String>,
    /// What expires.
    pub expiry: Short<ShortExpiry>,
    /// Approved subnet routes that no router serves now.
    pub routes_down: Short<Names>,
    /// Traffic.
    pub traffic: Short<ShortTraffic>,
    /// What could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
    /// How many more could not be read.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_unread: usize,
}

/// A part of a summary, or why it is not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Short<T> {
    /// What it says.
    Known(T),
    /// Why it is not known.
    Unknown {
        /// The reason.
        unknown: String,
    },
}

impl<T> Short<T> {
    fn of<P>(part: &Part<P>, known: impl FnOnce(&P) -> T) -> Self {
        match part {
            Part::Known(it) => Self::Known(known(it)),
            Part::Unknown(why) => Self::Unknown { unknown: cut(why) },
        }
    }
}

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShortNeed {
    /// How serious it is.
    pub severity: String,
    /// What is wrong.
    pub title: String,
    /// The first thing that it is wrong with.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub with: String,
    /// With how many more.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: usize,
    /// What to do first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub first_step: String,
}

/// What changed since the last report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShortChanges {
    /// When the last report was made.
    pub since: String,
    /// How many differences there are.
    pub count: usize,
    /// The first of them, in words.
    pub first: Vec<String>,
    /// What the policy file's change does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<String>,
    /// The score of the last report, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_was: Option<u8>,
}

/// The devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShortFleet {
    /// Own devices.
    pub total: usize,
    /// How many of them are connected now.
    pub online: usize,
    /// How many run a version that lacks the fix of a security bulletin.
    pub vulnerable: usize,
}

/// A server over the window.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ShortStrip {
    /// Short name.
    pub name: String,
    /// Percent of the known time in which it was connected. None if too little is known.
    pub up_percent: Option<f64>,
    /// Percent of the window that is known.
    pub known_percent: f64,
    /// How often its connection ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnects: Option<u64>,
    /// The longest known time without a connection, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_outage: Option<String>,
}

/// What expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShortExpiry {
    /// Device keys that have expired.
    pub expired: usize,
    /// What expires within 30 days, of the first that a report lists.
    pub within_30_days: usize,
    /// What expires next, in words.
    pub next: Vec<String>,
}

/// Names, and how many more there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Names {
    /// How many.
    pub count: usize,
    /// The first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<String>,
}

/// Traffic in bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ShortTraffic {
    /// Start of the time that it is of.
    pub from: String,
    /// Percent of that time that was read.
    pub percent: f64,
    /// All bytes.
    pub bytes: u64,
    /// Percent of the bytes that were relayed. None if no paths are reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relayed_percent: Option<f64>,
    /// The devices that moved the most, with their bytes.
    pub most: Vec<(String, u64)>,
}

impl Report {
    /// The most important of the report: at most about 1,500 tokens.
    pub fn summary(&self) -> Summary {
        let need = |it: &super::Need| ShortNeed {
            severity: it.severity.clone(),
            title: it.title.clone(),
            with: it.subjects.first().map(|it| cut(it)).unwrap_or_default(),
            more: it.more + it.subjects.len().saturating_sub(1),
            first_step: cut(&it.first_step),
        };
        let unread = self.head.unread.iter().take(FEW);
        Summary {
            tailnet: self.head.tailnet.clone(),
            from: self.head.from.clone(),
            to: self.head.to.clone(),
            watched_percent: self.head.watched.as_ref().map(|it| it.percent),
            needs: self.needs.iter().take(NEEDS).map(need).collect(),
            more_needs: self.needs.len().saturating_sub(NEEDS) + self.more_needs,
            changes: Short::of(&self.changes, changes),
            devices: Short::of(&self.fleet, |it| ShortFleet {
                total: it.total,
                online: it.online,
                vulnerable: it.versions.iter().map(|it| it.vulnerable).sum(),
            }),
            least_uptime: Short::of(&self.online, |it| {
                it.servers.iter().take(FEW).map(strip).collect()
            }),
            score: Short::of(&self.compliance, |it| it.score.clone()),
            expiry: Short::of(&self.expiry, expiry),
            routes_down: Short::of(&self.routes, |it| {
                let without: Vec<_> = it.routes.iter().filter(|it| it.is_down()).collect();
                let first = without.iter().take(FEW).map(|it| it.route.clone()).collect();
                Names { count: without.len(), first }
            }),
            traffic: Short::of(&self.traffic, traffic),
            more_unread: self.head.unread.len().saturating_sub(FEW),
            unread: unread.map(|it| Unread { what: it.what.clone(), why: cut(&it.why) }).collect(),
        }
    }
}

fn changes(it: &super::Changes) -> ShortChanges {
    let words = |it: &super::Change| {
        let values = match (it.from.is_empty(), it.to.is_empty()) {
            (true, true) => String::new(),
            (true, false) => format!(": {}", it.to),
            (false, true) => format!(": was {}", it.from),
            (false, false) => format!(": {} → {}", it.from, it.to),
        };
        cut(&format!("{} {}{values}", it.what, it.name))
    };
    ShortChanges {
        since: it.last.clone(),
        count: it.changes.len() + it.more,
        first: it.changes.iter().take(TALKERS).map(words).collect(),
        policy: it.policy.iter().take(FEW).map(|it| cut(it)).collect(),
        score_was: it.score.0,
    }
}

fn strip(it: &super::Strip) -> ShortStrip {
    ShortStrip {
        name: it.name.clone(),
        up_percent: it.up_percent,
        known_percent: it.known_percent,
        disconnects: it.disconnects,
        longest_outage: it.longest_outage.clone(),
    }
}

fn expiry(it: &super::Expiry) -> ShortExpiry {
    let words = |it: &super::Expiring| {
        cut(&format!(
            "{} {} in {}",
            it.kind,
            it.name,
            counted(usize::try_from(it.days).unwrap_or_default(), "day", "days")
        ))
    };
    ShortExpiry {
        expired: it.expired,
        within_30_days: it.next.iter().filter(|it| it.days < 30).count(),
        next: it.next.iter().take(FEW).map(words).collect(),
    }
}

fn traffic(it: &super::TrafficPart) -> ShortTraffic {
    let talker = |it: &super::Talker| (it.name.clone(), it.moved());
    ShortTraffic {
        from: it.from.clone(),
        percent: it.percent,
        bytes: it.bytes,
        relayed_percent: it.relayed.map(|it| it.bytes_percent),
        most: it.talkers.iter().take(TALKERS).map(talker).collect(),
    }
}

fn cut(text: &str) -> String {
    visible_up_to(text, LONGEST).into_owned()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
