//! Describes changed entries of `ssh`.

use std::{
    cell::OnceCell,
    collections::{HashMap, VecDeque},
};

use super::{
    Lines,
    changes::{Change, What, fields_of},
    label::Labels,
    text,
};
use crate::compile::{Bits, Compiled, Login};

/// How long a check is valid if the rule does not say.
const DEFAULT_CHECK: &str = "12h";

/// An SSH rule as it is in one of the two policies.
struct Version<'s> {
    login: &'s Login<'s>,
    policy: &'s Compiled<'s>,
    sign: char,
}

impl<'s> Version<'s> {
    fn of(policy: &'s Compiled<'s>, index: Option<usize>, sign: char) -> Option<Self> {
        Some(Self { login: policy.logins().get(index?)?, policy, sign })
    }

    /// Whether the rule lets a device of today log in on a device of today.
    fn has_devices(&self) -> bool {
        let count = self.policy.names.count();
        let target = self.login.has_own() || (0..count).any(|device| self.login.is_at(device));
        !self.login.source.is_empty() && target
    }

    /// `group:ops (2 devices) → tag:web as root`
    fn brief(&self) -> String {
        let rule = self.login.rule;
        format!(
            "{} ({}) → {} as {}",
            text::selectors(&rule.src),
            text::count(self.login.source.count(), "device"),
            text::selectors(&rule.dst),
            text::texts(&rule.users)
        )
    }

    /// Adds lines about the devices that this version is for and the other is not.
    fn moved(&self, other: &Login<'_>, labels: &Labels<'_>, place: &str, lines: &mut Lines) {
        let count = self.policy.names.count();
        let at = |login: &Login<'_>| Bits::of(count, (0..count).filter(|it| login.is_at(*it)));
        let (mut sources, mut targets) = (self.login.source.clone(), at(self.login));
        sources.remove_all(&other.source);
        targets.remove_all(&at(other));
        let named = |devices: &Bits| {
            let names = labels.devices(devices);
            let names = text::join(names.iter().map(String::as_str));
            format!("{names} ({})", text::count(devices.count(), "device"))
        };
        let rule = self.login.rule;
        let ends = [
            (!sources.is_empty()).then(|| (named(&sources), text::selectors(&rule.dst))),
            (!targets.is_empty()).then(|| (text::selectors(&rule.src), named(&targets))),
        ];
        for (from, to) in ends.into_iter().flatten() {
            let (sign, mode, users) = (self.sign, self.mode(), text::texts(&rule.users));
            let line = format!("{sign} {mode}: {from} → {to} as {users} ({place})");
            if self.has_devices() { lines.add(line) } else { lines.no_device(line) }
        }
    }

    fn mode(&self) -> &'static str {
        if self.login.is_check() { "SSH check mode" } else { "SSH" }
    }

    fn whole(&self, lines: &mut Lines) {
        let rule = self.login.rule;
        let mut line = format!("{} {}: {}", self.sign, self.mode(), self.brief());
        let period =
            rule.check_period.as_ref().map(|period| format!("checked every {}", period.value));
        let mut details: Vec<String> = period.into_iter().collect();
        if !rule.recorder.is_empty() {
            let how = if rule.enforce_recorder { "recording enforced by" } else { "recorded by" };
            details.push(format!("{how} {}", text::selectors(&rule.recorder)));
        }
        if !rule.accept_env.is_empty() {
            details.push(format!("may send {}", text::texts(&rule.accept_env)));
        }
        if !rule.posture.is_empty() {
            details.push(format!("only with {}", text::texts(&rule.posture)));
        }
        for detail in details {
            line.push_str("; ");
            line.push_str(&detail);
        }
        if self.has_devices() { lines.add(line) } else { lines.no_device(line) }
    }
}

pub(super) fn describe(
    change: &Change<'_>,
    before: &Compiled<'_>,
    after: &Compiled<'_>,
    lines: &mut Lines,
) {
    match &change.what {
        What::Order => lines.add(format!("{}: only the order of the rules differs", change.path)),
        What::Entry { old, new, fields } => {
            match (Version::of(before, *old, '-'), Version::of(after, *new, '+')) {
                (Some(old), Some(new)) if !fields.is_empty() => {
                    between(change, &old, &new, fields, lines);
                }
                (Some(only), None) | (None, Some(only)) => only.whole(lines),
                _ => lines.not_judged(&change.path),
            }
        }
        _ => lines.add(format!("{}: {}", change.path, text::change(change.old, change.new))),
    }
}

fn between(
    change: &Change<'_>,
    old: &Version<'_>,
    new: &Version<'_>,
    fields: &[String],
    lines: &mut Lines,
) {
    let (before, after) = (
        change.old.map(|node| fields_of("ssh", node)).unwrap_or_default(),
        change.new.map(|node| fields_of("ssh", node)).unwrap_or_default(),
    );
    for field in fields {
        let values = (before.get(field).copied(), after.get(field).copied());
        let change_of = |what: &str| format!("{what}: {}", text::change(values.0, values.1));
        let what = match field.as_str() {
            "action" if old.login.is_check() => "no longer needs SSH check mode".to_owned(),
            "action" if new.login.is_check() => "needs SSH check mode now".to_owned(),
            "checkperiod" => {
                let period = |value| match value {
                    None => format!("{DEFAULT_CHECK} (the default)"),
                    some => text::value(some),
                };
                format!("the check period is {}, was {}", period(values.1), period(values.0))
            }
            "recorder" if new.login.rule.recorder.is_empty() => {
                format!("sessions are no longer recorded; {}", change_of("recorder"))
            }
            "recorder" => change_of("recorder"),
            "enforcerecorder" if new.login.rule.enforce_recorder => {
                "sessions that cannot be recorded are refused now".to_owned()
            }
            "enforcerecorder" => {
                "sessions that cannot be recorded are no longer refused".to_owned()
            }
            "acceptenv" => change_of("environment variables that the client may send"),
            "action" | "src" | "dst" | "users" | "srcposture" => change_of(field),
            _ => {
                lines.not_judged(&format!("{}.{field}", change.path));
                continue;
            }
        };
        let line = format!("SSH {}: {what} ({})", new.brief(), change.path);
        if old.has_devices() || new.has_devices() { lines.add(line) } else { lines.no_device(line) }
    }
}

/// Adds lines about rules that are written the same in both policies and are for other devices now: a group, a
/// host or a posture that they name has changed.
pub(super) fn unchanged_rules(before: &Compiled<'_>, after: &Compiled<'_>, lines: &mut Lines) {
    let labels = (OnceCell::new(), OnceCell::new());
    let mut places: HashMap<String, VecDeque<usize>> = HashMap::new();
    for (at, entry) in entries(after).into_iter().enumerate() {
        places.entry(entry).or_default().push_back(at);
    }
    for (index, entry) in entries(before).iter().enumerate() {
        let Some(at) = places.get_mut(entry).and_then(VecDeque::pop_front) else { continue };
        let versions = (Version::of(before, Some(index), '-'), Version::of(after, Some(at), '+'));
        let (Some(was), Some(is)) = versions else { continue };
        if is_for_the_same(was.login, is.login) {
            continue;
        }
        let place = format!("ssh[{at}]");
        was.moved(is.login, labels.0.get_or_init(|| Labels::new(before)), &place, lines);
        is.moved(was.login, labels.1.get_or_init(|| Labels::new(after)), &place, lines);
    }
}

/// Whether two versions of a rule are for the same devices.
fn is_for_the_same(was: &Login<'_>, is: &Login<'_>) -> bool {
    let targets = was.targets.iter().zip(&is.targets);
    was.source == is.source
        && targets.into_iter().all(|(a, b)| a.devices == b.devices && a.at_spans == b.at_spans)
}

/// The rules as written.
fn entries(policy: &Compiled<'_>) -> Vec<String> {
    let sections = policy.policy.document().root().as_object().unwrap_or_default();
    let section = sections.iter().find(|it| it.name.eq_ignore_ascii_case("ssh"));
    let list = section.and_then(|it| it.value.as_list()).unwrap_or_default();
    list.iter().map(|it| it.to_json().to_string()).collect()
}
