//! What fires, from its start to its end. Pure: it knows no database and no clock.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Severity, Status};
use crate::history::Seconds;

/// After its end, an alert that fires again within this time is the same one.
pub const REOPENS: Seconds = 3_600;
/// Within this time, times that it fired again are counted.
const COUNTED: Seconds = 86_400;
/// When it has fired again so often, it counts as flapping: only that is notified, and its final end.
pub const FLAPPING: usize = 3;

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// What the rule describes holds, but not for long enough.
    Pending,
    /// It fires.
    Firing,
    /// It seems to be over, but not for long enough.
    Settling,
    /// It is over.
    Ended,
}

impl State {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Settling => "settling",
            Self::Ended => "ended",
        }
    }
}

/// Why an alert ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// What the rule describes does not hold any more.
    Over,
    /// What it was about is gone.
    Gone,
    /// The rule describes something else now.
    RuleChanged,
    /// The rule was removed or switched off.
    RuleRemoved,
}

impl Why {
    /// It in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Gone => "what it was about is gone",
            Self::RuleChanged => "the rule was changed",
            Self::RuleRemoved => "the rule was removed or switched off",
        }
    }
}

/// What a look says about a subject and a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// What the rule describes holds, since this time if that is known, in these words.
    Holds {
        /// Since when, in seconds since 1970.
        since: Option<Seconds>,
        /// What is wrong, in words.
        summary: Cow<'static, str>,
    },
    /// It does not hold.
    Not,
    /// There is no such subject any more.
    Gone,
    /// It cannot be known now.
    Unknown,
}

impl Truth {
    /// It holds since a time that is not known, in these words.
    pub fn holds(summary: impl Into<Cow<'static, str>>) -> Self {
        Self::Holds { since: None, summary: summary.into() }
    }
}

/// How long something must hold or be over, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// How long it must hold before it fires.
    pub hold: Seconds,
    /// How long it must be over before it ends.
    pub settle: Seconds,
}

/// What an alert is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// What kind of thing it is, such as `device`.
    pub kind: String,
    /// Its ID.
    pub key: String,
    /// What people call it, as others chose it.
    pub name: String,
}

/// An alert, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// Its ID.
    pub id: String,
    /// The name of the rule.
    pub rule: String,
    /// What the rule described when it began.
    pub condition: String,
    /// What it is about.
    pub subject: Subject,
    /// Its severity.
    pub severity: Severity,
    /// What is wrong, in words.
    pub summary: String,
    /// Where it stands.
    pub state: State,
    /// Since when what it describes holds: the time of the fact, not of the look.
    pub since: Seconds,
    /// Since when it is in its state.
    pub changed_at: Seconds,
    /// When it last began to fire; none if it never did.
    pub fired_at: Option<Seconds>,
    /// When and why it ended.
    pub ended: Option<(Seconds, Why)>,
    /// Since when it cannot be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_since: Option<Seconds>,
    /// When it fired again after an end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reopened: Vec<Seconds>,
    /// The alert that explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_by: Option<String>,
    /// When receivers were last notified of it.
    pub notified_at: Option<Seconds>,
    /// The receivers that were notified that it fires.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notified: Vec<String>,
    /// Whether its end was notified.
    #[serde(default)]
    pub end_notified: bool,
}

impl Episode {
    /// An alert that begins.
    fn begins(rule: &str, condition: &str, subject: Subject, since: Seconds, now: Seconds) -> Self {
        Self {
            id: String::new(),
            rule: rule.to_owned(),
            condition: condition.to_owned(),
            subject,
            severity: Severity::default(),
            summary: String::new(),
            state: State::Pending,
            since,
            changed_at: now,
            fired_at: None,
            ended: None,
            unknown_since: None,
            reopened: Vec::new(),
            explained_by: None,
            notified_at: None,
            notified: Vec::new(),
            end_notified: false,
        }
    }

    /// Whether it fires, or did until a moment ago.
    pub fn is_active(&self) -> bool {
        matches!(self.state, State::Firing | State::Settling)
    }

    /// Whether it comes and goes.
    pub fn is_flapping(&self, now: Seconds) -> bool {
        self.reopened.iter().filter(|it| now - **it < COUNTED).count() >= FLAPPING
    }

    /// Whether it is over and no receiver is notified any more.
    pub fn is_done(&self, now: Seconds) -> bool {
        let is_told = self.notified_at.is_none() || self.end_notified;
        let over = self.ended.is_some_and(|(at, _)| now - at >= REOPENS);
        self.state == State::Ended && over && is_told
    }

    fn enter(&mut self, state: State, now: Seconds) {
        if self.state != state {
            self.state = state;
            self.changed_at = now;
        }
    }

    /// Notes that receivers were notified.
    pub(crate) fn note(&mut self, status: Status, now: Seconds) {
        self.end_notified = status == Status::Resolved;
        self.notified_at = Some(now);
    }

    fn end(&mut self, at: Seconds, why: Why, now: Seconds) {
        self.enter(State::Ended, now);
        self.ended = Some((at, why));
        self.unknown_since = None;
    }
}

/// What becomes of an alert of `rule` about `subject` when a look at `now` says `truth`. None if there is
/// none, and none began.
pub fn step(
    before: Option<Episode>,
    truth: Truth,
    timing: Timing,
    now: Seconds,
    begin: impl FnOnce() -> (String, String, Subject),
) -> Option<Episode> {
    match (before, truth) {
        (None, Truth::Holds { since, summary }) => {
            let (rule, condition, subject) = begin();
            let since = since.map_or(now, |it| it.min(now));
            let mut new = Episode::begins(&rule, &condition, subject, since, now);
            new.summary = summary.into_owned();
            Some(fire_if_due(new, timing, now))
        }
        (None, _) => None,
        (Some(it), Truth::Holds { since, summary }) => Some(holds(it, since, summary, timing, now)),
        (Some(it), Truth::Not) => not(it, timing, now),
        (Some(it), Truth::Gone) => gone(it, now),
        (Some(mut it), Truth::Unknown) => {
            if it.state != State::Ended {
                it.unknown_since.get_or_insert(now);
            }
            Some(it)
        }
    }
}

fn holds(
    mut it: Episode,
    since: Option<Seconds>,
    summary: Cow<'static, str>,
    timing: Timing,
    now: Seconds,
) -> Episode {
    let since = since.map(|since| since.min(now));
    match it.state {
        State::Ended
            if it.ended.is_some_and(|(at, why)| why != Why::Over || now - at >= REOPENS) =>
        {
            return it;
        }
        State::Ended => {
            it.since = since.unwrap_or(now);
            it.enter(State::Pending, now);
        }
        // It was over in the meantime, without a look that saw it.
        State::Pending => it.since = since.unwrap_or(it.since).max(it.since),
        State::Settling => {
            it.since = since.unwrap_or(it.since).max(it.since);
            it.enter(State::Firing, now);
        }
        State::Firing => {}
    }
    it.summary = summary.into_owned();
    it.unknown_since = None;
    fire_if_due(it, timing, now)
}

fn fire_if_due(mut it: Episode, timing: Timing, now: Seconds) -> Episode {
    if it.state == State::Pending && now - it.since >= timing.hold {
        it.enter(State::Firing, now);
        if it.ended.take().is_some() {
            it.reopened.retain(|at| now - at < COUNTED);
            it.reopened.push(now);
        }
        it.fired_at = Some(now);
    }
    it
}

fn not(mut it: Episode, timing: Timing, now: Seconds) -> Option<Episode> {
    it.unknown_since = None;
    match it.state {
        State::Pending => return unbegun(it, now),
        State::Firing => {
            it.enter(State::Settling, now);
            if timing.settle <= 0 {
                it.end(now, Why::Over, now);
            }
        }
        State::Settling if now - it.changed_at >= timing.settle => {
            let at = it.changed_at;
            it.end(at, Why::Over, now);
        }
        State::Settling | State::Ended => {}
    }
    Some(it)
}

/// An alert that did not come to fire: nothing, or the one that ended before.
fn unbegun(mut it: Episode, now: Seconds) -> Option<Episode> {
    it.ended?;
    it.enter(State::Ended, now);
    Some(it)
}

fn gone(mut it: Episode, now: Seconds) -> Option<Episode> {
    match it.state {
        State::Pending => unbegun(it, now),
        State::Firing | State::Settling => {
            it.end(now, Why::Gone, now);
            Some(it)
        }
        State::Ended => Some(it),
    }
}

/// Ends an alert whose rule is not what it was. None if it did not come to fire.
pub fn end_for_rule(mut it: Episode, why: Why, now: Seconds) -> Option<Episode> {
    match it.state {
        State::Pending => unbegun(it, now),
        State::Firing | State::Settling => {
            it.end(now, why, now);
            Some(it)
        }
        State::Ended => Some(it),
    }
}

/// What receivers are to be notified of at `now`, if anything; it is noted in the alert. `quiet` is whether it is
/// muted or explained by another one; `acknowledged`, whether somebody takes care of it; `repeat`, after how long
/// receivers are reminded.
pub fn notify(
    it: &mut Episode,
    quiet: bool,
    acknowledged: bool,
    repeat: Option<Seconds>,
    now: Seconds,
) -> Option<Status> {
    let status = due(it, quiet, acknowledged, repeat, now)?;
    it.note(status, now);
    Some(status)
}

/// What [`notify`] says, without noting it.
pub(crate) fn due(
    it: &Episode,
    quiet: bool,
    acknowledged: bool,
    repeat: Option<Seconds>,
    now: Seconds,
) -> Option<Status> {
    match (it.state, it.notified_at) {
        (State::Firing, None) if !quiet && !acknowledged => Some(Status::Firing),
        // Receivers were notified of its end.
        (State::Firing, Some(_)) if it.end_notified && !quiet && !acknowledged => {
            Some(Status::Firing)
        }
        (State::Firing, Some(at)) if !quiet && !acknowledged => {
            repeat.filter(|repeat| now - at >= *repeat)?;
            Some(Status::Reminder)
        }
        (State::Ended, Some(_)) if !it.end_notified => {
            let settled = it.ended.is_some_and(|(at, _)| now - at >= REOPENS);
            (settled || !it.is_flapping(now)).then_some(Status::Resolved)
        }
        _ => None,
    }
}
