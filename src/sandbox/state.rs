//! Everything a sandbox remembers.

use fastrand::Rng;
use serde::{Deserialize, Deserializer};

use super::audit::Log;
use super::clock::Clock;
use super::contacts::Contacts;
use super::devices::{AttributeTypes, Devices};
use super::keys::Keys;
use super::oauth::Tokens;
use super::policy::Policy;
use super::settings::Settings;
use super::users::Users;

/// The emulated tailnet.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    /// For identifiers and secrets; seeded, so that a run can be repeated.
    pub(crate) rng: Rng,
    pub(crate) seed: u64,
    pub(crate) devices: Devices,
    pub(crate) attribute_types: AttributeTypes,
    pub(crate) users: Users,
    pub(crate) keys: Keys,
    pub(crate) tokens: Tokens,
    pub(crate) policy: Policy,
    pub(crate) settings: Settings,
    pub(crate) contacts: Contacts,
    pub(crate) audit: Log,
}

/// Reads a JSON null as the empty value: clients in Go send null for an empty list.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
