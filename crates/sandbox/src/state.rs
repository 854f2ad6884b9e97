//! The state of a tailnet.

use std::sync::Arc;

use fastrand::Rng;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::apps::Apps;
use super::audit::Log;
use super::clock::Clock;
use super::contacts::Contacts;
use super::devices::{AttributeTypes, Devices};
use super::dns::Dns;
use super::invites::{DeviceInvite, UserInvite};
use super::keys::Keys;
use super::oauth::Tokens;
use super::policy::Policy;
use super::posture::Integrations;
use super::services::Services;
use super::settings::Settings;
use super::streams::Streams;
use super::users::Users;
use super::webhooks::{Notice, Webhooks};

/// The names of a tailnet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The name of the tailnet in paths, which is also the domain of its users.
    pub(crate) name: String,
    pub(crate) id: String,
    /// The DNS suffix of its devices.
    pub(crate) suffix: Arc<str>,
    #[serde(default)]
    pub(crate) display_name: String,
    #[serde(default)]
    pub(crate) created: Timestamp,
    /// Whether it was created with the API, and not with the sandbox.
    #[serde(default)]
    pub(crate) is_api_only: bool,
}

/// An emulated tailnet.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) identity: Identity,
    pub(crate) clock: Clock,
    /// Generates IDs and secrets; seeded, so that a run can be repeated.
    #[serde(with = "rng")]
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
    pub(crate) dns: Dns,
    pub(crate) services: Services,
    pub(crate) webhooks: Webhooks,
    pub(crate) integrations: Integrations,
    pub(crate) streams: Streams,
    pub(crate) apps: Apps,
    pub(crate) device_invites: Vec<DeviceInvite>,
    pub(crate) user_invites: Vec<UserInvite>,
    /// Whether paid features are rejected.
    pub(crate) free_plan: bool,
    pub(crate) audit: Log,
    /// What is still to be posted to webhooks.
    #[serde(skip)]
    pub(crate) notices: Vec<Notice>,
}

/// Saves and restores the state of the random number generator.
mod rng {
    use fastrand::Rng;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(rng: &Rng, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(rng.get_seed())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Rng, D::Error> {
        u64::deserialize(from).map(Rng::with_seed)
    }
}

/// Parses null as the default value: Go clients send null for an empty list.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
