//! What rules are judged by: what was last seen of a tailnet, and when somebody looked.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::TrafficWindows;
use crate::{
    history::{Connection, Event, Field, Known, LookedAt, Remembered, Seconds, Source},
    tailnet::devices::{Described, Flag, KeyState},
    version::Version,
};

/// What was last seen of a tailnet.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Now, in seconds since 1970.
    pub now: Seconds,
    /// The things of each source, by its name. A source that nobody looked at is not among them.
    pub known: HashMap<&'static str, &'a Known>,
    /// How the last look at each source went.
    pub looks: &'a [LookedAt],
    /// Entries of the audit log of the last day, the newest first.
    pub events: &'a [Event],
    /// IDs of the checks that failed at the last audit, and when that was.
    pub audit: Option<(Seconds, &'a [String])>,
    /// How often devices lost their connection: the number of seconds asked for, and the counts by node ID.
    pub lost: &'a HashMap<Seconds, HashMap<String, usize>>,
    /// What devices moved, as far as that is kept.
    pub traffic: &'a TrafficWindows,
    /// The ID of the credential with which the server asks; empty if that is not known.
    pub credential: &'a str,
}

impl<'a> Facts<'a> {
    /// The things of a source; none if nobody looked at it lately, so that they cannot be known.
    pub(super) fn things(&self, source: &str) -> Option<&'a Known> {
        let known = *self.known.get(source)?;
        let looked_at = known.looked_at()?;
        (self.now - looked_at <= longest_gap(source)).then_some(known)
    }

    /// The devices.
    pub(super) fn devices(&self) -> Option<impl Iterator<Item = Device<'a>>> {
        Some(self.things("devices")?.things().map(Device::of))
    }

    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_second(self.now).unwrap_or_default()
    }
}

/// After how long without a look nothing is known of a source.
pub(super) fn longest_gap(source: &str) -> Seconds {
    // Many devices are looked at every 5 minutes.
    let interval = if source == "devices" {
        300
    } else {
        Source::all().iter().find(|it| it.name == source).map_or(900, |it| it.interval)
    };
    interval * 3
}

/// A device, as it was last seen.
#[derive(Debug, Clone, Copy)]
pub struct Device<'a> {
    it: Remembered<'a>,
}

impl<'a> Device<'a> {
    pub(super) fn of(it: Remembered<'a>) -> Self {
        Self { it }
    }

    pub(super) fn key(self) -> &'a str {
        self.it.key()
    }

    /// Its name without the tailnet's domain.
    pub(super) fn name(self) -> &'a str {
        let name = self.it.name();
        name.split('.').next().unwrap_or(name)
    }

    pub(super) fn created(self) -> Option<Seconds> {
        self.it.created()
    }

    pub(super) fn connection(self) -> Option<(Connection, Seconds)> {
        self.it.connection()
    }

    pub(super) fn text(self, field: Field) -> &'a str {
        self.it.value(field)
    }

    pub(super) fn has(self, field: Field) -> bool {
        !self.text(field).is_empty()
    }

    pub(super) fn list(self, field: Field) -> impl Iterator<Item = &'a str> {
        self.text(field).split(',').filter(|it| !it.is_empty())
    }

    pub(super) fn expires(self) -> Option<Timestamp> {
        if self.has(Field::KEY_EXPIRY_DISABLED) {
            None
        } else {
            self.text(Field::EXPIRES).parse().ok()
        }
    }
}

impl Described for Device<'_> {
    fn names(&self) -> [&str; 2] {
        [self.it.name(), self.text(Field::HOSTNAME)]
    }

    fn user(&self) -> &str {
        self.text(Field::USER)
    }

    fn os(&self) -> &str {
        self.text(Field::OS)
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.list(Field::TAGS).any(|it| it == tag)
    }

    fn is(&self, flag: Flag) -> bool {
        let routes = || self.list(Field::ENABLED_ROUTES).chain(self.list(Field::ADVERTISED_ROUTES));
        match flag {
            Flag::Online => self.connection().is_some_and(|it| it.0 == Connection::Up),
            Flag::Authorized => !self.has(Field::WAITING),
            Flag::External => self.has(Field::IS_EXTERNAL),
            Flag::Ephemeral => self.has(Field::IS_EPHEMERAL),
            Flag::UpdateAvailable => self.has(Field::UPDATE_AVAILABLE),
            Flag::SubnetRouter => routes().any(|it| !is_exit_route(it)),
            Flag::ExitNode => routes().any(is_exit_route),
            Flag::KeyExpiryDisabled => self.has(Field::KEY_EXPIRY_DISABLED),
            Flag::Tagged => self.has(Field::TAGS),
        }
    }

    fn hard_nat(&self) -> Option<bool> {
        match self.text(Field::HARD_NAT) {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        }
    }

    fn version(&self) -> Option<Version> {
        self.text(Field::CLIENT_VERSION).parse().ok()
    }

    fn key_state(&self, now: Timestamp) -> KeyState {
        if self.has(Field::KEY_EXPIRY_DISABLED) {
            return KeyState::Unlimited;
        }
        match self.expires() {
            Some(then) if then <= now => KeyState::Expired(then),
            Some(then) => KeyState::Until(then),
            None => KeyState::Unknown,
        }
    }

    fn idle(&self, now: Timestamp) -> Option<SignedDuration> {
        let (connection, since) = self.connection()?;
        match connection {
            Connection::Up => Some(SignedDuration::ZERO),
            Connection::Down | Connection::Never => {
                Some(SignedDuration::from_secs(now.as_second() - since))
            }
            Connection::Undated => None,
        }
    }

    fn joined(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.created()?).ok()
    }
}

pub(super) fn is_exit_route(route: &str) -> bool {
    matches!(route, "0.0.0.0/0" | "::/0")
}
