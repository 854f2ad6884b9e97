//! Expands the IP sets of a policy file (`ipsets`), which may refer to each other, to address ranges.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    ops::Range,
    sync::Arc,
};

use super::{
    address::Span,
    model::{Model, Text},
    selector::{Selector, SelectorKind},
};

/// The most ranges that IP sets may take over from other IP sets, all together. Without a limit, a small
/// file could come to any number of ranges.
const MAX_INHERITED: usize = 100_000;
/// The most names of a [`Cycle`] that are shown.
const MAX_CHAIN: usize = 8;

/// The IP sets of a policy file, expanded.
#[derive(Debug, Default)]
pub(super) struct IpSets<'m> {
    ranges: HashMap<&'m str, Arc<[Span]>>,
    /// The references by which a set contains itself. They add no addresses.
    pub(super) cycles: Vec<Cycle<'m>>,
    /// Whether the sets come to more than [`MAX_INHERITED`] ranges. The rest is missing then.
    pub(super) is_too_large: bool,
}

/// A set that contains itself, directly or through other sets.
#[derive(Debug)]
pub(super) struct Cycle<'m> {
    /// The set with the reference that closes the cycle.
    pub(super) set: &'m str,
    /// The byte range of that reference.
    pub(super) at: Range<usize>,
    /// The sets from the first one back to it: `ipset:a → ipset:b → ipset:a`.
    pub(super) chain: String,
}

/// An entry of an IP set: `add 10.0.0.0/8`, `remove ipset:office`.
pub(super) struct SetEntry<'m> {
    /// Whether the entry adds addresses; otherwise it removes them.
    pub(super) adds: bool,
    /// What it adds or removes: an address, a host or another set.
    pub(super) what: &'m str,
}

impl<'m> SetEntry<'m> {
    /// Parses an entry. The default is to add.
    pub(super) fn parse(text: &'m str) -> Self {
        let text = text.trim();
        match text.split_once(' ') {
            Some(("add", what)) => Self { adds: true, what: what.trim() },
            Some(("remove", what)) => Self { adds: false, what: what.trim() },
            _ => Self { adds: true, what: text },
        }
    }

    /// The other set that the entry refers to.
    fn inner(&self) -> Option<&'m str> {
        self.what.starts_with("ipset:").then_some(self.what)
    }
}

/// How far the search for cycles is with a set.
#[derive(Clone, Copy, PartialEq)]
enum Progress {
    /// Its entries are being visited; the number is its place on the path.
    Open(usize),
    Done,
}

impl<'m> IpSets<'m> {
    /// Expands all IP sets, each once.
    pub(super) fn of(model: &'m Model) -> Self {
        let mut sets = Self::default();
        let mut progress: HashMap<&'m str, Progress> = HashMap::new();
        let mut inherited = 0;
        for set in &model.ip_sets {
            let mut path: Vec<(&'m str, std::slice::Iter<'m, Text>)> = Vec::new();
            enter(&set.name.value, model, &mut path, &mut progress);
            while let Some((name, entries)) = path.last_mut() {
                let name = *name;
                let Some(entry) = entries.next() else {
                    let ranges = sets.expand(name, model, &mut inherited);
                    sets.ranges.insert(name, ranges.into());
                    progress.insert(name, Progress::Done);
                    path.pop();
                    continue;
                };
                let Some(inner) = SetEntry::parse(&entry.value).inner() else { continue };
                match progress.get(inner) {
                    Some(Progress::Open(at)) => {
                        let names = path.iter().skip(*at).map(|(name, _)| *name);
                        let chain = chain(names.collect(), inner);
                        sets.cycles.push(Cycle { set: name, at: entry.at.clone(), chain });
                    }
                    Some(Progress::Done) => {}
                    None => enter(inner, model, &mut path, &mut progress),
                }
            }
        }
        sets
    }

    /// The ranges of a set; empty if there is no such set.
    pub(super) fn ranges(&self, name: &str) -> &[Span] {
        self.ranges.get(name).map(|ranges| &**ranges).unwrap_or_default()
    }

    /// Expands a set whose inner sets are expanded already.
    fn expand(&mut self, name: &str, model: &Model, inherited: &mut usize) -> Vec<Span> {
        let entries = model.ip_set(name).unwrap_or_default();
        let parsed: Vec<SetEntry<'_>> =
            entries.iter().map(|entry| SetEntry::parse(&entry.value)).collect();
        if parsed.iter().all(|entry| entry.adds) {
            return self.joined(&parsed, model, inherited);
        }
        // From the end: the last entry that names an address decides about it.
        let (mut decided, mut kept) = (Disjoint::default(), Vec::new());
        let mut seen = HashSet::new();
        for entry in parsed.iter().rev() {
            if !seen.insert((entry.adds, entry.what)) {
                continue;
            }
            for range in self.ranges_of(entry, model, inherited) {
                let rest = decided.add(range);
                if entry.adds {
                    kept.extend(rest);
                }
            }
        }
        merged(kept)
    }

    /// The ranges of entries that only add, as written and without duplicates.
    fn joined(
        &mut self,
        entries: &[SetEntry<'_>],
        model: &Model,
        inherited: &mut usize,
    ) -> Vec<Span> {
        let (mut names, mut seen, mut ranges) = (HashSet::new(), HashSet::new(), Vec::new());
        for entry in entries.iter().filter(|entry| names.insert(entry.what)) {
            let added = self.ranges_of(entry, model, inherited);
            ranges.extend(added.into_iter().filter(|range| seen.insert(*range)));
        }
        ranges
    }

    fn ranges_of(
        &mut self,
        entry: &SetEntry<'_>,
        model: &Model,
        inherited: &mut usize,
    ) -> Vec<Span> {
        match Selector::parse(entry.what, 0..0).kind {
            SelectorKind::Addresses(range) => vec![range],
            SelectorKind::Host(name) => {
                let address = model.host(&name).and_then(|host| host.value.trim().parse().ok());
                address.into_iter().collect()
            }
            SelectorKind::IpSet(name) => {
                let ranges = self.ranges(&name).to_vec();
                *inherited += ranges.len();
                let fits = *inherited <= MAX_INHERITED;
                self.is_too_large |= !fits;
                if fits { ranges } else { Vec::new() }
            }
            _ => Vec::new(),
        }
    }
}

fn enter<'m>(
    name: &'m str,
    model: &'m Model,
    path: &mut Vec<(&'m str, std::slice::Iter<'m, Text>)>,
    progress: &mut HashMap<&'m str, Progress>,
) {
    if progress.contains_key(name) {
        return;
    }
    let entries = model.ip_set(name).unwrap_or_default();
    progress.insert(name, Progress::Open(path.len()));
    path.push((name, entries.iter()));
}

fn chain<'n>(mut names: Vec<&'n str>, first: &'n str) -> String {
    if names.len() > MAX_CHAIN {
        names.truncate(MAX_CHAIN);
        names.push("…");
    }
    names.push(first);
    names.join(" → ")
}

/// Disjoint ranges by their first address. IPv4 addresses are in front of IPv6 addresses.
#[derive(Default)]
struct Disjoint(BTreeMap<IpAddr, Span>);

impl Disjoint {
    /// Adds a range, and returns the parts of it that were not there yet.
    fn add(&mut self, range: Span) -> Vec<Span> {
        let mut overlapping: Vec<Span> =
            self.0.range(range.first()..=range.last()).map(|(_, it)| *it).collect();
        let in_front = self.0.range(..range.first()).next_back().map(|(_, it)| *it);
        overlapping.extend(in_front.filter(|it| it.overlaps(&range)));
        overlapping.sort_unstable();
        let (mut new, mut rest, mut whole) = (Vec::new(), Some(range), range);
        for known in overlapping {
            self.0.remove(&known.first());
            whole = whole.hull(&known);
            let Some(left) = rest.take() else { continue };
            for part in left.without(&known) {
                if part.first() < known.first() {
                    new.push(part);
                } else {
                    rest = Some(part);
                }
            }
        }
        new.extend(rest);
        self.0.insert(whole.first(), whole);
        new
    }
}

/// Sorts ranges, and joins those that overlap or touch.
pub(super) fn merged(mut ranges: Vec<Span>) -> Vec<Span> {
    ranges.sort_unstable();
    let mut merged: Vec<Span> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut().filter(|last| last.touches(&range)) {
            Some(last) => *last = last.hull(&range),
            None => merged.push(range),
        }
    }
    merged
}
