//! Generates the users.

use std::collections::HashSet;

use fastrand::Rng;
use jiff::Timestamp;

use super::super::clock::later;
use super::super::ids;
use super::super::users::{Standing, User, Users};
use super::DAY;
use super::pools::{FIRST_NAMES, LAST_NAMES};

/// Role and status of the first users; the others are active members.
const SPECIAL: &[(&str, Standing)] = &[
    ("owner", Standing::Good),
    ("admin", Standing::Good),
    ("network-admin", Standing::Good),
    ("member", Standing::Good),
    ("member", Standing::Good),
    ("member", Standing::Suspended),
    ("it-admin", Standing::Good),
    ("auditor", Standing::Good),
    ("member", Standing::NeedsApproval),
    ("billing-admin", Standing::Good),
];

/// One user for every four devices, the owner first. From 20 devices on, there is also a partner who shares
/// a device.
pub(crate) fn users(rng: &mut Rng, domain: &str, devices: usize, now: Timestamp) -> Users {
    let mut users = Users::default();
    let mut taken = HashSet::new();
    for at in 0..devices.div_ceil(4).max(1) {
        let (display_name, login) = person(rng, domain, &mut taken);
        let special = SPECIAL.get(at).copied();
        let (role, standing) = special.unwrap_or(("member", Standing::Good));
        // A few users have been away for long, and count as idle.
        let away = if at % 11 == 10 { rng.i64(30..200) } else { rng.i64(0..20) };
        users.insert(User {
            id: ids::stable(rng, 'u'),
            login_name: login.into(),
            display_name,
            created: later(now, -rng.i64(250..1200) * DAY),
            signed_in: later(now, -(away * DAY + rng.i64(0..DAY))),
            role: role.to_owned(),
            standing,
            is_shared: false,
        });
    }
    if devices >= 20 {
        users.insert(User {
            id: ids::stable(rng, 'u'),
            login_name: super::fleet::PARTNER.into(),
            display_name: "Robin Ashe".to_owned(),
            created: later(now, -150 * DAY),
            signed_in: later(now, -2 * DAY),
            role: "member".to_owned(),
            standing: Standing::Good,
            is_shared: true,
        });
    }
    users
}

/// An unused name, and the login name for it.
fn person(rng: &mut Rng, domain: &str, taken: &mut HashSet<String>) -> (String, String) {
    let first = rng.choice(FIRST_NAMES).copied().unwrap_or("Alice");
    let last = rng.choice(LAST_NAMES).copied().unwrap_or("Smith");
    let base = format!("{}.{}", first.to_lowercase(), last.to_lowercase());
    let mut login = format!("{base}@{domain}");
    let mut number = 1_u32;
    while !taken.insert(login.clone()) {
        number += 1;
        login = format!("{base}{number}@{domain}");
    }
    (format!("{first} {last}"), login)
}
