//! What becomes of alerts when rules are judged anew. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest as _, Sha256};

use super::{
    causes::Causes,
    facts::Facts,
    judge::{Found, judge},
    keep::{Acknowledged, Mute},
    of_rule::{Kept, OfRule, Step, Touched, is_steady, place, rest_of, write_place},
    rule::{Group, Ready, WhenUnknown},
    when::When,
};
use crate::{
    alerts::{
        Episode, Line, Notice, Severity, State, Status, Subject, Truth, Why,
        episode::{REOPENS, due, end_for_rule},
    },
    history::Seconds,
};

/// The most lines of a notice: some receivers take each by itself, within one time limit.
const LINES: usize = 50;

/// The alerts of a tailnet that are not over, or were not a moment ago.
#[derive(Debug, Default)]
pub struct Working {
    /// By the name of the rule.
    episodes: HashMap<String, OfRule>,
    /// How often rules were judged.
    round: u64,
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
        let mut working = Self::default();
        for it in kept {
            let of_rule = working.episodes.entry(it.rule.clone()).or_default();
            let place = place(&it.subject.kind, &it.subject.key);
            of_rule.insert(place, Kept { it, round: 0 });
        }
        working
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Episode> {
        let open = self.episodes.values().flat_map(OfRule::values);
        open.map(|kept| &kept.it).chain(&self.finishing)
    }

    /// Judges the rules by `facts`.
    pub fn evaluate(&mut self, by: Circumstances<'_>, facts: &Facts<'_>) -> Outcome {
        let mut touched = Touched::default();
        self.round += 1;
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
            of_rule.retain(|_, kept| !kept.it.is_done(now));
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
            for (_, Kept { it, .. }) in of_rule.extract_if(|_, kept| is_retired(&kept.it)) {
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
    fn take<'a>(
        &mut self,
        rule: &'a Ready,
        mut found: Found<'a>,
        label: &str,
        facts: &Facts<'a>,
        touched: &mut Touched,
    ) {
        let name = rule.rule.name.as_str();
        if !found.unknown.is_empty() && rule.rule.unknown == Some(WhenUnknown::Fire) {
            found.holds("rule", name, name, None, "cannot be known now");
        }
        let mut step = Step { rule, label, now: facts.now, round: self.round, touched };
        let of_rule = self.episodes.entry(name.to_owned()).or_default();
        let mut place = String::new();
        for (about, truth) in std::mem::take(&mut found.truths) {
            write_place(&mut place, about.kind, about.key);
            step.take(of_rule, &place, truth, || about.subject());
        }
        let unseen = |kept: &&Kept| kept.round != step.round;
        let rest = of_rule.values().filter(unseen).map(|kept| &kept.it);
        let devices = facts.things("devices");
        let rest = rest.map(|it| (it, rest_of(it, &found, devices)));
        let rest = rest.filter(|(it, truth)| !is_steady(it, truth, rule, facts.now));
        let rest: Vec<(Subject, Truth)> = rest.map(|(it, of)| (it.subject.clone(), of)).collect();
        for (subject, truth) in rest {
            write_place(&mut place, &subject.kind, &subject.key);
            step.take(of_rule, &place, truth, || subject);
        }
    }

    /// Notes which alerts are explained by another one.
    fn explain(&mut self, on: &[&Ready], facts: &Facts<'_>, touched: &mut Touched) {
        let when = |rule: &str| on.iter().find(|it| it.rule.name == rule).map(|it| it.when);
        let causes = self.episodes.iter().map(|(rule, of_rule)| (when(rule), of_rule));
        let causes = causes.flat_map(|(when, of_rule)| {
            let active = of_rule.values().map(|kept| &kept.it).filter(|it| it.is_active());
            active.map(move |it| (when, it))
        });
        let causes = Causes::of(causes, on);
        let devices = facts.things("devices");
        for (rule, of_rule) in &mut self.episodes {
            let when = when(rule);
            let is_silent = when == Some(When::Silent);
            for Kept { it, .. } in of_rule.values_mut() {
                let cause = causes
                    .of_unknown(it, when)
                    .or_else(|| if is_silent { causes.of_silence(it, devices) } else { None });
                if cause != it.explained_by {
                    touched.was(it);
                    it.explained_by = cause;
                }
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
        let open = self.episodes.iter_mut().flat_map(|(name, of_rule)| {
            let rule = rules.get(name.as_str()).copied();
            of_rule.values_mut().map(move |kept| (rule, &mut kept.it))
        });
        let over = self.finishing.iter_mut();
        let over = over.map(|it| (rules.get(it.rule.as_str()).copied(), it));
        for (rule, it) in open.chain(over) {
            let receivers = rule.map_or(&[][..], Ready::notify);
            if receivers.is_empty() && it.notified.is_empty() {
                continue;
            }
            let muted = by.mutes.iter().any(|mute| mute.takes(it, facts));
            let quiet = muted || it.explained_by.is_some() || receivers.is_empty();
            let cared = by.acknowledged.iter().any(|ack| ack.is_for(it, now));
            let repeat = rule.and_then(|rule| rule.repeat);
            let Some(status) = due(it, quiet, cared, repeat, now) else { continue };
            touched.was(it);
            it.note(status, now);
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
        if touched.0.is_empty() {
            return;
        }
        let mut there: HashSet<&str> = HashSet::new();
        for it in self.all() {
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
    let first_step = rule.map_or("", Ready::first_step);
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

/// A short text that stands for these.
pub(super) fn hash(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\u{1f}"));
    let [first, ..] = digest.as_chunks::<8>().0 else { return String::new() };
    let mut hash = format!("{:016x}", u64::from_be_bytes(*first));
    hash.truncate(12);
    hash
}
