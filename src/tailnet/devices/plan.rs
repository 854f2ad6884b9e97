//! Plans changes to a device. Planning only reads; [`Tailnet::apply`](crate::Tailnet::apply) makes
//! the changes.

use jiff::Timestamp;

use super::{Device, Devices, change, find, preflight};
use crate::{
    change::{Change, Plan},
    client::Result,
};

/// What [`Devices::plan_update`] is to change. `None` or an empty list leaves a field as it is.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Update {
    /// The new name; empty for the OS hostname.
    pub name: Option<String>,
    /// Tags that replace all others.
    pub set_tags: Option<Vec<String>>,
    /// Tags to add.
    pub add_tags: Vec<String>,
    /// Tags to remove.
    pub remove_tags: Vec<String>,
    /// Whether the key expires.
    pub key_expires: Option<bool>,
    /// The new IPv4 address.
    pub ipv4: Option<String>,
}

impl Update {
    /// Whether the update changes nothing.
    pub fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.set_tags.is_none()
            && self.add_tags.is_empty()
            && self.remove_tags.is_empty()
            && self.key_expires.is_none()
            && self.ipv4.is_none()
    }
}

impl Devices<'_> {
    /// Plans to approve a device, or to deauthorize it.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get); [`Refused`](crate::ErrorKind::Refused) for a shared-in device.
    pub async fn plan_authorized(&self, device: &str, authorized: bool) -> Result<Plan> {
        // Deauthorizing needs the full name, so that it does not hit the wrong device.
        let device = if authorized { self.get(device).await? } else { self.exact(device).await? };
        let device = preflight::own(device)?;
        let from = device.is_authorized();
        let changes = vec![change::authorized(from, authorized)];
        let changes = if from == authorized { Vec::new() } else { changes };
        Ok(of(&device, changes).warned(preflight::authorized_warnings(&device, authorized)))
    }

    /// Plans to change a device's name, tags, IPv4 address or key expiry.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused), with the reason, if a preflight check fails;
    /// otherwise the same as [`get`](Self::get).
    pub async fn plan_update(&self, device: &str, update: &Update) -> Result<Plan> {
        let list = self.list().await?;
        let id = find::find(&list, device)?.key();
        let own = preflight::own(self.read(id).await?)?;
        let plan = preflight::Preflight::new(self, &list, own).update(update).await?;
        if plan.is_irreversible() {
            find::find_exact(&list, device)?;
        }
        Ok(plan)
    }

    /// Reads the device that is named in full.
    async fn exact(&self, device: &str) -> Result<Device> {
        let list = self.list().await?;
        self.read(find::find_exact(&list, device)?.key()).await
    }

    /// Plans to expire a device's key now: the device disconnects until somebody logs in on it.
    ///
    /// # Errors
    ///
    /// As [`plan_authorized`](Self::plan_authorized).
    pub async fn plan_expire_key(&self, device: &str) -> Result<Plan> {
        let device = preflight::own(self.exact(device).await?)?;
        let changes = preflight::expiry(&device, Timestamp::now())?;
        Ok(of(&device, changes).warned(preflight::expiry_warnings(&device)))
    }

    /// Plans to remove a device from the tailnet. A shared-in device cannot be removed.
    ///
    /// # Errors
    ///
    /// As [`plan_authorized`](Self::plan_authorized).
    pub async fn plan_delete(&self, device: &str) -> Result<Plan> {
        let device = preflight::own(self.exact(device).await?)?;
        Ok(of(&device, vec![change::remove()]).warned(preflight::removal_warnings(&device)))
    }
}

/// Makes a plan for one device.
pub(crate) fn of(device: &Device, changes: Vec<Change>) -> Plan {
    Plan::one(&change::Devices, device.key(), device.short_name(), changes)
}
