//! What rules find in a device by itself. Pure.

use std::cell::{OnceCell, RefCell};

use jiff::Timestamp;

use super::{
    facts::{Device, Facts},
    rule::Ready,
    when::When,
};
use crate::{
    alerts::Truth,
    checks::bulletins,
    history::{Connection, Field, Seconds},
    tailnet::devices::{Described as _, Flag, KeyState, Version},
    words::{counted, to_the_second},
};

/// How many routes are listed.
const ROUTES: usize = 5;

/// The versions of clients, each decoded once: many devices run the same.
#[derive(Default)]
pub(super) struct Versions<'a>(RefCell<foldhash::HashMap<&'a str, Option<Version>>>);

impl<'a> Versions<'a> {
    pub(super) fn of(&self, device: Device<'a>) -> Option<Version> {
        let text = device.text(Field::CLIENT_VERSION);
        *self.0.borrow_mut().entry(text).or_insert_with(|| device.version())
    }
}

/// A device, with what is decoded of it once for all rules.
pub(super) struct Looked<'l, 'a> {
    pub(super) device: Device<'a>,
    now: Timestamp,
    versions: &'l Versions<'a>,
    /// The newest version of the tailnet's own devices.
    newest: Option<Version>,
    key: OnceCell<KeyState>,
}

impl<'l, 'a> Looked<'l, 'a> {
    pub(super) fn at(
        device: Device<'a>,
        now: Timestamp,
        versions: &'l Versions<'a>,
        newest: Option<Version>,
    ) -> Self {
        Self { device, now, versions, newest, key: OnceCell::new() }
    }

    fn version(&self) -> Option<Version> {
        self.versions.of(self.device)
    }

    fn key_state(&self) -> KeyState {
        *self.key.get_or_init(|| self.device.key_state(self.now))
    }
}

/// What decides which bulletins concern a device: its version, system and enabled routes, and whether it runs
/// Tailscale SSH.
pub(super) type Client<'a> = (&'a str, &'a str, &'a str, bool);

/// What is true of a device; none if what the rule describes does not hold.
pub(super) fn of_device(rule: &Ready, looked: &Looked<'_, '_>, facts: &Facts<'_>) -> Option<Truth> {
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
            let open: Vec<&str> = open.take(ROUTES).collect();
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

pub(super) fn client(device: Device<'_>) -> Client<'_> {
    let ssh = device.has(Field::SSH_ENABLED);
    let version = device.text(Field::CLIENT_VERSION);
    (version, device.text(Field::OS), device.text(Field::ENABLED_ROUTES), ssh)
}

/// Which fixes a device lacks, in words.
pub(super) fn vulnerable(looked: &Looked<'_, '_>) -> Option<String> {
    let (device, version) = (looked.device, looked.version()?);
    let enabled: Vec<&str> = device.list(Field::ENABLED_ROUTES).collect();
    let ssh = device.has(Field::SSH_ENABLED);
    let bulletins = bulletins::concerning(version, device.os(), ssh, &enabled);
    let lacks = || format!("runs {version}, which lacks the fix of {}", bulletins.join(", "));
    (!bulletins.is_empty()).then(lacks)
}
