//! Plans to cut off a compromised device without losing the evidence, and says what it could reach.

use serde_json::Value;

use super::{Device, Devices, KeyState, change, find, preflight, revoke::names};
use crate::{
    change::{Change, Item, OnFailure, Plan, Risk},
    client::Result,
    policy::Entry,
    tailnet::{
        keys::{self, Kind},
        resource::text,
    },
};

/// How many rules, devices and keys the notes list.
const MAX_LISTED: usize = 10;

impl Devices<'_> {
    /// Plans to deauthorize a device (`POST /device/{deviceId}/authorized`) and then to expire its key
    /// (`POST /device/{deviceId}/expire`), which needs key expiry to be on
    /// (`POST /device/{deviceId}/key`). If one step fails, the others stay in effect. The device stays in
    /// the tailnet, since removing it would destroy evidence. The notes say what it could reach by the
    /// policy file, and what else its owner or its tags have.
    ///
    /// # Errors
    ///
    /// As [`plan_authorized`](Self::plan_authorized).
    pub async fn plan_quarantine(&self, device: &str) -> Result<Plan> {
        let list = self.list().await?;
        let key = find::find_exact(&list, device)?.key().to_owned();
        let device = preflight::own(self.read(&key).await?)?;
        let item =
            |changes| Item::new(&change::Devices, device.key(), device.short_name(), changes);
        let authorized = device.is_authorized().then(|| change::authorized(true, false));
        let expiry = expiry(&device);
        // Two items: if the key cannot be expired, the device must not be approved again.
        let mut plan = Plan::new(vec![item(authorized.into_iter().collect()), item(expiry)]);
        plan.on_failure = OnFailure::Continue;
        plan.least = Risk::Danger;
        plan.warnings = preflight::expiry_warnings(&device);
        if device.is_subnet_router() || device.is_exit_node() {
            plan.warnings.push("it serves routes: traffic through it stops".to_owned());
        }
        plan.notes.push("it stays in the tailnet, as evidence: do not remove it yet".to_owned());
        plan.notes.extend(self.reach(&device).await);
        plan.notes.extend(kin(&device, &list));
        plan.notes.extend(self.credentials(&device).await);
        Ok(plan)
    }

    /// What the policy file lets the device reach.
    async fn reach(&self, device: &Device) -> Vec<String> {
        let end = device.ipv4().unwrap_or(device.short_name());
        let entries = match self.tailnet().policy_file().reached_by(end).await {
            Ok(entries) => entries,
            Err(error) => return vec![format!("what it could reach is unknown: {error}")],
        };
        if entries.is_empty() {
            return vec!["the policy file lets it reach nothing".to_owned()];
        }
        let words = |it: &Entry| {
            let devices = crate::words::counted(it.devices, "device", "devices");
            format!("{} on {} ({devices}, {})", it.who.join(" "), it.ports.join(" "), it.by.rule)
        };
        vec![format!("the policy file lets it reach {}", listed(entries.iter().map(words)))]
    }

    /// The keys of its owner, or those that give its tags.
    async fn credentials(&self, device: &Device) -> Vec<String> {
        let what = if device.tags().is_empty() { "keys of its owner" } else { "keys for its tags" };
        let unknown = |error: &crate::Error| vec![format!("{what} are unknown: {error}")];
        let records = match self.tailnet().keys().records().await {
            Ok(records) => records,
            Err(error) => return unknown(&error),
        };
        let owner = match self.owner(device).await {
            Ok(owner) => owner,
            Err(error) => return unknown(&error),
        };
        let gives_tag = |key: &Value| {
            let tags = key.pointer("/capabilities/devices/create/tags").and_then(Value::as_array);
            tags.into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .any(|tag| device.tags().iter().any(|it| it == tag))
        };
        let is_of = |key: &&Value| {
            let by_owner = owner.is_some() && key.get("userId").map(text) == owner;
            !keys::change::is_gone(key) && (by_owner || gives_tag(key))
        };
        let words = |key: &Value| {
            let field = |name| key.get(name).and_then(Value::as_str).unwrap_or_default();
            let about = crate::words::listed([Kind::of(key).as_str(), field("description")]);
            format!("{} ({about})", field("id"))
        };
        let found: Vec<&Value> = records.iter().filter(is_of).collect();
        if found.is_empty() {
            return vec![format!("{what}: none that this credential may read")];
        }
        let found = listed(found.into_iter().map(words));
        vec![format!("{what}, to be revoked if the device had them: {found}")]
    }

    /// The ID of the user whose device it is; `None` for a tagged device.
    async fn owner(&self, device: &Device) -> Result<Option<String>> {
        let Some(login) = device.user.as_deref().filter(|_| device.tags().is_empty()) else {
            return Ok(None);
        };
        let users = self.tailnet().users().list().await?;
        let is = |it: &&crate::tailnet::users::User| {
            it.login_name.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(login))
        };
        Ok(users.iter().find(is).and_then(|it| it.id.clone()).filter(|it| !it.is_empty()))
    }
}

/// Expires the key. It must be able to expire, or the device would stay connected.
fn expiry(device: &Device) -> Vec<Change> {
    match device.key_state(jiff::Timestamp::now()) {
        KeyState::Expired(_) => Vec::new(),
        KeyState::Unlimited => vec![
            // To undo it would let the device in again.
            change::key_expires(false, true).irreversible(),
            change::expire_key(),
        ],
        KeyState::Until(_) | KeyState::Unknown => vec![change::expire_key()],
    }
}

/// The other devices of its owner, or those with one of its tags.
fn kin(device: &Device, list: &[Device]) -> Vec<String> {
    let is_other = |it: &&Device| !it.is_shared_in() && it.key() != device.key();
    let user = device.user.as_deref().filter(|it| !it.is_empty());
    let (whose, same): (String, Vec<&str>) = match (device.tags(), user) {
        ([], None) => return vec!["its owner is unknown".to_owned()],
        ([], Some(user)) => {
            let is = |it: &&Device| it.tags().is_empty() && it.user.as_deref() == Some(user);
            let same = list.iter().filter(is_other).filter(is).map(Device::short_name);
            (format!("of its owner {user}"), same.collect())
        }
        (tags, _) => {
            let is = |it: &&Device| it.tags().iter().any(|tag| tags.contains(tag));
            let same = list.iter().filter(is_other).filter(is).map(Device::short_name);
            (format!("with {}", tags.join(" or ")), same.collect())
        }
    };
    let named = if same.is_empty() { "none".to_owned() } else { names(&same) };
    vec![format!("other devices {whose}: {named}")]
}

fn listed(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(MAX_LISTED);
    let shown = all.take(MAX_LISTED).collect::<Vec<_>>().join("; ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
