//! Checks before a change: refuses what the server would reject, and warns of side effects.

use std::{collections::BTreeSet, net::Ipv4Addr};

use jiff::Timestamp;

use super::{
    Device, Devices, KeyState, Update, change,
    name::{domain, full_tags, normalise, with_prefix},
    plan,
};
use crate::{
    Credential, Error, Tailnet,
    change::{Change, Plan, Risk},
    client::{ErrorKind, Result},
    wire,
};

/// Returns `device`, or an error if it is shared in from another tailnet.
pub(crate) fn own(device: Device) -> Result<Device> {
    if !device.is_shared_in() {
        return Ok(device);
    }
    Err(Error::refused(
        format!("`{}` is a shared-in device: it belongs to another tailnet", device.short_name()),
        "ask its owner to change it; sharing can be ended in the admin console",
    ))
}

pub(super) fn authorized_warnings(device: &Device, to: bool) -> Vec<String> {
    if to || !device.is_online() {
        return Vec::new();
    }
    vec!["it is connected, and will be disconnected within seconds".to_owned()]
}

/// Plans the expiry of a device's key: no change if it has expired. If key expiry is off, this is
/// an error: the API would accept the call, but the device would stay connected.
pub(super) fn expiry(device: &Device, now: Timestamp) -> Result<Vec<Change>> {
    match device.key_state(now) {
        KeyState::Expired(_) => Ok(Vec::new()),
        KeyState::Unlimited => Err(Error::refused(
            format!("the key of `{}` does not expire", device.short_name()),
            "turn key expiry on first, or deauthorize the device",
        )),
        KeyState::Until(_) | KeyState::Unknown => Ok(vec![change::expire_key()]),
    }
}

pub(super) fn expiry_warnings(device: &Device) -> Vec<String> {
    let mut warnings = vec![
        "it disconnects until someone logs in on it again; the API cannot restore the key"
            .to_owned(),
    ];
    if !device.tags().is_empty() {
        warnings.push("it is tagged: to reconnect, it needs a new auth key or an admin".to_owned());
    }
    warnings
}

pub(super) fn removal_warnings(device: &Device) -> Vec<String> {
    let mut warnings = vec!["this is irreversible: to come back, it must be re-added".to_owned()];
    if device.is_online() {
        warnings.push("it is connected now".to_owned());
    }
    if device.is_subnet_router() || device.is_exit_node() {
        warnings.push("it serves routes: traffic through it stops".to_owned());
    }
    warnings
}

/// Checks and plans an update of one device.
pub(super) struct Preflight<'a> {
    devices: &'a Devices<'a>,
    list: &'a [Device],
    device: Device,
    changes: Vec<Change>,
    warnings: Vec<String>,
    /// Whether the update disconnects the device.
    is_destructive: bool,
}

impl<'a> Preflight<'a> {
    pub(super) fn new(devices: &'a Devices<'a>, list: &'a [Device], device: Device) -> Self {
        Self {
            devices,
            list,
            device,
            changes: Vec::new(),
            warnings: Vec::new(),
            is_destructive: false,
        }
    }

    pub(super) async fn update(mut self, update: &Update) -> Result<Plan> {
        if let Some(name) = &update.name {
            self.rename(name)?;
        }
        self.retag(update).await?;
        if let Some(expires) = update.key_expires {
            self.key_expires(expires);
        }
        if let Some(address) = &update.ipv4 {
            self.readdress(address)?;
        }
        // Irreversible changes come last, so that no later change can fail after them.
        self.changes.sort_by_key(|it| it.irreversible);
        let mut plan = plan::of(&self.device, self.changes).warned(self.warnings);
        if self.is_destructive {
            plan.least = Risk::Danger;
        }
        Ok(plan)
    }

    fn rename(&mut self, wanted: &str) -> Result<()> {
        let device = &self.device;
        let from = device.short_name().to_owned();
        if wanted.trim().is_empty() {
            // The server derives the name from the OS hostname, and adds a number if the name is taken.
            let own = device.hostname.as_deref().unwrap_or("its OS hostname");
            self.warnings.push(format!("the server derives the name from `{own}`"));
            self.changes.push(change::name(&from, ""));
            return Ok(());
        }
        let to = normalise(wanted, device.name.as_deref().and_then(domain))?;
        if to == from {
            return Ok(());
        }
        let taken = self
            .list
            .iter()
            .find(|it| !it.is_shared_in() && it.key() != device.key() && it.short_name() == to);
        if let Some(other) = taken {
            return Err(Error::refused(
                format!("the name `{to}` is already used by the device {}", other.key()),
                "choose another name",
            ));
        }
        if to != wanted {
            self.warnings.push(format!("the server stores the name as `{to}`"));
        }
        self.warnings.push(format!("the old name `{from}` stops working"));
        self.changes.push(change::name(&from, &to));
        Ok(())
    }

    async fn retag(&mut self, update: &Update) -> Result<()> {
        let from: BTreeSet<String> = self.device.tags().iter().cloned().collect();
        let to = wanted_tags(&from, update)?;
        if to == from {
            return Ok(());
        }
        if to.is_empty() {
            return Err(Error::refused(
                "the last tag of a device cannot be removed",
                "keep at least one tag; to make it a user's device again, log in on it",
            ));
        }
        let new: Vec<&String> = to.difference(&from).collect();
        self.check_declared(&new).await?;
        if from.is_empty() && update.key_expires == Some(true) {
            return Err(Error::invalid_input(
                "key_expires",
                "is turned off by the first tag; turn it on afterwards, in a separate call",
            ));
        }
        self.warn_of_owner();
        if from.is_empty() {
            let user = self.device.user.as_deref().unwrap_or("its user");
            self.warnings.push(format!(
                "it no longer belongs to {user}: rules for users no longer apply, its key stops \
                 expiring, and this is irreversible"
            ));
        }
        self.changes.push(change::tags(from.into_iter().collect(), to.into_iter().collect()));
        Ok(())
    }

    /// An OAuth client can assign only its own tags and tags owned by those, which the API does not list.
    fn warn_of_owner(&mut self) {
        if !matches!(self.devices.tailnet().settings().credential, Credential::ApiKey(_)) {
            self.warnings.push(
                "an OAuth client can assign only its own tags and the tags that those own; this \
                 was not checked"
                    .to_owned(),
            );
        }
    }

    async fn check_declared(&mut self, tags: &[&String]) -> Result<()> {
        self.warnings.extend(declared(self.devices.tailnet(), tags).await?);
        Ok(())
    }

    fn key_expires(&mut self, to: bool) {
        let device = &self.device;
        let from = !device.key_expiry_disabled.unwrap_or_default();
        if from == to {
            return;
        }
        let now = Timestamp::now();
        // Turning expiry on restores the previous expiry time, which may have passed.
        let then = device.expires.as_ref().and_then(wire::Timestamp::instant);
        if let Some(then) = then.filter(|it| to && *it <= now) {
            self.is_destructive = true;
            // The day: a span would be another one when the plan is confirmed.
            let day = then.strftime("%Y-%m-%d");
            self.warnings
                .push(format!("its key expired on {day}: the device disconnects immediately"));
        } else if !to && matches!(device.key_state(now), KeyState::Expired(_)) {
            self.is_destructive = true;
            self.warnings
                .push("its key has expired: this lets the device connect again".to_owned());
        }
        self.changes.push(change::key_expires(from, to));
    }

    fn readdress(&mut self, wanted: &str) -> Result<()> {
        let address: Ipv4Addr = wanted.trim().parse().map_err(|_| {
            Error::invalid_input("ipv4", format!("is `{wanted}`; write it as `100.101.102.103`"))
        })?;
        if !in_pool(address) {
            return Err(Error::invalid_input(
                "ipv4",
                format!(
                    "is {address}; choose an address in 100.64.0.0/10 that Tailscale does not \
                         reserve"
                ),
            ));
        }
        let device = &self.device;
        let from = device.ipv4().unwrap_or_default().to_owned();
        if device.has_address(address.into()) {
            return Ok(());
        }
        if let Some(other) = self.list.iter().find(|it| it.has_address(address.into())) {
            return Err(Error::refused(
                format!("{address} is the address of `{}`", other.short_name()),
                "choose a free address",
            ));
        }
        self.warnings.push("connections to the old address break".to_owned());
        self.changes.push(change::ipv4(&from, &address.to_string()));
        Ok(())
    }
}

/// Checks that `tagOwners` in the policy file declares the tags. Returns warnings about unchecked ones.
pub(crate) async fn declared(tailnet: &Tailnet, tags: &[impl AsRef<str>]) -> Result<Vec<String>> {
    if tags.is_empty() {
        return Ok(Vec::new());
    }
    let declared = match tailnet.policy_file().declared_tags().await {
        Ok(declared) => declared,
        Err(error) if error.kind() == ErrorKind::Forbidden => {
            return Ok(vec![
                "the credential may not read the policy file, so it was not checked that the tags \
                 are declared"
                    .to_owned(),
            ]);
        }
        Err(error) => return Err(error),
    };
    let missing: Vec<&str> =
        tags.iter().map(AsRef::as_ref).filter(|it| !declared.contains(*it)).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let known: Vec<&str> = declared.iter().map(String::as_str).collect();
    Err(Error::refused(
        format!("the policy file does not declare {}", missing.join(", ")),
        format!("use one of {}, or add it to `tagOwners`", known.join(", ")),
    ))
}

fn wanted_tags(from: &BTreeSet<String>, update: &Update) -> Result<BTreeSet<String>> {
    if update.set_tags.is_some() && !(update.add_tags.is_empty() && update.remove_tags.is_empty()) {
        return Err(Error::invalid_input(
            "set_tags",
            "replaces all tags, so it cannot be given together with tags to add or remove",
        ));
    }
    let mut to = match &update.set_tags {
        Some(tags) => full_tags(tags)?.into_iter().collect(),
        None => from.clone(),
    };
    to.extend(full_tags(&update.add_tags)?);
    for tag in &update.remove_tags {
        if !to.remove(&with_prefix(tag)) {
            return Err(Error::invalid_input(
                "remove_tags",
                format!("has `{tag}`, which the device does not have"),
            ));
        }
    }
    Ok(to)
}

/// Whether an address is in 100.64.0.0/10 and not reserved by Tailscale or Chrome OS.
fn in_pool(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved =
        (b, c) == (100, 0) || (b, c) == (100, 100) || (b == 115 && (92..=93).contains(&c));
    a == 100 && (64..128).contains(&b) && !reserved
}
