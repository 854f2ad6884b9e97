//! What becomes of alerts when rules are judged anew. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest as _, Sha256};

use super::{
    facts::Facts,
    judge::{Found, judge},
    keep::{Acknowledged, Mute},
    rule::{Group, Ready, WhenUnknown},
    when::When,
};
use crate::{
    alerts::{
        Episode, Line, Notice, Severity, State, Status, Subject, Truth, Why,
        episode::{FLAPPING, REOPENS, end_for_rule, notify, step},
    },
    history::{Field, Seconds},
};

/// The most lines of a notice: some receivers take each by itself, within one time limit.
const LINES: usize = 50;

/// How the summary of an alert begins that comes and goes.
const CAME_BACK: &str = "came back";

/// A rule and a subject.
type Place = (String, String, String);

/// The alerts of a tailnet that are not over, or were not a moment ago.
#[derive(Debug, Default)]
pub struct Working {
    episodes: HashMap<Place, Episode>,
    /// Alerts that ended for good, until their end is notified.
    finishing: Vec<Episode>,
}

/// What an evaluation changed.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Alerts that are not what they were.
    pub changed: Vec<Episode>,
    /// IDs of alerts that were not for long enough to fire.
    pub dropped: Vec<String>,
    /// The notices, each with its receiver.
    pub notices: Vec<(String, Notice)>,
    /// Whether other alerts fire than before.
    pub is_news: bool,
}

/// What an evaluation goes by, besides the facts.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The tailnet's label.
    pub label: &'a str,
    /// What people call the tailnet.
    pub tailnet: &'a str,
    /// The rules, also those that are switched off.
    pub rules: &'a [Ready],
    /// Who takes care of which alert.
    pub acknowledged: &'a [Acknowledged],
    /// What is muted.
    pub mutes: &'a [Mute],
}

impl Working {
    /// The alerts as they were kept.
    pub fn of(kept: Vec<Episode>) -> Self {
        let episodes = kept.into_iter().map(|it| (place(&it.rule, &it.subject), it)).collect();
        Self { episodes, finishing: Vec::new() }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Episode> {
        self.episodes.values().chain(&self.finishing)
    }

    /// Judges the rules by `facts`.
    pub fn evaluate(&mut self, by: Circumstances<'_>, facts: &Facts<'_>) -> Outcome {
        let before: HashMap<String, Episode> =
            self.all().map(|it| (it.id.clone(), it.clone())).collect();
        let on: Vec<&Ready> = by.rules.iter().filter(|it| it.is_on()).collect();
        self.retire(&on, facts.now);
        let found = judge(&on, facts);
        let mut there: HashMap<String, Vec<Place>> = HashMap::new();
        for place in self.episodes.keys() {
            there.entry(place.0.clone()).or_default().push(place.clone());
        }
        for (rule, found) in on.iter().zip(found) {
            let there = there.remove(&rule.rule.name).unwrap_or_default();
            self.take(rule, found, there, by.label, facts);
        }
        self.explain(&on, facts);
        let mut outcome = Outcome::default();
        self.notices(by, facts, &mut outcome);
        self.settle(&before, &mut outcome);
        let now = facts.now;
        self.episodes.retain(|_, it| !it.is_done(now));
        self.finishing.retain(|it| it.notified_at.is_some() && !it.end_notified);
        outcome
    }

    /// Puts alerts aside whose rule is not what it was, and those that ended for good.
    fn retire(&mut self, on: &[&Ready], now: Seconds) {
        let conditions: HashMap<&str, String> =
            on.iter().map(|it| (it.rule.name.as_str(), it.condition())).collect();
        let why = |it: &Episode| match conditions.get(it.rule.as_str()) {
            None => Some(Why::RuleRemoved),
            Some(condition) if *condition != it.condition => Some(Why::RuleChanged),
            Some(_) => None,
        };
        let is_over = |it: &Episode| it.ended.is_some_and(|(at, _)| now - at >= REOPENS);
        let retired: Vec<Place> = self
            .episodes
            .iter()
            .filter(|(_, it)| why(it).is_some() || (it.state == State::Ended && is_over(it)))
            .map(|(place, _)| place.clone())
            .collect();
        for place in retired {
            let Some(it) = self.episodes.remove(&place) else { continue };
            let ended = match why(&it) {
                Some(why) => end_for_rule(it, why, now),
                None => Some(it),
            };
            self.finishing.extend(ended);
        }
    }

    /// Takes over what a rule found. `there` are the places of its alerts before.
    fn take(
        &mut self,
        rule: &Ready,
        mut found: Found,
        there: Vec<Place>,
        label: &str,
        facts: &Facts<'_>,
    ) {
        let name = &rule.rule.name;
        if !found.unknown.is_empty() && rule.rule.unknown == Some(WhenUnknown::Fire) {
            found.holds("rule", name, name, None, "cannot be known now".to_owned());
        }
        let mut seen: HashSet<Place> = HashSet::with_capacity(found.truths.len());
        for (subject, truth) in std::mem::take(&mut found.truths) {
            let place = place(name, &subject);
            seen.insert(place.clone());
            self.step(rule, place, subject, truth, label, facts.now);
        }
        for place in there.into_iter().filter(|it| !seen.contains(it)) {
            let Some(subject) = self.episodes.get(&place).map(|it| it.subject.clone()) else {
                continue;
            };
            let truth = if found.hides(&subject) {
                Truth::Unknown
            } else if subject.kind == "device" && facts.device(&subject.key).is_none() {
                Truth::Gone
            } else {
                Truth::Not
            };
            self.step(rule, place, subject, truth, label, facts.now);
        }
    }

    fn step(
        &mut self,
        rule: &Ready,
        place: Place,
        subject: Subject,
        truth: Truth,
        label: &str,
        now: Seconds,
    ) {
        let before = self.episodes.remove(&place);
        let name = rule.rule.name.clone();
        let begin = || (name, rule.condition(), subject);
        let Some(mut after) = step(before, truth, rule.timing, now, begin) else { return };
        after.severity = rule.severity();
        if after.id.is_empty() {
            after.id = id(label, &after, now);
        }
        let is_said = after.summary.starts_with(CAME_BACK);
        if after.is_flapping(now) && after.state == State::Firing && !is_said {
            after.summary = format!("{CAME_BACK} {FLAPPING} times in 24 h; {}", after.summary);
        }
        self.episodes.insert(place, after);
    }

    /// Notes which alerts are explained by another one.
    fn explain(&mut self, on: &[&Ready], facts: &Facts<'_>) {
        let when: HashMap<&str, When> =
            on.iter().map(|it| (it.rule.name.as_str(), it.when)).collect();
        let of = |it: &Episode| when.get(it.rule.as_str()).copied();
        let causes = Causes::of(self.episodes.values().filter(|it| it.is_active()), &of, on);
        for it in self.episodes.values_mut() {
            let is_silent = of(it) == Some(When::Silent);
            it.explained_by = causes
                .of_unknown(it, of(it))
                .or_else(|| if is_silent { causes.of_silence(it, facts) } else { None });
        }
    }

    /// The notices for now.
    fn notices(&mut self, by: Circumstances<'_>, facts: &Facts<'_>, outcome: &mut Outcome) {
        let now = facts.now;
        let mut groups: BTreeMap<(String, String, Severity, Vec<String>), Vec<Line>> =
            BTreeMap::new();
        for it in self.episodes.values_mut().chain(&mut self.finishing) {
            let rule = by.rules.iter().find(|rule| rule.rule.name == it.rule);
            let receivers = rule.map_or(&[][..], Ready::notify);
            if receivers.is_empty() && it.notified.is_empty() {
                continue;
            }
            let muted = by.mutes.iter().any(|mute| mute.takes(it, facts));
            let quiet = muted || it.explained_by.is_some() || receivers.is_empty();
            let cared = by.acknowledged.iter().any(|ack| ack.is_for(it, now));
            let repeat = rule.and_then(|rule| rule.repeat);
            let Some(status) = notify(it, quiet, cared, repeat, now) else { continue };
            if status != Status::Resolved {
                it.notified = receivers.to_vec();
            }
            let alone = rule.is_some_and(|it| it.rule.group == Some(Group::None));
            let group = if alone { it.id.clone() } else { String::new() };
            let group = (it.rule.clone(), group, it.severity, it.notified.clone());
            groups.entry(group).or_default().push(line(it, status));
        }
        for ((name, _, severity, receivers), mut lines) in groups {
            let rule = by.rules.iter().find(|rule| rule.rule.name == name);
            lines.sort_by_key(|it| (it.status == Status::Resolved, it.since, it.subject.clone()));
            for lines in lines.chunks(LINES) {
                let notice = notice(by, &name, rule, severity, lines, now);
                let to = receivers.iter().map(|it| (it.clone(), notice.clone()));
                outcome.notices.extend(to);
            }
        }
    }

    /// Notes what is not as before.
    fn settle(&self, before: &HashMap<String, Episode>, outcome: &mut Outcome) {
        let mut there: HashSet<&str> = HashSet::new();
        for it in self.all() {
            there.insert(&it.id);
            let was = before.get(&it.id);
            if was != Some(it) {
                let active = |it: &Episode| it.is_active();
                let is_other = was.is_none_or(|was| was.state != it.state);
                outcome.is_news |= is_other && (active(it) || was.is_some_and(active));
                outcome.changed.push(it.clone());
            }
        }
        let gone = before.keys().filter(|it| !there.contains(it.as_str()));
        outcome.dropped = gone.cloned().collect();
    }
}

/// Alerts that explain others.
#[derive(Default)]
struct Causes {
    /// Sources that cannot be read.
    blind: Vec<(String, String)>,
    /// Many devices went: from when to when.
    many: Vec<(Seconds, Seconds, String)>,
    /// Routes without a router.
    routes: HashMap<String, String>,
    /// Devices whose key has expired.
    expired: HashMap<String, String>,
}

impl Causes {
    fn of<'e>(
        active: impl Iterator<Item = &'e Episode>,
        when: &dyn Fn(&Episode) -> Option<When>,
        on: &[&Ready],
    ) -> Self {
        let mut causes = Self::default();
        for it in active {
            let (id, key) = (it.id.clone(), it.subject.key.clone());
            match when(it) {
                Some(When::NotWatched) => causes.blind.push((key, id)),
                Some(When::ManyOffline) => {
                    let within = on.iter().find(|rule| rule.rule.name == it.rule);
                    let within = within.map_or(0, |rule| rule.within);
                    causes.many.push((it.since - within, it.since + within, id));
                }
                Some(When::RouteUnserved) => drop(causes.routes.insert(key, id)),
                Some(When::KeyExpired) => drop(causes.expired.insert(key, id)),
                _ => {}
            }
        }
        causes
    }

    /// What explains that an alert cannot be known.
    fn of_unknown(&self, it: &Episode, when: Option<When>) -> Option<String> {
        if it.unknown_since.is_none() || when == Some(When::NotWatched) {
            return None;
        }
        let source = when.map_or("", When::source);
        let blind = self.blind.iter().find(|(key, _)| key == source);
        blind.map(|(_, id)| id.clone())
    }

    /// What explains that a device is silent.
    fn of_silence(&self, it: &Episode, facts: &Facts<'_>) -> Option<String> {
        if let Some(id) = self.expired.get(&it.subject.key) {
            return Some(id.clone());
        }
        let in_window =
            |(from, to, _): &&(Seconds, Seconds, String)| (*from..=*to).contains(&it.since);
        if let Some((_, _, id)) = self.many.iter().find(in_window) {
            return Some(id.clone());
        }
        if self.routes.is_empty() {
            return None;
        }
        let device = facts.device(&it.subject.key)?;
        device.list(Field::ENABLED_ROUTES).find_map(|route| self.routes.get(route).cloned())
    }
}

pub(super) fn line(it: &Episode, status: Status) -> Line {
    Line {
        alert: it.id.clone(),
        status,
        subject: it.subject.name.clone(),
        summary: it.summary.clone(),
        since: it.since,
        ended: it
            .ended
            .filter(|_| status == Status::Resolved)
            .map(|(at, why)| (at, why.words().to_owned())),
    }
}

/// A notice with these lines. `rule` is none if it was removed.
pub(super) fn notice(
    by: Circumstances<'_>,
    name: &str,
    rule: Option<&Ready>,
    severity: Severity,
    lines: &[Line],
    now: Seconds,
) -> Notice {
    // By what it says: two judgements in the same second have something else to say.
    let says = lines.iter().map(|it| format!("{} {:?}", it.alert, it.status));
    let says: Vec<String> =
        [by.label.to_owned(), now.to_string()].into_iter().chain(says).collect();
    let says: Vec<&str> = says.iter().map(String::as_str).collect();
    let first_step =
        rule.map_or("", |it| it.rule.note.as_deref().unwrap_or_else(|| it.when.first_step()));
    Notice {
        id: hash(&says),
        tailnet: by.tailnet.to_owned(),
        rule: name.to_owned(),
        severity,
        at: now,
        lines: lines.to_vec(),
        first_step: first_step.to_owned(),
    }
}

fn place(rule: &str, subject: &Subject) -> Place {
    (rule.to_owned(), subject.kind.clone(), subject.key.clone())
}

/// The ID of an alert that begins now.
fn id(label: &str, it: &Episode, now: Seconds) -> String {
    let subject = &it.subject;
    let (since, now) = (it.since.to_string(), now.to_string());
    let parts = [label, &it.rule, &it.condition, &subject.kind, &subject.key, &since, &now];
    hash(&parts)
}

/// A short text that stands for these.
fn hash(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\u{1f}"));
    let [first, ..] = digest.as_chunks::<8>().0 else { return String::new() };
    let mut hash = format!("{:016x}", u64::from_be_bytes(*first));
    hash.truncate(12);
    hash
}
