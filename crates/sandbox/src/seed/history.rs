//! Generates the audit log from before the start: three months of configuration changes.

use std::collections::HashMap;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::json;

use super::super::Sandbox;
use super::super::audit::{Actor, Event, Target};
use super::super::clock::later;
use super::super::state::State;
use super::super::users::{Standing, User};
use super::DAY;

const DAYS: i64 = 90;

/// The most devices for which the log has an entry about being added.
const MAX_ARRIVALS: usize = 300;

/// Adds the history to the audit log.
pub(crate) fn fill(state: &mut State, now: Timestamp) {
    let mut events: Vec<(Timestamp, &'static str, Actor, Event)> = Vec::new();
    arrivals(state, now, &mut events);
    let mut rng = Rng::with_seed(state.seed.wrapping_add(1));
    routine(state, now, &mut rng, &mut events);
    for (at, origin, actor, event) in events {
        let group = state.audit.next_group();
        state.audit.append(at, origin, group, actor, event);
    }
    state.audit.sort();
}

fn by(user: &User) -> Actor {
    Actor {
        id: user.id.clone(),
        kind: "USER".into(),
        login_name: user.login_name.to_string(),
        display_name: user.display_name.clone(),
    }
}

type Events = Vec<(Timestamp, &'static str, Actor, Event)>;

fn arrivals(state: &State, now: Timestamp, events: &mut Events) {
    let people: HashMap<&str, &User> =
        state.users.iter().map(|user| (&*user.login_name, user)).collect();
    let client = Sandbox::credentials(&state.identity.name).oauth_client_id;
    let since = later(now, -DAYS * DAY);
    let recent = state.devices.iter().filter(|device| device.created >= since);
    for device in recent.filter(|device| !device.is_external).take(MAX_ARRIVALS) {
        let actor = people.get(&*device.user).map_or_else(|| automation(&client), |user| by(user));
        events.push((device.created, "NODE", actor, Event::new("CREATE", device.target())));
    }
}

/// The actor for the OAuth client that adds servers.
fn automation(client: &str) -> Actor {
    Actor {
        id: client.to_owned(),
        kind: "OAUTH_CLIENT".into(),
        login_name: String::new(),
        display_name: "Sandbox client".to_owned(),
    }
}

fn routine(state: &State, now: Timestamp, rng: &mut Rng, events: &mut Events) {
    let members: Vec<&User> = state.users.iter().filter(|user| !user.is_shared).collect();
    let admins: Vec<&User> = members
        .iter()
        .copied()
        .filter(|user| user.role.contains("admin") || user.role == "owner")
        .collect();
    let Some(owner) = members.first() else { return };
    for day in 1..DAYS {
        let admin = rng.choice(admins.iter().copied()).unwrap_or(owner);
        let mut at = || later(now, -day * DAY + rng.i64(0..8 * 3600));
        if day % 3 == 0 {
            events.push((
                at(),
                "ADMIN_CONSOLE",
                by(admin),
                Event::new("LOGIN", Target::admin_console(&state.identity)),
            ));
        }
        if day % 14 == 5 {
            let (old, new) = (json!("{ /* before */ }"), json!("{ /* after */ }"));
            let event =
                Event::new("UPDATE", Target::tailnet(&state.identity)).property("ACL", old, new);
            events.push((at(), "ADMIN_CONSOLE", by(admin), event));
        }
    }
    let settings = [("MACHINE_APPROVAL_NEEDED", 80), ("NETWORK_FLOW_LOGGING", 61), ("HTTPS", 60)];
    for (property, age) in settings {
        let event = Event::new("ENABLE", Target::tailnet(&state.identity));
        let event = event.property(property, json!(false), json!(true));
        events.push((later(now, -age * DAY), "ADMIN_CONSOLE", by(owner), event));
    }
    for user in members.iter().filter(|user| user.standing == Standing::Suspended) {
        let event = Event::new("SUSPEND", Target::user(&user.id, &user.login_name));
        events.push((later(now, -12 * DAY), "ADMIN_CONSOLE", by(owner), event));
    }
}
