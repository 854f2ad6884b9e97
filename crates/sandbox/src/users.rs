//! Users of the tailnet, including those who only shared a device into it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;

use super::audit::{Event, Target};
use super::clock::later;
use super::http::{Call, Failure, Outcome, Reply};

const ROLES: &[&str] =
    &["owner", "member", "admin", "it-admin", "network-admin", "billing-admin", "auditor"];

/// Users who were not seen for this many seconds are idle.
const IDLE_SECONDS: i64 = 28 * 86_400;

/// The stored status of a user. Whether a user is active or idle is computed from when they were last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    Good,
    Suspended,
    NeedsApproval,
}

/// A stored user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) login_name: Arc<str>,
    pub(crate) display_name: String,
    pub(crate) created: Timestamp,
    /// The last login; the user's devices may have been seen later.
    pub(crate) signed_in: Timestamp,
    pub(crate) role: String,
    pub(crate) standing: Standing,
    /// Whether the user is known only through a device shared into this tailnet.
    pub(crate) is_shared: bool,
}

impl User {
    fn target(&self) -> Target {
        Target::user(&self.id, &self.login_name)
    }
}

/// A user as the API returns it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireUser<'u> {
    id: &'u str,
    display_name: &'u str,
    login_name: &'u str,
    profile_pic_url: &'static str,
    tailnet_id: &'u str,
    created: Timestamp,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'u str,
    status: &'static str,
    device_count: usize,
    last_seen: Timestamp,
    currently_connected: bool,
}

#[derive(Serialize)]
struct UserList<'a> {
    users: Vec<WireUser<'a>>,
}

/// What is derived from a user's devices.
#[derive(Debug, Clone, Copy, Default)]
struct Presence {
    devices: usize,
    connected: bool,
    last_seen: Option<Timestamp>,
}

/// All users, in the order they joined.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Vec<User>")]
pub(crate) struct Users {
    by_id: BTreeMap<String, User>,
    order: Vec<String>,
}

impl From<Vec<User>> for Users {
    fn from(list: Vec<User>) -> Self {
        let mut users = Self::default();
        for user in list {
            users.insert(user);
        }
        users
    }
}

impl Serialize for Users {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl Users {
    pub(crate) fn insert(&mut self, user: User) {
        self.order.push(user.id.clone());
        self.by_id.insert(user.id.clone(), user);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&User> {
        self.by_id.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &User> {
        self.order.iter().filter_map(|id| self.by_id.get(id))
    }

    fn remove(&mut self, id: &str) {
        self.order.retain(|kept| kept != id);
        self.by_id.remove(id);
    }
}

impl Call<'_> {
    fn presences(&self) -> HashMap<&str, Presence> {
        let mut presences: HashMap<&str, Presence> = HashMap::new();
        for device in self.state.devices.iter() {
            let presence = presences.entry(&device.user).or_default();
            let connected = device.is_connected(self.now);
            presence.devices += 1;
            presence.connected |= connected;
            let seen = if connected { Some(self.now) } else { device.last_seen(self.now) };
            presence.last_seen = presence.last_seen.max(seen);
        }
        presences
    }

    fn wire_user<'u>(&'u self, user: &'u User, presence: Presence) -> WireUser<'u> {
        let last_seen = presence.last_seen.unwrap_or(user.signed_in).max(user.signed_in);
        let last_seen = super::clock::whole_seconds(last_seen);
        let status = match user.standing {
            Standing::Suspended => "suspended",
            Standing::NeedsApproval => "needs-approval",
            Standing::Good if last_seen < later(self.now, -IDLE_SECONDS) => "idle",
            Standing::Good => "active",
        };
        WireUser {
            id: &user.id,
            display_name: &user.display_name,
            login_name: &user.login_name,
            profile_pic_url: "",
            tailnet_id: &self.state.identity.id,
            created: user.created,
            kind: if user.is_shared { "shared" } else { "member" },
            role: &user.role,
            status,
            device_count: presence.devices,
            last_seen,
            currently_connected: presence.connected,
        }
    }

    fn user(&self) -> Result<User, Failure> {
        let found = self.state.users.get(&self.param("userId"));
        found.cloned().ok_or_else(|| Failure::not_found("user not found"))
    }

    /// The user in the path, or `None` if that is the caller: such requests change nothing and return 200.
    fn other_user(&self) -> Result<Option<User>, Failure> {
        let user = self.user()?;
        if self.principal.is_user(&user.id) {
            return Ok(None);
        }
        if user.is_shared {
            return Err(Failure::bad_request("the user is not a member of this tailnet"));
        }
        Ok(Some(user))
    }

    /// Stores a changed user and logs what happened.
    fn save_user(&mut self, user: User, event: Event) {
        self.state.users.by_id.insert(user.id.clone(), user);
        self.record(event);
    }
}

/// `GET /tailnet/{tailnet}/users`: members of all roles, unless the query says otherwise.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let kind = call.query("type").filter(|text| !text.is_empty()).unwrap_or("member");
    let role = call.query("role").filter(|text| !text.is_empty()).unwrap_or("all");
    if !matches!(kind, "member" | "shared" | "all") {
        return Err(Failure::bad_request(format!("invalid type {kind:?}")));
    }
    if role != "all" && !ROLES.contains(&role) {
        return Err(Failure::bad_request(format!("invalid role {role:?}")));
    }
    let presences = call.presences();
    let matching = call.state.users.iter().filter(|user| {
        (kind == "all" || user.is_shared == (kind == "shared"))
            && (role == "all" || user.role == role)
    });
    let presence = |user: &User| presences.get(&*user.login_name).copied().unwrap_or_default();
    let users: Vec<_> = matching.map(|user| call.wire_user(user, presence(user))).collect();
    Reply::json(&UserList { users })
}

/// `GET /users/{userId}`.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let user = call.user()?;
    let presence = call.presences().get(&*user.login_name).copied().unwrap_or_default();
    Reply::json(&call.wire_user(&user, presence))
}

#[derive(Deserialize)]
struct WantedRole {
    role: Option<String>,
}

/// `POST /users/{userId}/role`: cannot grant or remove ownership.
pub(crate) fn set_role(call: &mut Call<'_>) -> Outcome {
    let WantedRole { role } = call.json()?;
    let role = role.unwrap_or_default();
    if !ROLES.contains(&role.as_str()) {
        return Err(Failure::bad_request(format!("invalid role {role:?}")));
    }
    if role == "auditor" && call.state.free_plan {
        return Err(Failure::new(402, "feature not available on current billing plan"));
    }
    let Some(mut user) = call.other_user()? else { return Ok(Reply::empty()) };
    if user.role == "owner" || role == "owner" {
        return Err(Failure::new(403, "ownership of a tailnet cannot be transferred here"));
    }
    let old = std::mem::replace(&mut user.role, role);
    let new = json!(user.role);
    let event = Event::new("UPDATE", user.target()).property("USER_ROLE", json!(old), new);
    call.save_user(user, event);
    Ok(Reply::empty())
}

/// `POST /users/{userId}/approve`: has no effect on a user who needs no approval.
pub(crate) fn approve(call: &mut Call<'_>) -> Outcome {
    change_standing(call, "APPROVE", Standing::NeedsApproval, Standing::Good)
}

/// `POST /users/{userId}/restore`: has no effect on a user who is not suspended.
pub(crate) fn restore(call: &mut Call<'_>) -> Outcome {
    change_standing(call, "RESTORE", Standing::Suspended, Standing::Good)
}

/// `POST /users/{userId}/suspend`: disconnects the user's devices.
pub(crate) fn suspend(call: &mut Call<'_>) -> Outcome {
    let login = match call.other_user()? {
        Some(user) if user.role == "owner" => return Err(owner_is_kept()),
        Some(user) => user.login_name,
        None => return Ok(Reply::empty()),
    };
    let now = call.now;
    call.state.devices.for_each_of(&login, |device| device.disconnect(now));
    change_standing(call, "SUSPEND", Standing::Good, Standing::Suspended)
}

fn change_standing(
    call: &mut Call<'_>,
    action: &'static str,
    from: Standing,
    to: Standing,
) -> Outcome {
    if let Some(mut user) = call.other_user()?.filter(|user| user.standing == from) {
        user.standing = to;
        let event = Event::new(action, user.target());
        call.save_user(user, event);
    }
    Ok(Reply::empty())
}

/// `POST /users/{userId}/delete`: also removes the user's devices.
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let Some(user) = call.other_user()? else { return Ok(Reply::empty()) };
    if user.role == "owner" {
        return Err(owner_is_kept());
    }
    let gone = call.state.devices.remove_all_of(&user.login_name);
    call.state.users.remove(&user.id);
    let mut events = vec![Event::new("DELETE", user.target())];
    events.extend(gone.iter().map(|device| Event::new("DELETE", device.target())));
    call.record_all(events);
    Ok(Reply::empty())
}

fn owner_is_kept() -> Failure {
    Failure::new(403, "the owner of a tailnet cannot be suspended or deleted")
}
