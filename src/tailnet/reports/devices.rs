//! The part of a report about the devices. Pure.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use jiff::{SignedDuration, Timestamp};

use super::{Gathered, cut, first};
use crate::{
    checks::{self, Device, Known, Severity, bulletins},
    report::{Count, DeviceRow, Fleet, VersionCount},
    tailnet::devices::{self, stale::Silent},
    version::Version,
    visible::visible_up_to,
};

/// How many devices the table has.
const DEVICES: usize = 500;
/// How many problems of a device are named.
const PROBLEMS: usize = 2;
/// The longest problem; the audit has all of it.
const SHORT: usize = 110;
/// How many kinds are counted apart.
const KINDS: usize = 12;
/// How old devices are, in days: the upper bound, and what it is called.
const AGES: [(i64, &str); 5] = [
    (7, "under a week"),
    (30, "1 week to 1 month"),
    (365, "1 to 12 months"),
    (3 * 365, "1 to 3 years"),
    (i64::MAX, "3 years or more"),
];

/// What is wrong with a device, and how serious that is.
type Problem = (Severity, String);

impl Gathered {
    pub(super) fn fleet(&self, audit: &checks::Report) -> Known<Fleet> {
        let all = self.facts.devices.as_ref().map_err(Clone::clone)?;
        let own: Vec<&Device> = all.iter().filter(|it| !it.shared_in).collect();
        let problems = problems(audit);
        let rank = |it: &&Device| {
            let found = problems.get(it.id.as_str()).map_or(&[][..], Vec::as_slice);
            let worst = found.iter().map(|it| it.0).max();
            (Reverse((worst, found.len())), it.online, it.name.clone())
        };
        let mut worst = own.clone();
        worst.sort_by_cached_key(rank);
        let more = worst.len().saturating_sub(DEVICES);
        let rows = worst.into_iter().take(DEVICES);
        let listed = self.devices.iter().flat_map(|all| all.iter());
        let listed: HashMap<&str, &devices::Device> = listed.map(|it| (it.key(), it)).collect();
        let seen = |it: &Device| {
            let listed = listed.get(it.id.as_str());
            listed.map_or_else(|| "unknown".to_owned(), |it| Silent::of(it).in_words(self.now))
        };
        let rows = rows.map(|it| row(it, problems.get(it.id.as_str()), seen(it)));
        Ok(Fleet {
            total: own.len(),
            online: own.iter().filter(|it| it.online).count(),
            shared_in: all.len() - own.len(),
            systems: counts(own.iter().map(|it| known(&it.os))),
            versions: versions(&own),
            ages: ages(&own, self.now),
            owners: owners(&own),
            devices: rows.collect(),
            more,
        })
    }
}

/// What the audit found about each device, by its ID.
fn problems(audit: &checks::Report) -> HashMap<&str, Vec<Problem>> {
    let mut problems: HashMap<&str, Vec<Problem>> = HashMap::new();
    for outcome in audit.outcomes.iter().filter(|it| it.check.of_devices) {
        for subject in &outcome.subjects {
            let text = format!("{}: {}", outcome.check.title, subject.evidence);
            let found = (subject.severity, text);
            problems.entry(&subject.id).or_default().push(found);
        }
    }
    for found in problems.values_mut() {
        found.sort_by_key(|it| Reverse(it.0));
    }
    problems
}

fn row(it: &Device, problems: Option<&Vec<Problem>>, seen: String) -> DeviceRow {
    let problems = problems.map_or(&[][..], Vec::as_slice);
    let severity = problems.first().map_or("", |it| it.0.as_str());
    let named = problems.iter().take(PROBLEMS).map(|it| visible_up_to(&it.1, SHORT).into_owned());
    let version = it.version.split('-').next().unwrap_or_default();
    DeviceRow {
        name: cut(&it.name),
        owner: cut(&it.owner()),
        os: cut(&it.os),
        version: cut(version),
        seen,
        problems: named.collect(),
        severity: severity.to_owned(),
    }
}

fn versions(own: &[&Device]) -> Vec<VersionCount> {
    let parsed = |it: &Device| it.version.parse::<Version>().ok();
    let newest = own.iter().filter_map(|it| parsed(it)).max().map(Version::numbers);
    let mut counts: BTreeMap<Option<[u32; 2]>, (usize, usize)> = BTreeMap::new();
    for it in own {
        let version = parsed(it);
        let minor = version.map(|it| [it.numbers()[0], it.numbers()[1]]);
        let vulnerable = version.is_some_and(|version| {
            let enabled: Vec<&str> = it.enabled.iter().map(String::as_str).collect();
            !bulletins::concerning(version, &it.os, it.ssh, &enabled).is_empty()
        });
        let count = counts.entry(minor).or_default();
        *count = (count.0 + 1, count.1 + usize::from(vulnerable));
    }
    let of = |(minor, (count, vulnerable)): (Option<[u32; 2]>, (usize, usize))| VersionCount {
        version: minor.map_or_else(|| "unknown".to_owned(), |[a, b]| format!("{a}.{b}")),
        count,
        vulnerable,
        behind: minor
            .zip(newest)
            .filter(|(is, newest)| is[0] == newest[0])
            .map(|(is, newest)| newest[1].saturating_sub(is[1])),
    };
    counts.into_iter().rev().map(of).collect()
}

fn ages(own: &[&Device], now: Timestamp) -> Vec<Count> {
    let days = |it: &&&Device| it.created.map(|at| now.duration_since(at).as_hours() / 24);
    let ages: Vec<Option<i64>> = own.iter().map(|it| days(&it)).collect();
    let mut counts = Vec::new();
    let mut from = i64::MIN;
    for (below, name) in AGES {
        let count = ages.iter().flatten().filter(|it| (from..below).contains(*it)).count();
        counts.push(Count { name: name.to_owned(), count });
        from = below;
    }
    let unknown = ages.iter().filter(|it| it.is_none()).count();
    counts.push(Count { name: "unknown".to_owned(), count: unknown });
    counts.retain(|it| it.count > 0);
    counts
}

fn owners(own: &[&Device]) -> Vec<Count> {
    let tagged = own.iter().filter(|it| !it.tags.is_empty()).count();
    let ephemeral = own.iter().filter(|it| it.ephemeral).count();
    let count = |name: &str, count| Count { name: name.to_owned(), count };
    let mut counts = vec![count("tagged", tagged), count("of users", own.len() - tagged)];
    if ephemeral > 0 {
        counts.push(count("of these ephemeral", ephemeral));
    }
    counts
}

/// How many there are of each name, the most common first.
pub(super) fn counts<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Count> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut counts: Vec<Count> =
        counts.into_iter().map(|(name, count)| Count { name: cut(name), count }).collect();
    counts.sort_by_key(|it| Reverse(it.count));
    let rest: usize = counts.iter().skip(KINDS).map(|it| it.count).sum();
    let (mut counts, more) = first(counts, KINDS);
    if more > 0 {
        counts.push(Count { name: format!("{more} others"), count: rest });
    }
    counts
}

/// A text of the API, or `unknown` if it is empty.
fn known(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

/// Days between two times, rounded down.
pub(super) fn days(apart: SignedDuration) -> i64 {
    apart.as_hours().div_euclid(24)
}
