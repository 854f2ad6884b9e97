//! What rules find in facts about devices, by themselves and together, and about routes. Pure.

use std::borrow::Cow;

use foldhash::HashMap;

use super::{
    facts::{Device, Facts, is_exit_route},
    of_device::{Client, Looked, Versions, client, of_device, vulnerable},
    other,
    rule::Ready,
    traffic::{self, TrafficWindow},
    when::When,
};
use crate::{
    alerts::{Subject, Truth},
    history::{Connection, Field, Seconds},
    tailnet::devices::{Described as _, Flag, Version},
    words::{counted, listed},
};

/// How many devices must have gone for it to be many, whatever their share.
const MANY: usize = 3;
/// How many names are listed.
const NAMES: usize = 5;

/// What a rule finds.
#[derive(Debug, Default)]
pub struct Found<'a> {
    /// What it is about, and what is true of that.
    pub truths: Vec<(About<'a>, Truth)>,
    /// What cannot be known now.
    pub unknown: Vec<Unknown>,
}

/// What an alert is about, without a copy of its texts: most that is found was found before.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// What it is, such as `device`.
    pub kind: &'static str,
    /// Its ID.
    pub key: &'a str,
    /// What people call it.
    pub name: &'a str,
}

impl About<'_> {
    pub(super) fn subject(self) -> Subject {
        let [kind, key, name] = [self.kind, self.key, self.name].map(str::to_owned);
        Subject { kind, key, name }
    }
}

/// Subjects of a rule of which nothing can be known now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// All of them.
    All,
    /// Those of this kind.
    Kind(&'static str),
    /// The one with this ID.
    Key(&'static str),
}

impl<'a> Found<'a> {
    pub(super) fn unknown() -> Self {
        Self { unknown: vec![Unknown::All], ..Self::default() }
    }

    /// Whether nothing can be known of this subject.
    pub(super) fn hides(&self, subject: &Subject) -> bool {
        self.unknown.iter().any(|it| match *it {
            Unknown::All => true,
            Unknown::Kind(kind) => subject.kind == kind,
            Unknown::Key(key) => subject.key == key,
        })
    }

    pub(super) fn holds(
        &mut self,
        kind: &'static str,
        key: &'a str,
        name: &'a str,
        since: Option<Seconds>,
        summary: impl Into<Cow<'static, str>>,
    ) {
        let summary = summary.into();
        self.truths.push((About { kind, key, name }, Truth::Holds { since, summary }));
    }
}

/// What each of `rules` finds. Each device is looked at once for all of them.
pub fn judge<'a>(rules: &[&'a Ready], facts: &Facts<'a>) -> Vec<Found<'a>> {
    let mut sums: Vec<Sum<'_>> = rules.iter().map(|rule| Sum::of(rule, facts)).collect();
    let by_device = |rule: &&Ready| rule.when.has_scope();
    if rules.iter().any(by_device)
        && let Some(devices) = facts.devices()
    {
        let versions = Versions::default();
        let needs_newest = rules.iter().any(|it| it.when == When::Behind);
        let newest = needs_newest.then(|| newest(facts, &versions)).flatten();
        let now = facts.at();
        let of_devices = rules.iter().zip(&mut sums).filter(|it| it.0.when.has_scope());
        let mut of_devices: Vec<_> =
            of_devices.map(|(rule, sum)| (rule, rule.scope.is_empty(), sum)).collect();
        for device in devices {
            let external = device.is(Flag::External);
            let looked = Looked::at(device, now, &versions, newest);
            for (rule, takes_all, sum) in &mut of_devices {
                // Devices of other tailnets are somebody else's, unless they are asked for.
                let foreign = external && rule.scope.external != Some(true);
                if !foreign && (*takes_all || rule.scope.takes_described(&device, now)) {
                    sum.add(rule, &looked, facts);
                }
            }
        }
    }
    let known = facts.things("devices").is_some();
    let each = rules.iter().zip(sums);
    each.map(|(rule, sum)| match rule.when.has_scope() {
        true if !known => Found::unknown(),
        true => {
            let mut found = sum.found(rule, facts.now);
            if rule.when == When::WaitsForApproval {
                other::users(rule, facts, &mut found);
            }
            if rule.when.is_traffic() && traffic::unknown(rule, facts).is_some() {
                found.unknown.push(Unknown::All);
            }
            found
        }
        false => other::judge(rule, facts),
    })
    .collect()
}

/// The newest version of the tailnet's own devices.
fn newest<'a>(facts: &Facts<'a>, versions: &Versions<'a>) -> Option<Version> {
    let own = facts.devices()?.filter(|it| !it.is(Flag::External));
    own.filter_map(|it| versions.of(it)).max()
}

/// What is collected of the devices for a rule.
#[derive(Debug)]
enum Sum<'a> {
    /// Each device by itself.
    Each(Found<'a>),
    /// Each device by itself. Which bulletins concern a version is worked out once.
    Vulnerable(Found<'a>, HashMap<Client<'a>, Option<String>>),
    /// All devices together.
    All { up: usize, went: Vec<(Seconds, &'a str)>, added: Vec<(Seconds, &'a str)> },
    /// Each device by itself, by what it moved; none if nothing is known of that.
    Traffic(Found<'a>, Option<&'a TrafficWindow>),
    /// Routes, with their routers.
    Routes(HashMap<&'a str, Vec<Device<'a>>>),
}

impl<'a> Sum<'a> {
    fn of(rule: &Ready, facts: &Facts<'a>) -> Self {
        match rule.when {
            When::Vulnerable => Self::Vulnerable(Found::default(), HashMap::default()),
            When::TooFew | When::ManyOffline | When::ManyNew => {
                Self::All { up: 0, went: Vec::new(), added: Vec::new() }
            }
            When::RouteUnserved | When::RouteSingle => Self::Routes(HashMap::default()),
            When::Traffic | When::Relayed => {
                Self::Traffic(Found::default(), traffic::window(rule, facts).ok())
            }
            _ => Self::Each(Found::default()),
        }
    }

    fn add(&mut self, rule: &Ready, looked: &Looked<'_, 'a>, facts: &Facts<'_>) {
        let device = looked.device;
        let about = || About { kind: "device", key: device.key(), name: device.name() };
        match self {
            Self::Each(found) => {
                if let Some(truth) = of_device(rule, looked, facts) {
                    found.truths.push((about(), truth));
                }
            }
            Self::Traffic(found, window) => {
                let truth = window.and_then(|it| traffic::of_device(rule, device.key(), it));
                found.truths.extend(truth.map(|truth| (about(), truth)));
            }
            Self::Vulnerable(found, known) => {
                let known = known.entry(client(device)).or_insert_with(|| vulnerable(looked));
                if let Some(summary) = known {
                    let summary = Cow::Owned(summary.clone());
                    found.truths.push((about(), Truth::Holds { since: None, summary }));
                }
            }
            Self::All { up, went, added } => {
                match device.connection() {
                    Some((Connection::Up, _)) => *up += 1,
                    Some((Connection::Down, at)) if facts.now - at <= rule.within => {
                        went.push((at, device.name()));
                    }
                    _ => {}
                }
                if let Some(at) = device.created().filter(|at| facts.now - at <= rule.within) {
                    added.push((at, device.name()));
                }
            }
            Self::Routes(routes) => {
                for route in device.list(Field::ENABLED_ROUTES).filter(|it| !is_exit_route(it)) {
                    routes.entry(route).or_default().push(device);
                }
            }
        }
    }

    fn found(self, rule: &'a Ready, now: Seconds) -> Found<'a> {
        let mut found = Found::default();
        match self {
            Self::Each(each) | Self::Vulnerable(each, _) | Self::Traffic(each, _) => return each,
            Self::All { up, went, added } => all_together(rule, up, went, added, now, &mut found),
            Self::Routes(routes) => {
                for (route, routers) in routes {
                    if let Some((since, summary)) = of_route(rule.when, &routers) {
                        found.holds("route", route, route, since, summary);
                    }
                }
            }
        }
        found
    }
}

fn all_together<'a>(
    rule: &'a Ready,
    up: usize,
    mut went: Vec<(Seconds, &str)>,
    mut added: Vec<(Seconds, &str)>,
    now: Seconds,
    found: &mut Found<'a>,
) {
    let names = |list: &[(Seconds, &str)]| {
        let names: Vec<&str> = list.iter().map(|it| it.1).take(NAMES).collect();
        let more = list.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        listed(names) + &more
    };
    let name = &rule.rule.name;
    match rule.when {
        When::TooFew => {
            let wanted = usize::try_from(rule.rule.at_least.unwrap_or(1)).unwrap_or(usize::MAX);
            if up < wanted {
                let summary = format!("{up} connected, fewer than the required {wanted}");
                found.holds("scope", name, name, None, summary);
            }
        }
        When::ManyOffline => {
            went.sort_unstable();
            let all = up + went.len();
            let percent = usize::try_from(rule.rule.percent.unwrap_or(100)).unwrap_or(100);
            if went.len() >= MANY && went.len() * 100 >= percent * all {
                let summary =
                    format!("{} of {all} devices went offline: {}", went.len(), names(&went));
                let since = went.first().map(|it| it.0);
                found.holds("scope", name, name, since, summary);
            }
        }
        _ => {
            added.sort_unstable();
            let times = usize::try_from(rule.rule.times.unwrap_or(1)).unwrap_or(usize::MAX);
            if added.len() >= times {
                let summary = format!(
                    "{} added: {}",
                    counted(added.len(), "device was", "devices were"),
                    names(&added)
                );
                found.holds("scope", name, name, added.first().map(|it| it.0.min(now)), summary);
            }
        }
    }
}

/// Since when, and in which words, what the rule describes holds for a route with these routers.
fn of_route(when: When, routers: &[Device<'_>]) -> Option<(Option<Seconds>, String)> {
    let names = listed(routers.iter().map(|it| it.name()).take(NAMES));
    if when == When::RouteSingle {
        return (routers.len() == 1).then(|| (None, format!("has one router only: {names}")));
    }
    let connected = |it: &Device<'_>| it.is(Flag::Online);
    if routers.iter().any(connected) {
        return None;
    }
    let down = |it: &Device<'_>| match it.connection()? {
        (Connection::Down | Connection::Never, at) => Some(at),
        _ => None,
    };
    // It is unserved since the last one went; not dated if that is not known.
    let since: Option<Vec<Seconds>> = routers.iter().map(down).collect();
    let since = since.and_then(|it| it.into_iter().max());
    Some((since, format!("none of its routers is connected: {names}")))
}
