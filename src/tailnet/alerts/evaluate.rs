//! What becomes of alerts when rules are judged anew. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest as _, Sha256};

use super::{
    causes::Causes,
    facts::Facts,
    judge::{Found, judge},
    keep::{Acknowledged, Mute},
    rule::{Group, Ready, WhenUnknown},
    when::When,
};
use crate::{
    alerts::{
        Episode, Line, Notice, Severity, State, Status, Subject, Truth, Why,
        episode::{FLAPPING, REOPENS, due, end_for_rule, notify, step},
    },
    history::Seconds,
};

/// The most lines of a notice: some receivers take each by itself, within one time limit.
const LINES: usize = 50;

/// How the summary of an alert begins that comes and goes.
const CAME_BACK: &str = "came back";

/// The alerts of a rule, each by its subject.
type OfRule = HashMap<String, Episode>;

/// The alerts of a tailnet that are not over, or were not a moment ago.
#[derive(Debug, Default)]
pub struct Working {
    /// By the name of the rule.
    episodes: HashMap<String, OfRule>,
    /// Alerts that ended for good, until their end is notified.
    finishing: Vec<Episode>,
}

/// The alerts that an evaluation touched, by ID, as they were before; none for those that are new. Most stay as
/// they are, so they are not copied.
#[derive(Debug, Default)]
struct Touched(HashMap<String, Option<Episode>>);

impl Touched {
    fn was(&mut self, before: &Episode) {
        self.0.entry(before.id.clone()).or_insert_with(|| Some(before.clone()));
    }

    fn is_new(&mut self, it: &Episode) {
        self.0.entry(it.id.clone()).or_insert(None);
    }
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
        let mut working = Self::default();
        for it in kept {
            let of_rule = working.episodes.entry(it.rule.clone()).or_default();
            of_rule.insert(place(&it.subject), it);
        }
        working
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Episode> {
        self.episodes.values().flat_map(HashMap::values).chain(&self.finishing)
    }

    /// Judges the rules by `facts`.
    pub fn evaluate(&mut self, by: Circumstances<'_>, facts: &Facts<'_>) -> Outcome {
        let mut touched = Touched::default();
        let on: Vec<&Ready> = by.rules.iter().filter(|it| it.is_on()).collect();
        self.retire(&on, facts.now, &mut touched);
        for (rule, found) in on.iter().zip(judge(&on, facts)) {
            self.take(rule, found, by.label, facts, &mut touched);
        }
        self.explain(&on, facts, &mut touched);
        let mut outcome = Outcome::default();
        self.notices(by, facts, &mut outcome, &mut touched);
        self.settle(&touched, &mut outcome);
        let now = facts.now;
        for of_rule in self.episodes.values_mut() {
            of_rule.retain(|_, it| !it.is_done(now));
        }
        self.finishing.retain(|it| it.notified_at.is_some() && !it.end_notified);
        outcome
    }

    /// Puts alerts aside whose rule is not what it was, and those that ended for good.
    fn retire(&mut self, on: &[&Ready], now: Seconds, touched: &mut Touched) {
        for (name, of_rule) in &mut self.episodes {
            let condition = on.iter().find(|it| it.rule.name == *name).map(|it| it.condition());
            let why = |it: &Episode| match &condition {
                None => Some(Why::RuleRemoved),
                Some(condition) if *condition != it.condition => Some(Why::RuleChanged),
                Some(_) => None,
            };
            let is_over = |it: &Episode| it.ended.is_some_and(|(at, _)| now - at >= REOPENS);
            let is_retired =
                |it: &Episode| why(it).is_some() || (it.state == State::Ended && is_over(it));
            for (_, it) in of_rule.extract_if(|_, it| is_retired(it)) {
                touched.was(&it);
                let ended = match why(&it) {
                    Some(why) => end_for_rule(it, why, now),
                    None => Some(it),
                };
                self.finishing.extend(ended);
            }
        }
        self.episodes.retain(|_, of_rule| !of_rule.is_empty());
    }

    /// Takes over what a rule found.
    fn take(
        &mut self,
        rule: &Ready,
        mut found: Found,
        label: &str,
        facts: &Facts<'_>,
        touched: &mut Touched,
    ) {
        let (name, now) = (&rule.rule.name, facts.now);
        if !found.unknown.is_empty() && rule.rule.unknown == Some(WhenUnknown::Fire) {
            found.holds("rule", name, name, None, "cannot be known now".to_owned());
        }
        let of_rule = self.episodes.entry(name.clone()).or_default();
        let rest = rest(of_rule, &found, facts);
        for (subject, truth) in std::mem::take(&mut found.truths).into_iter().chain(rest) {
            let place = place(&subject);
            if of_rule.get(&place).is_some_and(|it| is_steady(it, &truth, rule, now)) {
                continue;
            }
            let before = of_rule.remove(&place);
            if let Some(it) = &before {
                touched.was(it);
            }
            let begin = || (name.clone(), rule.condition(), subject);
            let Some(mut after) = step(before, truth, rule.timing, now, begin) else { continue };
            after.severity = rule.severity();
            if after.id.is_empty() {
                after.id = id(label, &after, now);
                touched.is_new(&after);
            }
            let is_said = after.summary.starts_with(CAME_BACK);
            if after.is_flapping(now) && after.state == State::Firing && !is_said {
                after.summary = format!("{CAME_BACK} {FLAPPING} times in 24 h; {}", after.summary);
            }
            of_rule.insert(place, after);
        }
    }

    /// Notes which alerts are explained by another one.
    fn explain(&mut self, on: &[&Ready], facts: &Facts<'_>, touched: &mut Touched) {
        let when: HashMap<&str, When> =
            on.iter().map(|it| (it.rule.name.as_str(), it.when)).collect();
        let of = |it: &Episode| when.get(it.rule.as_str()).copied();
        let active = self.episodes.values().flat_map(HashMap::values).filter(|it| it.is_active());
        let causes = Causes::of(active, &of, on);
        for it in self.episodes.values_mut().flat_map(HashMap::values_mut) {
            let is_silent = of(it) == Some(When::Silent);
            let cause = causes
                .of_unknown(it, of(it))
                .or_else(|| if is_silent { causes.of_silence(it, facts) } else { None });
            if cause != it.explained_by {
                touched.was(it);
                it.explained_by = cause;
            }
        }
    }

    /// The notices for now.
    fn notices(
        &mut self,
        by: Circumstances<'_>,
        facts: &Facts<'_>,
        outcome: &mut Outcome,
        touched: &mut Touched,
    ) {
        let now = facts.now;
        let rules: HashMap<&str, &Ready> =
            by.rules.iter().map(|it| (it.rule.name.as_str(), it)).collect();
        let mut groups: BTreeMap<(String, String, Severity, Vec<String>), Vec<Line>> =
            BTreeMap::new();
        let all = self.episodes.values_mut().flat_map(HashMap::values_mut);
        for it in all.chain(&mut self.finishing) {
            let rule = rules.get(it.rule.as_str()).copied();
            let receivers = rule.map_or(&[][..], Ready::notify);
            if receivers.is_empty() && it.notified.is_empty() {
                continue;
            }
            let muted = by.mutes.iter().any(|mute| mute.takes(it, facts));
            let quiet = muted || it.explained_by.is_some() || receivers.is_empty();
            let cared = by.acknowledged.iter().any(|ack| ack.is_for(it, now));
            let repeat = rule.and_then(|rule| rule.repeat);
            if due(it, quiet, cared, repeat, now).is_none() {
                continue;
            }
            touched.was(it);
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
            let rule = rules.get(name.as_str()).copied();
            lines.sort_by_key(|it| (it.status == Status::Resolved, it.since, it.subject.clone()));
            for lines in lines.chunks(LINES) {
                let notice = notice(by, &name, rule, severity, lines, now);
                let to = receivers.iter().map(|it| (it.clone(), notice.clone()));
                outcome.notices.extend(to);
            }
        }
    }

    /// Notes what is not as before.
    fn settle(&self, touched: &Touched, outcome: &mut Outcome) {
        let mut there: HashSet<&str> = HashSet::new();
        for it in self.all().filter(|_| !touched.0.is_empty()) {
            let Some(was) = touched.0.get(&it.id) else { continue };
            there.insert(&it.id);
            if was.as_ref() != Some(it) {
                let is_other = was.as_ref().is_none_or(|was| was.state != it.state);
                let was_active = was.as_ref().is_some_and(Episode::is_active);
                outcome.is_news |= is_other && (it.is_active() || was_active);
                outcome.changed.push(it.clone());
            }
        }
        let kept = touched.0.iter().filter(|it| it.1.is_some());
        let gone = kept.map(|it| it.0).filter(|it| !there.contains(it.as_str()));
        outcome.dropped = gone.cloned().collect();
    }
}

/// What is true of the subjects that a rule did not find this time.
fn rest(of_rule: &OfRule, found: &Found, facts: &Facts<'_>) -> Vec<(Subject, Truth)> {
    let seen = found.truths.iter().map(|(it, _)| (it.kind.as_str(), it.key.as_str()));
    let seen: HashSet<(&str, &str)> = seen.collect();
    let truth = |it: &Subject| {
        if found.hides(it) {
            Truth::Unknown
        } else if it.kind == "device" && facts.device(&it.key).is_none() {
            Truth::Gone
        } else {
            Truth::Not
        }
    };
    let rest = of_rule.values().map(|it| &it.subject);
    let rest = rest.filter(|it| !seen.contains(&(it.kind.as_str(), it.key.as_str())));
    rest.map(|it| (it.clone(), truth(it))).collect()
}

/// Whether an alert stays just as it is: most do, each time.
fn is_steady(it: &Episode, truth: &Truth, rule: &Ready, now: Seconds) -> bool {
    let is_same = match (it.state, truth) {
        (State::Firing, Truth::Holds { summary, .. }) => {
            it.summary == *summary && it.unknown_since.is_none()
        }
        (State::Pending, Truth::Holds { since, summary }) => {
            it.summary == *summary
                && it.unknown_since.is_none()
                && now - it.since < rule.timing.hold
                && since.is_none_or(|since| since <= it.since)
        }
        (State::Ended, Truth::Not | Truth::Gone | Truth::Unknown) => true,
        (_, Truth::Unknown) => it.unknown_since.is_some(),
        _ => false,
    };
    is_same && it.severity == rule.severity()
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

fn place(subject: &Subject) -> String {
    format!("{} {}", subject.kind, subject.key)
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
