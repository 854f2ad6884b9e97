//! Reports about a tailnet: what is read for one, and those that are kept.

mod changes;
mod devices;
mod expiry;
mod keep;
mod method;
mod network;
mod online;
mod rules;
mod schedule;
#[cfg(feature = "server")]
pub(crate) mod tools;
mod traffic;

use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};

pub use self::schedule::Schedule;
use self::{changes::Snapshot, online::Past};
use crate::{
    Error, ErrorKind,
    alerts::Severity,
    checks::{self, Facts, Known, Verdict},
    client::Result,
    policy::Inventory,
    report::{Head, Need, Part, People, Report, SCHEMA, TrafficPart, Unread, Watched},
    tailnet::{
        Tailnet,
        alerts::Active,
        devices::{Device, Filter},
        policy_file::compute::compute,
    },
    visible::visible_up_to,
    words::to_the_second,
};

/// The longest window: as long as single changes of a connection are kept.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(89 * 24);
/// How many things a list of a report has, unless it says otherwise.
const ROWS: usize = 50;
/// How many reports are kept.
const KEPT: usize = 10;
/// What a report that could not be kept is called.
const ITSELF: &str = "this report, for the next one";
/// How many names stand in one line.
const NAMES: usize = 5;

/// The reports about a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Reports<'a> {
    tailnet: &'a Tailnet,
    /// How many reports are kept.
    most: usize,
    /// Whether they are made because they are due.
    is_scheduled: bool,
}

/// Everything that a report is made from.
struct Gathered {
    now: Timestamp,
    from: Timestamp,
    title: String,
    by: String,
    facts: Facts,
    /// The devices with all fields.
    devices: Known<Arc<Vec<Device>>>,
    inventory: Known<Inventory>,
    exceptions: Vec<checks::Exception>,
    /// The alerts that fire; `Err` has the reason why they are not known.
    alerts: std::result::Result<Vec<Active>, String>,
    /// What was seen in the window, if somebody watched.
    past: std::result::Result<Past, String>,
    /// The last report that was kept, or why there is none.
    last: std::result::Result<Snapshot, String>,
    traffic: std::result::Result<TrafficPart, String>,
}

impl<'a> Reports<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet, most: KEPT, is_scheduled: false }
    }

    /// Keeps the newest `most` reports instead of the newest 10, of those made on request; 0 keeps none, and removes
    /// none.
    #[must_use]
    pub fn keep_newest(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Makes a report about the last `window`, and keeps it if a history is kept. It reads what
    /// [`Compliance::facts`](crate::tailnet::compliance::Compliance::facts) reads. What cannot be read is unknown
    /// in the report, with the reason.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a window of less than an hour or more than 89 days; the error of
    /// the list of devices if nothing at all can be read.
    pub async fn make(&self, window: SignedDuration) -> Result<Report> {
        if window > LONGEST || window < SignedDuration::from_hours(1) {
            return Err(Error::invalid_input("window", "must be between `1h` and `89d`"));
        }
        // Boxed: so many requests within each other make a type that is too deep to be spawned.
        let gathered = self.gather(window).boxed().await?;
        let (mut report, snapshot) = compute(move || gathered.report()).await?;
        if let Err(error) = self.keep(&report, &snapshot).await {
            // The report is right; only the next one has nothing to compare with.
            let why = format!("it could not be written: {error}");
            report.head.unread.push(Unread { what: ITSELF.to_owned(), why });
        }
        Ok(report)
    }

    async fn gather(&self, window: SignedDuration) -> Result<Gathered> {
        let tailnet = self.tailnet;
        let now = Timestamp::now();
        let from = now - window;
        let compliance = tailnet.compliance();
        // Both get the devices from one answer.
        let all = Filter::default();
        let devices = async { tailnet.devices().list().await };
        let (facts, devices) = futures_util::join!(Box::pin(compliance.facts(&all)), devices);
        let facts = facts?;
        let devices = devices.map_err(|it| checks::Unknown::failed(it.to_string()));
        let exceptions = compliance.accepted(now).await.unwrap_or_default();
        let inventory = tailnet.policy_file().inventory().await;
        let inventory = inventory.map_err(|it| checks::Unknown::failed(it.to_string()));
        let alerts = tailnet.alerts().active(false, now).await.map_err(|it| reason(&it));
        Ok(Gathered {
            now,
            from,
            title: tailnet.title(),
            by: tailnet.actor().principal.to_string(),
            facts,
            devices,
            inventory,
            exceptions,
            alerts,
            past: Past::read(tailnet, from, now).await,
            last: self.snapshot().await,
            traffic: traffic::read(tailnet, from, now).await,
        })
    }
}

/// Why something about the past is not known.
fn reason(error: &Error) -> String {
    if error.kind() == ErrorKind::History {
        return error.advice().map_or_else(|| error.to_string(), |it| format!("{error}; {it}"));
    }
    error.to_string()
}

impl Gathered {
    /// The report, and what the next one is compared with. This takes long for large tailnets.
    fn report(self) -> (Report, Snapshot) {
        let audit = checks::run(&self.facts, &self.exceptions);
        let (needs, more_needs) = self.needs(&audit);
        let snapshot = Snapshot::of(&self, &audit);
        let report = Report {
            schema: SCHEMA,
            head: self.head(),
            needs,
            more_needs,
            changes: self.changes(&snapshot),
            fleet: part(self.fleet(&audit)),
            online: self.online(),
            expiry: part(self.expiry()),
            routes: part(self.routes()),
            connectivity: part(self.connectivity()),
            traffic: self.traffic.clone().map_or_else(Part::Unknown, Part::Known),
            compliance: Part::Known(rules::compliance(&audit)),
            policy: part(self.policy()),
            people: People { users: part(self.users()), keys: part(self.keys()) },
            method: self.method(),
        };
        (report, snapshot)
    }

    fn head(&self) -> Head {
        let mut unread = method::unread(&self.facts);
        let mut note = |what: &str, why: &str| {
            unread.push(Unread { what: what.to_owned(), why: why.to_owned() });
        };
        if let Err(why) = &self.alerts {
            note("alerts", why);
        }
        if let Err(why) = &self.past {
            note("the past", why);
        }
        if let Err(why) = &self.traffic {
            note("traffic", why);
        }
        let watched = self.past.as_ref().ok();
        Head {
            tailnet: cut(&self.title),
            at: exactly(self.now),
            by: cut(&self.by),
            from: to_the_second(self.from),
            to: to_the_second(self.now),
            watched: watched.map(|it| Watched { since: it.since(), percent: it.percent() }),
            unread,
        }
    }

    /// The alerts that nobody takes care of, and the checks that fail and are critical or high.
    fn needs(&self, audit: &checks::Report) -> (Vec<Need>, usize) {
        let open = |it: &&Active| {
            let quiet = it.acknowledged.is_some() || it.muted.is_some();
            !quiet && it.episode.explained_by.is_none() && it.episode.severity >= Severity::Warning
        };
        let alerts = self.alerts.iter().flatten().filter(open);
        let mut by_rule: Vec<Need> = Vec::new();
        for it in alerts {
            let episode = &it.episode;
            let subject = format!("{}: {}", episode.subject.name, episode.summary);
            if let Some(need) = by_rule.iter_mut().find(|need| need.source == episode.rule) {
                need.add(&subject);
                continue;
            }
            let first_step = it.rule.as_ref().map_or("", |it| it.first_step());
            let since = Timestamp::from_second(episode.since).ok().map(to_the_second);
            let mut need = Need {
                severity: episode.severity.as_str().to_owned(),
                title: format!("Alert: {}", cut(&episode.rule)),
                subjects: Vec::new(),
                more: 0,
                since,
                first_step: first_step.to_owned(),
                source: episode.rule.clone(),
            };
            need.add(&subject);
            by_rule.push(need);
        }
        let fails = audit.outcomes.iter().filter(|it| it.verdict == Verdict::Fail);
        let serious = fails.filter(|it| it.severity >= checks::Severity::High);
        by_rule.extend(serious.map(|it| {
            let mut need = Need {
                severity: it.severity.as_str().to_owned(),
                title: match &it.note {
                    Some(note) => format!("{} ({note})", it.check.title),
                    None => it.check.title.to_owned(),
                },
                subjects: Vec::new(),
                more: 0,
                since: None,
                first_step: it.check.remedy.to_owned(),
                source: it.check.id.to_owned(),
            };
            for subject in &it.subjects {
                need.add(&format!("{}: {}", subject.name, subject.evidence));
            }
            need
        }));
        by_rule.sort_by_key(|it| it.severity != "critical");
        let more = by_rule.len().saturating_sub(ROWS);
        by_rule.truncate(ROWS);
        (by_rule, more)
    }
}

impl Need {
    fn add(&mut self, subject: &str) {
        if self.subjects.len() < NAMES {
            self.subjects.push(visible_up_to(subject, 160).into_owned());
        } else {
            self.more += 1;
        }
    }
}

fn part<T>(known: Known<T>) -> Part<T> {
    known.map_or_else(|unknown| Part::Unknown(unknown.text), Part::Known)
}

/// A time in milliseconds: two reports have different ones.
fn exactly(at: Timestamp) -> String {
    let at = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
    format!("{at:.3}")
}

/// A text that somebody else wrote, safe to show.
fn cut(text: &str) -> String {
    visible_up_to(text, 80).into_owned()
}

/// The first of a list, and how many more there are.
fn first<T>(mut all: Vec<T>, most: usize) -> (Vec<T>, usize) {
    let more = all.len().saturating_sub(most);
    all.truncate(most);
    (all, more)
}
