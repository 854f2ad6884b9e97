//! Plans to approve, deauthorize or remove several devices with one change.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Device, DeviceSelector, Devices, change};
use crate::{
    Error, ErrorKind,
    change::{Item, OnFailure, Plan, Risk},
    client::Result,
};

/// The maximum number of devices in one such change: the question names all of them.
pub const MAX_REVOKED: usize = 200;
/// The maximum number of devices that a warning names.
const MAX_NAMED: usize = 20;
/// The maximum number of devices whose invites are read: each takes a request.
const MAX_ASKED: usize = 10;

/// `deauthorize` blocks access but keeps the device; `remove` deletes it (irreversible).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "server", derive(serde::Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "server", serde(rename_all = "snake_case"))]
pub enum Revocation {
    /// Keep the device in the list, without access.
    #[default]
    Deauthorize,
    /// Delete the device from the tailnet (irreversible).
    Remove,
}

impl Devices<'_> {
    /// Plans to approve each selected device (`POST /device/{deviceId}/authorized`). Devices are named in full;
    /// a filter selects only those that need approval.
    ///
    /// # Errors
    ///
    /// As [`plan_revoke`](Self::plan_revoke).
    pub async fn plan_approve(
        &self,
        which: &DeviceSelector,
        on_failure: OnFailure,
    ) -> Result<Plan> {
        let list = self.list().await?;
        let (mut devices, mut notes) = which.exactly(&list)?;
        if which.devices.is_empty() {
            devices.retain(|it| !it.is_authorized());
            if devices.is_empty() {
                notes.push("no device that matches the filters needs approval".to_owned());
            }
        }
        limited(devices.len())?;
        let approved = |device: &&Device| {
            let change = (!device.is_authorized()).then(|| change::authorized(false, true));
            let changes = change.into_iter().collect();
            Item::new(&change::Devices, device.key(), device.short_name(), changes)
        };
        let mut plan = Plan::new(devices.iter().map(approved).collect());
        plan.notes = notes;
        plan.on_failure = on_failure;
        plan.least = Risk::Danger;
        Ok(plan)
    }

    /// Plans to deauthorize each selected device (`POST /device/{deviceId}/authorized`), or to remove it
    /// (`DELETE /device/{deviceId}`). Devices are named in full. Of the devices that match a filter, those
    /// that others depend on are left out, with a note: subnet routers, exit nodes, service hosts, devices
    /// that were seen within [`IN_USE`](super::roles::IN_USE), and devices that are shared, in either
    /// direction.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) without devices and filters, and for more than
    /// [`MAX_REVOKED`] devices; [`NotFound`](crate::ErrorKind::NotFound) if no device matches;
    /// [`Refused`](crate::ErrorKind::Refused) for a shared-in device, and for the start of a name.
    pub async fn plan_revoke(
        &self,
        which: &DeviceSelector,
        how: Revocation,
        on_failure: OnFailure,
    ) -> Result<Plan> {
        if how == Revocation::Remove && on_failure == OnFailure::Undo {
            let problem = "cannot be `undo` here: a removed device does not come back";
            return Err(Error::invalid_input("on_failure", problem));
        }
        if which.filter.as_ref().and_then(|it| it.silent_for).is_some_and(|it| it.is_zero()) {
            let problem = "must be longer than 0, such as `30d`";
            return Err(Error::invalid_input("silent_for", problem));
        }
        let list = self.list().await?;
        let (mut devices, mut notes) = which.exactly(&list)?;
        if which.devices.is_empty() {
            notes.extend(self.spare(&mut devices).await?);
        }
        limited(devices.len())?;
        let mut plan = Plan::new(devices.iter().map(|it| revoked(it, how)).collect());
        plan.warnings = warnings(&devices, how);
        plan.notes.append(&mut notes);
        plan.on_failure = on_failure;
        plan.least = Risk::Danger;
        Ok(plan)
    }

    /// Takes out the devices that others depend on. Returns notes about them.
    async fn spare(&self, devices: &mut Vec<&Device>) -> Result<Vec<String>> {
        let (now, hosts) = (Timestamp::now(), self.hosts().await?);
        let mut spared: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        devices.retain(|device| match hosts.reason(device, now) {
            None => true,
            Some(reason) => {
                spared.entry(reason).or_default().push(device.short_name());
                false
            }
        });
        let mut notes: Vec<String> = hosts.note.into_iter().collect();
        match self.shared(devices).await? {
            Some(invited) => {
                let is_shared = |it: &&Device| invited.contains(it.key());
                let names = devices.iter().filter(|it| is_shared(it)).map(|it| it.short_name());
                let names: Vec<&str> = names.collect();
                if !names.is_empty() {
                    spared.insert("shared by invite", names);
                }
                devices.retain(|it| !is_shared(it));
            }
            None if devices.is_empty() => {}
            None => notes.push("whether devices are shared by invite was not checked".to_owned()),
        }
        let spared = spared.into_iter().map(|(reason, spared)| {
            format!("left out, since not named, {reason}: {}", names(&spared))
        });
        notes.extend(spared);
        Ok(notes)
    }

    /// Which of the devices have invites; `None` if that takes too many requests, or may not be read.
    async fn shared(&self, devices: &[&Device]) -> Result<Option<BTreeSet<String>>> {
        if devices.len() > MAX_ASKED {
            return Ok(None);
        }
        let mut shared = BTreeSet::new();
        for device in devices {
            match self.tailnet().device_invites().records(device.key()).await {
                Ok(invites) if invites.is_empty() => {}
                Ok(_) => drop(shared.insert(device.key().to_owned())),
                // The device is gone by now, or the credential may not read invites.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if error.kind() == ErrorKind::Forbidden => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(shared))
    }
}

/// Refuses more devices than the question can name.
pub(crate) fn limited(devices: usize) -> Result<()> {
    if devices <= MAX_REVOKED {
        return Ok(());
    }
    let problem = format!(
        "are {devices}; one change takes at most {MAX_REVOKED}, so that the question can list all of them"
    );
    Err(Error::invalid_input("devices", problem))
}

/// The device, with the change that deauthorizes or removes it. No change if it has no access already.
pub(crate) fn revoked(device: &Device, how: Revocation) -> Item {
    let changes = match how {
        Revocation::Remove => vec![change::remove()],
        Revocation::Deauthorize if device.is_authorized() => vec![change::authorized(true, false)],
        Revocation::Deauthorize => Vec::new(),
    };
    Item::new(&change::Devices, device.key(), device.short_name(), changes)
}

/// The side effects of deauthorizing or removing the devices.
pub(crate) fn warnings(devices: &[&Device], how: Revocation) -> Vec<String> {
    let named = |is: &dyn Fn(&Device) -> bool| {
        let found: Vec<&str> =
            devices.iter().filter(|it| is(it)).map(|it| it.short_name()).collect();
        (!found.is_empty()).then(|| names(&found))
    };
    let removes = how == Revocation::Remove && !devices.is_empty();
    let removal = removes
        .then(|| "removing a device is irreversible: to come back, it must be re-added".to_owned());
    let online = named(&Device::is_online).map(|it| format!("connected now: {it}"));
    let serve = named(&|it| it.is_subnet_router() || it.is_exit_node());
    let serve = serve.map(|it| format!("these route traffic, which will stop: {it}"));
    [removal, online, serve].into_iter().flatten().collect()
}

pub(super) fn names(all: &[&str]) -> String {
    let more = all.len().saturating_sub(MAX_NAMED);
    let shown = all.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
