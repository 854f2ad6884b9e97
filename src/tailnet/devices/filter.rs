//! Filters and sort orders for device lists.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    Device,
    described::{Described, Flag},
    device::KeyState,
    version::Version,
};
use crate::{Error, client::Result, wire};

/// Conditions that a device must meet, all of them; the default matches every device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// Part of the device name; case does not matter.
    pub name: Option<String>,
    /// Whether the device is connected.
    pub online: Option<bool>,
    /// Whether the device is approved.
    pub authorized: Option<bool>,
    /// The operating system, as the API writes it; case does not matter.
    pub os: Option<String>,
    /// The login name of its user, or part of it.
    pub user: Option<String>,
    /// Tags that the device must have, all of them.
    pub all_tags: Vec<String>,
    /// Tags of which the device must have at least one.
    pub any_tags: Vec<String>,
    /// The minimum client version.
    pub version_from: Option<Version>,
    /// The client must be older than this version.
    pub version_below: Option<Version>,
    /// Whether the device advertises a subnet route or has one enabled.
    pub subnet_router: Option<bool>,
    /// Whether the device advertises an exit route or has one enabled.
    pub exit_node: Option<bool>,
    /// Whether the device is shared in from another tailnet.
    pub external: Option<bool>,
    /// Whether the device is ephemeral: removed soon after it goes offline.
    pub ephemeral: Option<bool>,
    /// Whether a newer client version is available.
    pub update_available: Option<bool>,
    /// The key expires within this time, or has expired.
    pub key_expires_within: Option<SignedDuration>,
    /// The device was not seen for at least this long; if it never connected, since it was created.
    pub silent_for: Option<SignedDuration>,
    /// The device was added to the tailnet within this time.
    pub joined_within: Option<SignedDuration>,
    /// Whether key expiry is disabled.
    pub key_expiry_disabled: Option<bool>,
    /// Whether the device is behind a NAT that makes direct connections hard, as far as it has reported that.
    pub hard_nat: Option<bool>,
    /// Whether the device has tags; one without belongs to a user.
    pub tagged: Option<bool>,
}

/// Words that people use for an operating system, and how the API writes it.
const SYSTEMS: [(&str, &[&str]); 8] = [
    ("linux", &[]),
    ("macOS", &["mac", "osx", "os x", "darwin", "macbook"]),
    ("windows", &["win", "win10", "win11"]),
    ("iOS", &["iphone", "ipad", "ipados"]),
    ("android", &[]),
    ("tvOS", &["appletv", "apple tv"]),
    ("freebsd", &[]),
    ("openbsd", &[]),
];

/// The operating system as the API writes it, of a word that people use for it.
fn system(word: &str) -> &str {
    let word = word.trim();
    let is = |name: &str| name.eq_ignore_ascii_case(word);
    let found = SYSTEMS.iter().find(|(name, words)| is(name) || words.iter().any(|it| is(it)));
    found.map_or(word, |(name, _)| name)
}

impl Filter {
    /// Whether it has no condition.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `device` meets all conditions at `now`.
    pub fn takes(&self, device: &Device, now: Timestamp) -> bool {
        self.takes_described(device, now)
    }

    /// Whether a device, as it was last seen, meets all conditions at `now`.
    pub fn takes_described(&self, device: &impl Described, now: Timestamp) -> bool {
        self.takes_flags(device)
            && self.takes_texts(device)
            && self.takes_tags(device)
            && self.takes_version(device)
            && self.takes_times(device, now)
    }

    fn takes_flags(&self, device: &impl Described) -> bool {
        use Flag::{
            Authorized, Ephemeral, ExitNode, External, KeyExpiryDisabled, Online, SubnetRouter,
            Tagged, UpdateAvailable,
        };
        let is = |wanted: Option<bool>, flag| wanted.is_none_or(|it| device.is(flag) == it);
        is(self.online, Online)
            && is(self.key_expiry_disabled, KeyExpiryDisabled)
            && is(self.tagged, Tagged)
            && self.hard_nat.is_none_or(|wanted| device.hard_nat() == Some(wanted))
            && is(self.authorized, Authorized)
            && is(self.external, External)
            && is(self.ephemeral, Ephemeral)
            && is(self.update_available, UpdateAvailable)
            && is(self.subnet_router, SubnetRouter)
            && is(self.exit_node, ExitNode)
    }

    fn takes_texts(&self, device: &impl Described) -> bool {
        let contains = |wanted: &Option<String>, texts: &[&str]| {
            wanted.as_ref().is_none_or(|wanted| {
                let wanted = wanted.to_lowercase();
                texts.iter().any(|it| it.to_lowercase().contains(&wanted))
            })
        };
        contains(&self.name, &device.names())
            && contains(&self.user, &[device.user()])
            && self.os.as_ref().is_none_or(|wanted| {
                let (wanted, os) = (system(wanted), device.os());
                !os.is_empty() && os.eq_ignore_ascii_case(wanted)
            })
    }

    fn takes_tags(&self, device: &impl Described) -> bool {
        let has = |tag: &String| device.has_tag(tag);
        self.all_tags.iter().all(has) && (self.any_tags.is_empty() || self.any_tags.iter().any(has))
    }

    fn takes_version(&self, device: &impl Described) -> bool {
        if self.version_from.is_none() && self.version_below.is_none() {
            return true;
        }
        device.version().is_some_and(|it| {
            self.version_from.is_none_or(|from| it >= from)
                && self.version_below.is_none_or(|below| it < below)
        })
    }

    fn takes_times(&self, device: &impl Described, now: Timestamp) -> bool {
        let expires = self.key_expires_within.is_none_or(|within| match device.key_state(now) {
            KeyState::Until(then) => then.duration_since(now) <= within,
            KeyState::Expired(_) => true,
            KeyState::Unlimited | KeyState::Unknown => false,
        });
        let silent =
            self.silent_for.is_none_or(|time| device.idle(now).is_some_and(|idle| idle >= time));
        let joined = self.joined_within.is_none_or(|time| {
            device.joined().is_some_and(|joined| now.duration_since(joined) <= time)
        });
        expires && silent && joined
    }

    /// Refuses a text that is empty, which would match every device.
    pub(super) fn check_texts(&self) -> Result<()> {
        for (field, text) in [("name", &self.name), ("os", &self.os), ("user", &self.user)] {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                return Err(Error::invalid_input(
                    field,
                    "is empty; leave it out, or give a part of it",
                ));
            }
        }
        Ok(())
    }

    /// Checks that the values exist among `devices`: a misspelt one would look like "there are none".
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a text that is empty, which would match every
    /// device, and for an operating system, a user or a tag that no device has, with those that there are.
    pub fn check(&self, devices: &[Device]) -> Result<()> {
        self.check_texts()?;
        if let Some(wanted) = &self.os {
            let there = values(devices.iter().filter_map(|it| it.os.as_deref()));
            let wanted = system(wanted);
            let is_known = SYSTEMS.iter().any(|(name, _)| *name == wanted);
            let is = |os: &&str| os.eq_ignore_ascii_case(wanted);
            if !is_known && !there.iter().any(is) {
                return Err(none("os", wanted, &there));
            }
        }
        if let Some(wanted) = &self.user {
            let there = values(devices.iter().filter_map(|it| it.user.as_deref()));
            let lower = wanted.to_lowercase();
            if !there.iter().any(|user| user.to_lowercase().contains(&lower)) {
                return Err(none("user", wanted, &there));
            }
        }
        let there = values(devices.iter().flat_map(Device::tags).map(String::as_str));
        let unknown = |tag: &&String| !there.contains(&tag.as_str());
        for (field, tags) in [("tags", &self.all_tags), ("tags_any", &self.any_tags)] {
            if let Some(tag) = tags.iter().find(unknown) {
                return Err(none(field, tag, &there));
            }
        }
        Ok(())
    }
}

/// The values without repetition and empty ones, in order.
fn values<'a>(all: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    all.filter(|value| !value.is_empty()).collect()
}

/// How many values an error lists.
const MAX_LISTED: usize = 12;

/// The error for a value that no device has: the nearest ones that there are.
fn none(field: &str, wanted: &str, there: &BTreeSet<&str>) -> Error {
    let mut near: Vec<&str> = there.iter().copied().collect();
    let score = |value: &str| strsim::jaro_winkler(&value.to_lowercase(), &wanted.to_lowercase());
    if near.len() > MAX_LISTED {
        near.sort_by(|a, b| score(b).total_cmp(&score(a)));
    }
    let more = near.len().saturating_sub(MAX_LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let listed = near.into_iter().take(MAX_LISTED).collect::<Vec<_>>().join(", ") + &more;
    Error::invalid_input(
        field,
        format!("is `{wanted}`, which no device has; devices have {listed}"),
    )
}

/// What a list is ordered by. Devices of which it is not known come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "server", derive(serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "server", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Order {
    /// The short name.
    #[default]
    Name,
    /// When it was last connected, the longest silence first.
    LastSeen,
    /// When it joined, the oldest first.
    Created,
    /// When its key expires, the next one first.
    KeyExpiry,
    /// The operating system.
    Os,
    /// The user.
    User,
    /// The client's version, the oldest first.
    Version,
}

/// Sorts `devices`. Equal devices are ordered by ID, so that the pages of a list stay consistent.
pub fn sort(devices: &mut [&Device], order: Order, descending: bool, now: Timestamp) {
    // Computes the sort key once per device, not once per comparison.
    devices.sort_by_cached_key(|it| Place::of(it, order, now));
    if descending {
        devices.reverse();
    }
    let known = |it: &Device| !matches!(Place::of(it, order, now).0, What::Unknown);
    devices.sort_by_key(|it| !known(it));
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place(What, String);

/// A sort key. `Unknown` is the last variant, so it sorts last.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Text(String),
    Time(Timestamp),
    Version(Version),
    Unknown,
}

impl Place {
    fn of(device: &Device, order: Order, now: Timestamp) -> Self {
        let text = |it: Option<&str>| it.map(|it| What::Text(it.to_lowercase()));
        let time = |it: Option<Timestamp>| it.map(What::Time);
        let what = match order {
            Order::Name => text(Some(device.short_name())),
            Order::LastSeen => time(device.seen(now)),
            Order::Created => time(device.created.as_ref().and_then(wire::Timestamp::instant)),
            Order::KeyExpiry => match device.key_state(now) {
                KeyState::Until(then) | KeyState::Expired(then) => time(Some(then)),
                KeyState::Unlimited | KeyState::Unknown => None,
            },
            Order::Os => text(device.os.as_deref()),
            Order::User => text(device.user.as_deref()),
            Order::Version => device.version().map(What::Version),
        };
        Self(what.unwrap_or(What::Unknown), device.key().to_owned())
    }
}
