//! One change of one device, as data: it can be shown, made, looked up and taken back.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Device;

/// One change of one device: what it was and what it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// May it take part?
    Authorized {
        /// Whether it might.
        from: bool,
        /// Whether it may.
        to: bool,
    },
    /// Its short name.
    Name {
        /// The name it had.
        from: String,
        /// The name it gets; empty for the one of its operating system.
        to: String,
    },
    /// All its tags.
    Tags {
        /// The tags it had.
        from: Vec<String>,
        /// The tags it gets.
        to: Vec<String>,
    },
    /// Does its key expire?
    KeyExpires {
        /// Whether it did.
        from: bool,
        /// Whether it does.
        to: bool,
    },
    /// Its IPv4 address.
    Ipv4 {
        /// The address it had.
        from: String,
        /// The address it gets.
        to: String,
    },
    /// Its key expires now.
    ExpireKey,
    /// It is removed for good.
    Remove,
}

impl Change {
    /// What takes it back; none where nothing does.
    pub fn inverse(&self) -> Option<Self> {
        Some(match self.clone() {
            Self::Authorized { from, to } => Self::Authorized { from: to, to: from },
            Self::Name { from, to } => Self::Name { from: to, to: from },
            // A device that has tags keeps at least one, until somebody logs in on it.
            Self::Tags { from, .. } if from.is_empty() => return None,
            Self::Tags { from, to } => Self::Tags { from: to, to: from },
            Self::KeyExpires { from, to } => Self::KeyExpires { from: to, to: from },
            Self::Ipv4 { from, to } => Self::Ipv4 { from: to, to: from },
            Self::ExpireKey | Self::Remove => return None,
        })
    }

    /// The field of the device, before and after.
    pub(super) fn facts(&self) -> (&'static str, Value, Value) {
        match self {
            Self::Authorized { from, to } => ("authorized", json!(from), json!(to)),
            Self::Name { from, to } => ("name", json!(from), json!(to)),
            Self::Tags { from, to } => ("tags", json!(from), json!(to)),
            Self::KeyExpires { from, to } => ("key_expires", json!(from), json!(to)),
            Self::Ipv4 { from, to } => ("ipv4", json!(from), json!(to)),
            Self::ExpireKey => ("key_expired", json!(false), json!(true)),
            Self::Remove => ("in_tailnet", json!(true), json!(false)),
        }
    }

    /// Whether `device` is still what the change starts from. Other fields do not count.
    pub(super) fn starts_from(&self, device: &Device) -> bool {
        match self {
            Self::ExpireKey | Self::Remove => true,
            change => same(&change.seen_in(device), &change.facts().1),
        }
    }

    /// Whether `device` is what the change makes of it.
    pub(super) fn ends_in(&self, device: &Device) -> bool {
        match self {
            // The server chooses the name.
            Self::Name { to, .. } if to.is_empty() => !self.starts_from(device),
            change => same(&change.seen_in(device), &change.facts().2),
        }
    }

    /// What `device` says now of the field, to be compared with `to`.
    pub(super) fn seen_in(&self, device: &Device) -> Value {
        match self {
            Self::Authorized { .. } => json!(device.is_authorized()),
            Self::Name { .. } => json!(device.short_name()),
            Self::Tags { .. } => json!(device.tags()),
            Self::KeyExpires { .. } => json!(!device.key_expiry_disabled.unwrap_or_default()),
            Self::Ipv4 { .. } => json!(device.ipv4()),
            // The server's clock may be a little ahead of ours.
            Self::ExpireKey => {
                let soon = Timestamp::now() + SignedDuration::from_mins(1);
                json!(matches!(device.key_state(soon), super::KeyState::Expired(_)))
            }
            Self::Remove => json!(true),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (field, from, to) = self.facts();
        write!(f, "{field} from {from} to {to}")
    }
}

/// Whether the values are the same; the order of tags does not count.
fn same(a: &Value, b: &Value) -> bool {
    let sorted = |it: &Value| {
        let mut items: Vec<String> =
            it.as_array().into_iter().flatten().map(Value::to_string).collect();
        items.sort();
        items
    };
    if a.is_array() && b.is_array() { sorted(a) == sorted(b) } else { a == b }
}
