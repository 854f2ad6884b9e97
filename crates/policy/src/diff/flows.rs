//! Finds the connections that one policy allows and another does not.
//!
//! Destinations that the other policy treats the same are examined once, and sources are handled as sets,
//! so that ten thousand devices do not mean a hundred million comparisons.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
};

use super::{
    Flow,
    parts::{each_protocol, split},
    words::describe,
};
use crate::{
    address::Span,
    compile::{Access, Bits, Compiled, Goal, Special},
    ports::Ports,
};

/// A kind of destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum End {
    Devices,
    Own,
    Internet,
    Span(Span),
}

/// Sources: devices, and literal addresses that belong to no device.
pub(super) type Sources = (Bits, Vec<Span>);

/// The tags of the routers that connections have to pass through; empty if they need not.
pub(super) type Via = Vec<String>;

/// For each source, way and kind of destination, the devices reached on each range of ports.
pub(super) type Gains = HashMap<(Sources, Via, End), HashMap<Ports, Bits>>;

/// The most steps of a search, which take about a second. What is not found until then is not listed.
/// Ten thousand devices and a thousand rules need fewer.
const MAX_STEPS: usize = 200_000_000;
/// The steps that a gain counts for, and one more for every 64 devices.
const GAIN_STEPS: usize = 20;
/// The most different gains, which take memory.
const MAX_GAINS: usize = 50_000;

/// The connections that one policy allows and another does not.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The connections, those between the most devices first.
    pub(super) flows: Vec<Flow>,
    /// The number of further connections.
    pub(super) omitted: usize,
    /// Whether the search ended early, because there are too many connections to compare.
    pub(super) is_cut: bool,
    /// The rules that allow them, by index.
    pub(super) rules: HashSet<usize>,
}

/// The connections that `after` allows and `before` does not.
pub(super) fn gained(before: &Compiled<'_>, after: &Compiled<'_>) -> Found {
    let mut known: HashSet<u64> = before.rules.iter().map(fingerprint).collect();
    let all = after.rules.iter().enumerate();
    let new: Vec<(usize, &Access<'_>)> =
        all.filter(|(_, access)| known.insert(fingerprint(access))).collect();
    if new.is_empty() {
        return Found::default();
    }
    let mut search = Search::new(before);
    let mut rules = HashSet::new();
    for (index, access) in new {
        search.has_gained = false;
        search.via = via_of(access);
        search.rule(access);
        if search.has_gained {
            rules.insert(index);
        }
    }
    let is_cut = search.left == 0;
    Found { is_cut, rules, ..describe(search.gains, after) }
}

/// The routers of a rule, as the rule names them.
fn via_of(access: &Access<'_>) -> Via {
    let routers = access.rule.map(|rule| rule.via.as_slice()).unwrap_or_default();
    routers.iter().map(|tag| tag.text.clone()).collect()
}

/// A hash of what a rule allows: rules with the same fingerprint have the same effect.
fn fingerprint(access: &Access<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&access.source.devices, access.source.special, spans(access), &access.via).hash(&mut hasher);
    for goal in &access.targets {
        (&*goal.set, &*goal.ports).hash(&mut hasher);
    }
    hasher.finish()
}

/// The literal addresses in the source of a rule.
fn spans(access: &Access<'_>) -> Vec<Span> {
    let all = access.source.sets.iter().flat_map(|it| it.spans.iter().copied());
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A destination in the other policy: the index of its rule, and its index in that rule.
type Place = (usize, usize);

struct Search<'s, 'w> {
    other: &'s Compiled<'w>,
    /// The rules of the other policy that have `autogroup:self` as a destination.
    own: Vec<&'s Access<'w>>,
    /// For each device, the destinations in the other policy that include it.
    about: Vec<Vec<Place>>,
    /// For each device, the number of its class: devices in one class are treated the same.
    class: Vec<usize>,
    /// The source devices that the other policy admits to a class on some ports.
    covered: HashMap<(usize, Ports), Bits>,
    /// The parts of a range of ports at a class; see [`Search::parts`].
    parts: HashMap<(usize, Ports), Rc<[Ports]>>,
    gains: Gains,
    /// The number of different gains.
    count: usize,
    /// The routers of the rule that is looked at.
    via: Via,
    /// Whether that rule allows anything that the other policy does not.
    has_gained: bool,
    /// The number of destinations in the other policy, and of their addresses.
    all_goals: usize,
    /// The steps that are left; see [`MAX_STEPS`].
    left: usize,
}

impl<'s, 'w> Search<'s, 'w> {
    fn new(other: &'s Compiled<'w>) -> Self {
        let count = other.names.count();
        let mut about: Vec<Vec<Place>> = vec![Vec::new(); count];
        for (at, access) in other.rules.iter().enumerate() {
            for (goal_at, goal) in access.targets.iter().enumerate() {
                for device in access.devices(goal, count).iter() {
                    if let Some(list) = about.get_mut(device) {
                        list.push((at, goal_at));
                    }
                }
            }
        }
        // If the other policy has `autogroup:self`, the devices of each user form a class of their own.
        let own: Vec<&Access<'w>> =
            other.rules.iter().filter(|it| own_goals(it).next().is_some()).collect();
        let mut classes: HashMap<(&[Place], Option<&str>), usize> = HashMap::new();
        let mut class = Vec::with_capacity(count);
        for (device, list) in other.inventory.devices.iter().zip(&about) {
            let person = (!own.is_empty() && !device.is_tagged()).then_some(device.user.as_str());
            let next = classes.len();
            class.push(*classes.entry((list, person)).or_insert(next));
        }
        let goals = other.rules.iter().flat_map(|it| &it.targets);
        let all_goals = goals.map(|it| 1 + it.set.spans.len()).sum();
        Self {
            all_goals,
            other,
            own,
            class,
            covered: HashMap::new(),
            parts: HashMap::new(),
            gains: HashMap::new(),
            count: 0,
            via: Vec::new(),
            has_gained: false,
            about,
            left: MAX_STEPS,
        }
    }

    fn rule(&mut self, access: &Access<'_>) {
        let literal = spans(access);
        for goal in &access.targets {
            for ports in goal.ports.iter().flat_map(|it| each_protocol(*it)) {
                if self.left == 0 {
                    return;
                }
                self.devices(access, goal, ports, &literal);
                self.addresses(access, goal, ports, &literal);
                if goal.set.special == Special::Own {
                    self.own(access, ports);
                }
            }
        }
    }

    fn devices(&mut self, access: &Access<'_>, goal: &Goal, ports: Ports, literal: &[Span]) {
        let count = self.other.names.count();
        let mut by_class: BTreeMap<usize, Bits> = BTreeMap::new();
        for device in access.devices(goal, count).iter() {
            let class = self.class.get(device).copied().unwrap_or_default();
            by_class.entry(class).or_insert_with(|| Bits::none(count)).add(device);
        }
        for (class, members) in by_class {
            let Some(example) = members.iter().next() else { continue };
            for part in self.parts(class, example, ports).iter().copied() {
                if self.left == 0 {
                    return;
                }
                let mut gained = access.source.devices.clone();
                gained.remove_all(self.covered_at(class, example, part));
                let goals = self.about.get(example).map_or(0, Vec::len);
                self.left = self.left.saturating_sub(literal.len().saturating_mul(goals));
                let extra = self.uncovered(literal, example, part);
                self.gain((gained, extra), End::Devices, part, &members);
            }
        }
    }

    /// The destinations in the other policy that include a device, with their rules.
    fn goals_at(&self, device: usize) -> impl Iterator<Item = (&Access<'w>, &Goal)> {
        let places = self.about.get(device).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|(at, goal)| {
            let access = self.other.rules.get(*at)?;
            Some((access, access.targets.get(*goal)?))
        })
    }

    /// Splits a range of ports so that the other policy allows each part completely or not at all.
    fn parts(&mut self, class: usize, example: usize, ports: Ports) -> Rc<[Ports]> {
        if let Some(parts) = self.parts.get(&(class, ports)) {
            return Rc::clone(parts);
        }
        self.count_goals(example);
        let own = self.own.iter().flat_map(|it| own_goals(it));
        let all = self.goals_at(example).map(|(_, goal)| goal).chain(own);
        let split: Rc<[Ports]> = split(ports, all.flat_map(|it| it.ports.iter())).into();
        self.parts.insert((class, ports), Rc::clone(&split));
        split
    }

    /// Counts a visit of all destinations that include a device.
    fn count_goals(&mut self, device: usize) {
        let goals = self.about.get(device).map_or(0, Vec::len) + self.own.len();
        self.left = self.left.saturating_sub(goals);
    }

    fn covered_at(&mut self, class: usize, example: usize, part: Ports) -> &Bits {
        if !self.covered.contains_key(&(class, part)) {
            self.count_goals(example);
            let mut covered = Bits::none(self.other.names.count());
            for (access, goal) in self.goals_at(example) {
                if goal.ports.iter().any(|it| it.covers(&part)) {
                    covered.add_all(&access.source.devices);
                }
            }
            covered.add_all(&self.own_at(example, part));
            self.covered.insert((class, part), covered);
        }
        self.covered.entry((class, part)).or_insert_with(|| Bits::none(0))
    }

    /// The devices that reach a device through `autogroup:self` in the other policy.
    fn own_at(&self, device: usize, part: Ports) -> Bits {
        let mut own = Bits::none(self.other.names.count());
        for access in &self.own {
            if own_goals(access).any(|it| it.ports.iter().any(|it| it.covers(&part))) {
                for device in self.other.same_person(&access.source, device) {
                    own.add(device);
                }
            }
        }
        own
    }

    /// The literal addresses that the other policy does not let reach a device on some ports.
    fn uncovered(&self, literal: &[Span], device: usize, part: Ports) -> Vec<Span> {
        let reaches = |span: &Span| {
            self.goals_at(device).any(|(access, goal)| {
                goal.ports.iter().any(|it| it.covers(&part)) && has_span(access, span)
            })
        };
        literal.iter().filter(|it| !reaches(it)).copied().collect()
    }

    /// Records gains for destinations that are not devices: subnets, and the internet.
    fn addresses(&mut self, access: &Access<'_>, goal: &Goal, ports: Ports, literal: &[Span]) {
        let is_a_device = |span: &Span| span.is_one() && !goal.set.at_spans.is_empty();
        let mut ends: Vec<End> =
            goal.set.spans.iter().filter(|it| !is_a_device(it)).copied().map(End::Span).collect();
        if goal.set.special == Special::Internet {
            ends.push(End::Internet);
        }
        for end in ends {
            let other = self.other;
            let about = || {
                other.rules.iter().filter(|it| it.via == access.via).flat_map(|it| {
                    it.targets
                        .iter()
                        .filter(|goal| reaches_end(goal, &end))
                        .map(move |goal| (it, goal))
                })
            };
            let none = Bits::none(other.names.count());
            for part in split(ports, about().flat_map(|(_, goal)| goal.ports.iter())) {
                self.left = self.left.saturating_sub(self.all_goals / 8 + 1);
                if self.left == 0 {
                    return;
                }
                let mut gained = access.source.devices.clone();
                let mut extra = literal.to_vec();
                for (by, goal) in about() {
                    if goal.ports.iter().any(|it| it.covers(&part)) {
                        gained.remove_all(&by.source.devices);
                        extra.retain(|it| !has_span(by, it));
                    }
                }
                self.gain((gained, extra), end.clone(), part, &none);
            }
        }
    }

    fn own(&mut self, access: &Access<'_>, ports: Ports) {
        let other = self.other;
        let count = other.names.count();
        let mut gained: HashMap<Ports, Bits> = HashMap::new();
        let mut done = Bits::none(count);
        for device in access.source.devices.iter() {
            if done.has(device) {
                continue;
            }
            let theirs = other.same_person(&access.source, device);
            for it in &theirs {
                done.add(*it);
            }
            // A user with one device gains nothing: a device can always reach itself.
            if theirs.len() < 2 {
                continue;
            }
            let class = self.class.get(device).copied().unwrap_or_default();
            for part in self.parts(class, device, ports).iter().copied() {
                let covered = self.covered_at(class, device, part);
                let missing = theirs.iter().filter(|it| !covered.has(**it) && **it != device);
                let missing: Vec<usize> = missing.copied().collect();
                if !missing.is_empty() {
                    let bits = gained.entry(part).or_insert_with(|| Bits::none(count));
                    for it in missing.into_iter().chain([device]) {
                        bits.add(it);
                    }
                }
            }
        }
        for (part, bits) in gained {
            let none = Bits::none(count);
            self.gain((bits, Vec::new()), End::Own, part, &none);
        }
    }

    fn gain(&mut self, sources: Sources, end: End, ports: Ports, members: &Bits) {
        if self.left == 0 || (sources.0.is_empty() && sources.1.is_empty()) {
            return;
        }
        self.left = self.left.saturating_sub(GAIN_STEPS + members.len() / 64);
        self.has_gained = true;
        let by_ports = self.gains.entry((sources, self.via.clone(), end)).or_default();
        let known = by_ports.len();
        let devices = by_ports.entry(ports).or_insert_with(|| Bits::none(members.len()));
        devices.add_all(members);
        self.count += by_ports.len() - known;
        if self.count > MAX_GAINS {
            self.left = 0;
        }
    }
}

fn own_goals<'a>(access: &'a Access<'_>) -> impl Iterator<Item = &'a Goal> {
    access.targets.iter().filter(|it| it.set.special == Special::Own)
}

fn reaches_end(goal: &Goal, end: &End) -> bool {
    match (end, goal.set.special) {
        (_, Special::Any | Special::Everything) | (End::Internet, Special::Internet) => true,
        (End::Span(span), _) => goal.set.spans.iter().any(|it| it.covers(span)),
        _ => false,
    }
}

fn has_span(access: &Access<'_>, span: &Span) -> bool {
    access.source.special != Special::None
        || access.source.sets.iter().any(|it| it.spans.iter().any(|it| it.covers(span)))
}
