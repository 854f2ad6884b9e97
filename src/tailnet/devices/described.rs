//! What a filter asks of a device, whether the API lists it now or it was seen before.

use jiff::{SignedDuration, Timestamp};

use super::{Device, device::KeyState, version::Version};
use crate::wire;

/// What is true or false of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flag {
    /// It is connected.
    Online,
    /// It is approved.
    Authorized,
    /// It is shared in from another tailnet.
    External,
    /// It is removed soon after it goes offline.
    Ephemeral,
    /// A newer client version is available.
    UpdateAvailable,
    /// It advertises a subnet route or has one enabled.
    SubnetRouter,
    /// It advertises an exit route or has one enabled.
    ExitNode,
    /// Its key expiry is disabled.
    KeyExpiryDisabled,
    /// It has tags.
    Tagged,
}

/// Something that a [`Filter`](super::Filter) can judge: a device as the API lists it, or as it was last seen.
pub trait Described {
    /// Its name and its hostname.
    fn names(&self) -> [&str; 2];
    /// The login name of its user.
    fn user(&self) -> &str;
    /// Its operating system, as the API writes it.
    fn os(&self) -> &str;
    /// Whether it has this tag.
    fn has_tag(&self, tag: &str) -> bool;
    /// Whether this is true of it.
    fn is(&self, flag: Flag) -> bool;
    /// Whether its NAT makes direct connections hard, as far as it has reported that.
    fn hard_nat(&self) -> Option<bool>;
    /// The version of its client.
    fn version(&self) -> Option<Version>;
    /// Whether its key expires, and when.
    fn key_state(&self, now: Timestamp) -> KeyState;
    /// How long it was not seen; since it joined, if it never connected.
    fn idle(&self, now: Timestamp) -> Option<SignedDuration>;
    /// When it joined.
    fn joined(&self) -> Option<Timestamp>;
}

impl Described for Device {
    fn names(&self) -> [&str; 2] {
        [self.name.as_deref().unwrap_or_default(), self.hostname.as_deref().unwrap_or_default()]
    }

    fn user(&self) -> &str {
        self.user.as_deref().unwrap_or_default()
    }

    fn os(&self) -> &str {
        self.os.as_deref().unwrap_or_default()
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.tags().iter().any(|it| it == tag)
    }

    fn is(&self, flag: Flag) -> bool {
        match flag {
            Flag::Online => self.is_online(),
            Flag::Authorized => self.is_authorized(),
            Flag::External => self.is_shared_in(),
            Flag::Ephemeral => self.is_ephemeral.unwrap_or_default(),
            Flag::UpdateAvailable => self.update_available.unwrap_or_default(),
            Flag::SubnetRouter => self.is_subnet_router(),
            Flag::ExitNode => self.is_exit_node(),
            Flag::KeyExpiryDisabled => self.key_expiry_disabled.unwrap_or_default(),
            Flag::Tagged => !self.tags().is_empty(),
        }
    }

    fn hard_nat(&self) -> Option<bool> {
        self.connectivity()?.mapping_varies_by_dest_ip
    }

    fn version(&self) -> Option<Version> {
        self.version()
    }

    fn key_state(&self, now: Timestamp) -> KeyState {
        self.key_state(now)
    }

    fn idle(&self, now: Timestamp) -> Option<SignedDuration> {
        self.idle(now)
    }

    fn joined(&self) -> Option<Timestamp> {
        self.created.as_ref().and_then(wire::Timestamp::instant)
    }
}
