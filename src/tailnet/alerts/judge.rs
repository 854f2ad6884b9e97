//! What rules find in facts about devices and routes. Pure.

use std::{borrow::Cow, cell::OnceCell, collections::HashMap};

use jiff::Timestamp;

use super::{
    facts::{Device, Facts, is_exit_route},
    other,
    rule::Ready,
    when::When,
};
use crate::{
    alerts::{Subject, Truth},
    checks::bulletins,
    history::{Connection, Field, Seconds},
    tailnet::devices::{Described as _, Flag, KeyState, Version},
    words::{counted, listed, to_the_second},
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
    let mut sums: Vec<Sum<'_>> = rules.iter().map(|rule| Sum::of(rule.when)).collect();
    let by_device = |rule: &&Ready| rule.when.has_scope();
    if rules.iter().any(by_device)
        && let Some(devices) = facts.devices()
    {
        let newest =
            rules.iter().any(|it| it.when == When::Behind).then(|| newest(facts)).flatten();
        let now = facts.at();
        let of_devices = rules.iter().zip(&mut sums).filter(|it| it.0.when.has_scope());
        let mut of_devices: Vec<_> =
            of_devices.map(|(rule, sum)| (rule, rule.scope.is_empty(), sum)).collect();
        for device in devices {
            let external = device.is(Flag::External);
            let looked = Looked::at(device, now, newest);
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
            found
        }
        false => other::judge(rule, facts),
    })
    .collect()
}

/// The newest version of the tailnet's own devices.
fn newest(facts: &Facts<'_>) -> Option<Version> {
    let own = facts.devices()?.filter(|it| !it.is(Flag::External));
    own.filter_map(|it| it.version()).max()
}

/// A device, with what is decoded of it once for all rules.
struct Looked<'a> {
    device: Device<'a>,
    now: Timestamp,
    /// The newest version of the tailnet's own devices.
    newest: Option<Version>,
    version: OnceCell<Option<Version>>,
    key: OnceCell<KeyState>,
}

impl<'a> Looked<'a> {
    fn at(device: Device<'a>, now: Timestamp, newest: Option<Version>) -> Self {
        Self { device, now, newest, version: OnceCell::new(), key: OnceCell::new() }
    }

    fn version(&self) -> Option<Version> {
        *self.version.get_or_init(|| self.device.version())
    }

    fn key_state(&self) -> KeyState {
        *self.key.get_or_init(|| self.device.key_state(self.now))
    }
}

/// What is collected of the devices for a rule.
#[derive(Debug)]
enum Sum<'a> {
    /// Each device by itself.
    Each(Found<'a>),
    /// Each device by itself. Which bulletins concern a version is worked out once.
    Vulnerable(Found<'a>, HashMap<Client<'a>, Option<String>>),
    /// All devices together.
    All { up: Vec<&'a str>, went: Vec<(Seconds, &'a str)>, added: Vec<(Seconds, &'a str)> },
    /// Routes, with their routers.
    Routes(HashMap<&'a str, Vec<Device<'a>>>),
}

/// What decides which bulletins concern a device: its version, system and enabled routes, and whether it runs
/// Tailscale SSH.
type Client<'a> = (&'a str, &'a str, &'a str, bool);

impl<'a> Sum<'a> {
    fn of(when: When) -> Self {
        match when {
            When::Vulnerable => Self::Vulnerable(Found::default(), HashMap::new()),
            When::TooFew | When::ManyOffline | When::ManyNew => {
                Self::All { up: Vec::new(), went: Vec::new(), added: Vec::new() }
            }
            When::RouteUnserved | When::RouteSingle => Self::Routes(HashMap::new()),
            _ => Self::Each(Found::default()),
        }
    }

    fn add(&mut self, rule: &Ready, looked: &Looked<'a>, facts: &Facts<'_>) {
        let device = looked.device;
        let about = || About { kind: "device", key: device.key(), name: device.name() };
        match self {
            Self::Each(found) => {
                if let Some(truth) = of_device(rule, looked, facts) {
                    found.truths.push((about(), truth));
                }
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
                    Some((Connection::Up, _)) => up.push(device.name()),
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
            Self::Each(each) | Self::Vulnerable(each, _) => return each,
            Self::All { up, went, added } => all_together(rule, &up, went, added, now, &mut found),
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

/// What is true of a device; none if what the rule describes does not hold.
fn of_device(rule: &Ready, looked: &Looked<'_>, facts: &Facts<'_>) -> Option<Truth> {
    let (device, now) = (looked.device, facts.now);
    let holds = |since, summary| Some(Truth::Holds { since, summary });
    let if_so = |is: bool, summary| is.then(|| Truth::holds(summary));
    match rule.when {
        When::Silent => silent(rule, device, now),
        When::Connected => {
            let (connection, since) = device.connection()?;
            let is_up = connection == Connection::Up;
            is_up.then(|| Truth::Holds { since: Some(since), summary: "connected".into() })
        }
        When::Flapping => {
            let lost = facts.lost.get(&rule.within)?.get(device.key()).copied().unwrap_or_default();
            let often = u32::try_from(lost).unwrap_or(u32::MAX) >= rule.rule.times?;
            let summary = || format!("lost its connection {}", counted(lost, "time", "times"));
            often.then(|| Truth::holds(summary()))
        }
        When::KeyExpires => match looked.key_state() {
            KeyState::Until(then) if then.duration_since(looked.now) <= rule.inside() => {
                let summary = format!("its key expires at {}", to_the_second(then));
                holds(Some(then.as_second() - rule.within), summary.into())
            }
            _ => None,
        },
        When::KeyExpired => match looked.key_state() {
            KeyState::Expired(then) => holds(Some(then.as_second()), "its key has expired".into()),
            _ => None,
        },
        When::WaitsForApproval => {
            let waits = device.has(Field::WAITING);
            let since = device.created();
            let long = since.is_none_or(|at| now - at >= rule.longer_than);
            (waits && long).then(|| Truth::Holds { since, summary: "needs approval".into() })
        }
        When::Behind => {
            let (newest, is) = (looked.newest?.numbers(), looked.version()?);
            let [major, minor, _] = is.numbers();
            let apart = newest[1].saturating_sub(minor);
            let far = major < newest[0] || apart > rule.rule.minors?;
            far.then(|| Truth::holds(format!("runs {is}, {apart} minor versions behind")))
        }
        When::Cloned => {
            if_so(device.has(Field::MULTIPLE_CONNECTIONS), "several machines use its key")
        }
        When::LockError => {
            if_so(device.has(Field::LOCK_ERROR), "its Tailnet Lock signature is not accepted")
        }
        When::UdpBlocked => {
            let blocked = device.text(Field::UDP) == "0" && device.is(Flag::Online);
            if_so(blocked, "UDP does not work, so all its traffic is relayed")
        }
        When::RouteUnapproved => {
            let is_open = |it: &&str| !device.list(Field::ENABLED_ROUTES).any(|on| on == *it);
            let open = device.list(Field::ADVERTISED_ROUTES).filter(is_open);
            let open: Vec<&str> = open.take(NAMES).collect();
            let summary = || format!("advertises {} without approval", open.join(", "));
            (!open.is_empty()).then(|| Truth::holds(summary()))
        }
        When::NewDevice => {
            let since = device.created().filter(|at| now - at <= rule.within)?;
            let user = device.user();
            let of = if user.is_empty() { String::new() } else { format!(" by {user}") };
            holds(Some(since), format!("was added{of}").into())
        }
        _ => None,
    }
}

fn silent(rule: &Ready, device: Device<'_>, now: Seconds) -> Option<Truth> {
    let (connection, since) = device.connection()?;
    let summary = match connection {
        Connection::Up => return None,
        // Since when is not known, and so is whether that is long enough.
        Connection::Undated => return Some(Truth::Unknown),
        Connection::Never => "never connected",
        Connection::Down => "not connected",
    };
    let long = now - since >= rule.longer_than;
    long.then(|| Truth::Holds { since: Some(since), summary: summary.into() })
}

fn client(device: Device<'_>) -> Client<'_> {
    let ssh = device.has(Field::SSH_ENABLED);
    let version = device.text(Field::CLIENT_VERSION);
    (version, device.text(Field::OS), device.text(Field::ENABLED_ROUTES), ssh)
}

/// Which fixes a device lacks, in words.
fn vulnerable(looked: &Looked<'_>) -> Option<String> {
    let (device, version) = (looked.device, looked.version()?);
    let enabled: Vec<&str> = device.list(Field::ENABLED_ROUTES).collect();
    let ssh = device.has(Field::SSH_ENABLED);
    let bulletins = bulletins::concerning(version, device.os(), ssh, &enabled);
    let lacks = || format!("runs {version}, which lacks the fix of {}", bulletins.join(", "));
    (!bulletins.is_empty()).then(lacks)
}

fn all_together<'a>(
    rule: &'a Ready,
    up: &[&str],
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
            if up.len() < wanted {
                let summary = format!("{} connected, fewer than the required {wanted}", up.len());
                found.holds("scope", name, name, None, summary);
            }
        }
        When::ManyOffline => {
            went.sort_unstable();
            let all = up.len() + went.len();
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
