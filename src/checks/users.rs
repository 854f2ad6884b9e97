//! The checks of users, U1 to U3.

use super::{Check, Facts, Looked, Seen, Severity, Subject, Unknown, days, keys};
use crate::words::counted;

const U1: Check = Check {
    id: "U1",
    title: "Too few admins, or too many",
    severity: Severity::Low,
    fails: "fewer than 2 or more than 5 users are owner or admin",
    remedy: "have two to five; give others a narrower role",
    source: "best practices (kb/1196); deployment checklist (kb/1344)",
    of_devices: false,
    look: admins,
};

const U2: Check = Check {
    id: "U2",
    title: "Inactive users",
    severity: Severity::Low,
    fails: "not seen for 90 days, and has devices or keys",
    remedy: "suspend the user, or offboard",
    source: "best practices (kb/1196)",
    of_devices: false,
    look: quiet,
};

const U3: Check = Check {
    id: "U3",
    title: "Unused invitations",
    severity: Severity::Low,
    fails: "mailed more than 7 days ago, and still open",
    remedy: "delete the invitation, or mail it again",
    source: "invite users (kb/1371). When an invitation ends was not verified",
    of_devices: false,
    look: invitations,
};

pub(super) const CHECKS: &[Check] = &[U1, U2, U3];

/// Days after which a user counts as inactive.
const QUIET: i64 = 90;
/// Days after which an invitation is reported.
const OPEN: i64 = 7;

fn admins(facts: &Facts) -> Looked {
    let users = facts.users.as_ref().map_err(Clone::clone)?;
    let is_admin = |role: &str| matches!(role, "owner" | "admin");
    let active = users.iter().filter(|it| it.status != "suspended");
    let admins: Vec<&str> =
        active.clone().filter(|it| is_admin(&it.role)).map(|it| it.login.as_str()).collect();
    let unclear = active.filter(|it| it.role.is_empty()).count();
    if unclear > 0 {
        let users = counted(unclear, "user", "users");
        return Err(Unknown::not_reported(format!("the role of {users} is not reported")));
    }
    let count = counted(admins.len(), "owner or admin", "owners and admins");
    let text = format!("{count}: {}", admins.join(", "));
    let fails = !(2..=5).contains(&admins.len());
    let subject = || Subject::new(&U1, "tailnet", "tailnet", text);
    Ok(Seen::of(fails.then(subject).into_iter().collect()))
}

fn quiet(facts: &Facts) -> Looked {
    let users = facts.users.as_ref().map_err(Clone::clone)?;
    let (mut subjects, mut missing) = (Vec::new(), None);
    let present = users.iter().filter(|it| it.status != "suspended" && !it.connected);
    for user in present {
        let age = user.last_seen.map(|then| days(then, facts.now));
        if age.is_some_and(|age| age <= QUIET) {
            continue;
        }
        let keys = keys::of_user(facts, &user.id);
        let devices = user.devices.and_then(|it| usize::try_from(it).ok());
        let has = [devices, keys.as_ref().ok().copied()];
        match age {
            Some(age) if has.iter().flatten().any(|it| *it > 0) => {
                let count = |count: Option<usize>, one, many| match count {
                    Some(count) => counted(count, one, many),
                    None => format!("{many} unknown"),
                };
                let devices = count(has[0], "device", "devices");
                let text =
                    format!("not seen for {age} d; {devices}, {}", count(has[1], "key", "keys"));
                subjects.push(Subject::new(&U2, &user.id, &user.login, text));
            }
            // What a user without devices and keys does not use does no harm.
            _ if has == [Some(0), Some(0)] => {}
            Some(_) => {
                let text = "whether some inactive users have devices is not reported";
                missing = Some(keys.err().unwrap_or_else(|| Unknown::not_reported(text)));
            }
            None => {
                let text = "when some users were last seen is not reported";
                missing = Some(Unknown::not_reported(text));
            }
        }
    }
    Ok(Seen::of(subjects).missing(missing))
}

fn invitations(facts: &Facts) -> Looked {
    let invites = facts.invites.as_ref().map_err(Clone::clone)?;
    let mut subjects = Vec::new();
    // Of one that is passed on by hand, the API does not report the age.
    let mut undated = 0;
    for invite in invites {
        match invite.mailed.map(|then| days(then, facts.now)) {
            Some(age) if age > OPEN => {
                let text = format!("as {}; mailed {age} d ago", invite.role);
                subjects.push(Subject::new(&U3, &invite.id, &invite.email, text));
            }
            Some(_) => {}
            None => undated += 1,
        }
    }
    let invites = counted(undated, "invitation by link", "invitations by link");
    let missing = (undated > 0)
        .then(|| Unknown::not_reported(format!("the age of {invites} is not reported")));
    Ok(Seen::of(subjects).missing(missing))
}
