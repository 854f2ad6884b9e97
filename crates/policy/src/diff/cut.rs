//! Who a policy change would lock out.

use std::fmt;

use serde::Serialize;

use crate::compile::{Access, Bits, Compiled, Special};

/// A user, a device or the tailnet, and the connections that a policy change would take from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CutOff {
    /// A user with their role, a device name, or `all 12 devices`.
    pub who: String,
    /// The connections that would be lost, such as `every connection to it`.
    pub loses: String,
}

/// Which devices reach anything and which can be reached, without details.
pub(super) struct Reach {
    /// Devices that reach something other than themselves.
    pub(super) out: Bits,
    /// Devices that another device reaches.
    into: Bits,
}

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} would lose {}", self.who, self.loses)
    }
}

impl CutOff {
    /// Lists who would be locked out if `after` replaced `before`: owners and admins whose devices would
    /// reach nothing but each other, and the tailnet as a whole if no device would reach anything.
    pub fn between(before: &Compiled<'_>, after: &Compiled<'_>) -> Vec<Self> {
        let mut cut = Vec::new();
        let (old, new) = (Reach::of(before), Reach::of(after));
        if !old.out.is_empty() && new.out.is_empty() {
            cut.push(Self {
                who: all_devices(before.inventory.devices.len()),
                loses: "every connection".to_owned(),
            });
        }
        for user in &before.inventory.users {
            if !matches!(user.role.as_str(), "owner" | "admin") {
                continue;
            }
            let devices = before.names.of_user(&user.login);
            let reaches = |it: &Reach| devices.iter().any(|device| it.out.has(*device));
            if reaches(&old) && !reaches(&new) {
                cut.push(Self {
                    who: format!("{} ({})", user.login, user.role),
                    loses: "every connection but those between their own devices".to_owned(),
                });
            }
        }
        cut
    }

    /// The connections that one device (an index into the inventory) would lose; `None` if it keeps some in
    /// each direction.
    pub fn of_device(before: &Compiled<'_>, after: &Compiled<'_>, device: usize) -> Option<Self> {
        let (old, new) = (Reach::of(before), Reach::of(after));
        let out = old.out.has(device) && !new.out.has(device);
        let into = old.into.has(device) && !new.into.has(device);
        let loses = match (out, into) {
            (true, true) => "every connection",
            (true, false) => "every connection that it makes",
            (false, true) => "every connection to it",
            (false, false) => return None,
        };
        let name =
            before.inventory.devices.get(device).map(|it| it.name.clone()).unwrap_or_default();
        Some(Self { who: name, loses: loses.to_owned() })
    }
}

impl Reach {
    pub(super) fn of(policy: &Compiled<'_>) -> Self {
        let count = policy.names.count();
        let mut reach = Self { out: Bits::none(count), into: Bits::none(count) };
        for access in &policy.rules {
            let devices = targets(access, count);
            let elsewhere = access.targets.iter().any(|it| {
                !it.ports.is_empty()
                    && (it.set.special == Special::Internet
                        || (!it.set.spans.is_empty() && it.set.at_spans.is_empty()))
            });
            // A rule that only lets a device reach itself does not count.
            let alone = devices.count() < 2;
            for source in access.source.devices.iter() {
                let only_itself = alone && devices.has(source);
                if elsewhere || (!devices.is_empty() && !only_itself) {
                    reach.out.add(source);
                }
            }
            let single = access.source.devices.count() < 2;
            for target in devices.iter() {
                let only_itself = single && access.source.devices.has(target);
                if !access.source.devices.is_empty() && !only_itself {
                    reach.into.add(target);
                }
            }
        }
        reach
    }
}

fn all_devices(count: usize) -> String {
    if count == 1 { "the only device".to_owned() } else { format!("all {count} devices") }
}

/// The devices that a rule opens, not counting `autogroup:self`.
fn targets(access: &Access<'_>, count: usize) -> Bits {
    let mut devices = Bits::none(count);
    for goal in access.targets.iter().filter(|it| !it.ports.is_empty()) {
        devices.add_all(&access.devices(goal, count));
    }
    devices
}
