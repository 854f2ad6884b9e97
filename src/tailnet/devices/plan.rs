//! Changes of one device: planned, then applied, and taken back if one of several fails.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{Change, Device, Devices, find, preflight};
use crate::{
    Error, ErrorKind, Operation,
    client::{Client, Result},
};

/// What [`Devices::plan_update`] shall change. What is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// The new name; empty for the one that the operating system has.
    pub name: Option<String>,
    /// Tags to put in the place of all others.
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
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.set_tags.is_none()
            && self.add_tags.is_empty()
            && self.remove_tags.is_empty()
            && self.key_expires.is_none()
            && self.ipv4.is_none()
    }
}

/// What is going to happen to a device. Making one reads only.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) device: Device,
    pub(super) changes: Vec<Change>,
    pub(super) warnings: Vec<String>,
}

impl Plan {
    /// The device, as it was when the plan was made.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The changes, in the order in which they are made. Empty if it is like that already.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What the change implies that may not be wanted.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What the plan would do, without doing it.
    pub fn preview(&self) -> Applied {
        self.report(false, None)
    }

    fn report(&self, applied: bool, now: Option<&Device>) -> Applied {
        let changes = self.changes.iter().map(|it| {
            let (field, before, planned) = it.facts();
            Changed { field, before, after: now.map_or(planned, |now| it.seen_in(now)) }
        });
        let lasting = self.changes.iter().any(|it| it.inverse().is_none());
        Applied {
            device: self.device.short_name().to_owned(),
            id: self.device.key().to_owned(),
            applied,
            changes: changes.collect(),
            unchanged: self.changes.is_empty(),
            cannot_be_undone: lasting,
            warnings: self.warnings.clone(),
        }
    }
}

/// What happened to a device, or would happen.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Applied {
    /// Its short name before the change.
    pub device: String,
    /// Its id.
    pub id: String,
    /// False if nothing was sent: a dry run, or it was like that already.
    pub applied: bool,
    /// Every field, before and after.
    pub changes: Vec<Changed>,
    /// It was like that already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
    /// No call takes it back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cannot_be_undone: bool,
    /// What it implies that may not be wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One field, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The field.
    pub field: &'static str,
    /// What it was.
    pub before: Value,
    /// What it is; in a dry run, what it would be.
    pub after: Value,
}

impl Devices<'_> {
    /// Plans to let a device take part, or not.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); [`Refused`](ErrorKind::Refused) for a device of another tailnet.
    pub async fn plan_authorized(&self, device: &str, authorized: bool) -> Result<Plan> {
        // Cutting off the wrong device is worse than asking again.
        let device = if authorized { self.get(device).await? } else { self.exact(device).await? };
        let device = preflight::own(device)?;
        let from = device.is_authorized();
        let changes = vec![Change::Authorized { from, to: authorized }];
        let changes = if from == authorized { Vec::new() } else { changes };
        let warnings = preflight::authorized_warnings(&device, authorized);
        Ok(Plan { device, changes, warnings })
    }

    /// Plans to rename a device, change its tags, its address, or whether its key expires.
    ///
    /// # Errors
    ///
    /// [`Refused`](ErrorKind::Refused) with the reason if a check before the change says no;
    /// otherwise as [`get`](Self::get).
    pub async fn plan_update(&self, device: &str, update: &Update) -> Result<Plan> {
        let list = self.list().await?;
        let id = find::find(&list, device)?.key();
        let own = preflight::own(self.read(id).await?)?;
        let plan = preflight::Preflight::new(self, &list, own).update(update).await?;
        if plan.changes.iter().any(|it| it.inverse().is_none()) {
            find::find_exact(&list, device)?;
        }
        Ok(plan)
    }

    /// The device that is named as a whole, as it is now.
    async fn exact(&self, device: &str) -> Result<Device> {
        let list = self.list().await?;
        self.read(find::find_exact(&list, device)?.key()).await
    }

    /// Plans to expire a device's key now: it drops off until somebody logs in on it.
    ///
    /// # Errors
    ///
    /// As [`plan_authorized`](Self::plan_authorized).
    pub async fn plan_expire_key(&self, device: &str) -> Result<Plan> {
        let device = preflight::own(self.exact(device).await?)?;
        let changes = preflight::expiry(&device, Timestamp::now())?;
        let warnings = preflight::expiry_warnings(&device);
        Ok(Plan { device, changes, warnings })
    }

    /// Plans to remove a device for good. A device that was shared in cannot be removed here.
    ///
    /// # Errors
    ///
    /// As [`plan_authorized`](Self::plan_authorized).
    pub async fn plan_remove(&self, device: &str) -> Result<Plan> {
        let device = preflight::own(self.exact(device).await?)?;
        let warnings = preflight::removal_warnings(&device);
        Ok(Plan { device, changes: vec![Change::Remove], warnings })
    }

    /// Carries a plan out, and reads the device back. If a change fails, those before it are taken
    /// back, in reverse order.
    ///
    /// # Errors
    ///
    /// [`Stale`](ErrorKind::Stale) if the device is not any more what the plan starts from;
    /// otherwise what the API said of the change that failed, and what became of the others.
    pub async fn apply(&self, plan: &Plan) -> Result<Applied> {
        if plan.changes.is_empty() {
            return Ok(plan.report(false, None));
        }
        let id = plan.device.key();
        let now = self.read(id).await?;
        if let Some(moved) = plan.changes.iter().find(|it| !it.starts_from(&now)) {
            return Err(Error::new(
                ErrorKind::Stale,
                format!("`{}` changed since this was planned ({moved})", plan.device.short_name()),
            )
            .remedied("plan again from what it is now"));
        }
        for (index, change) in plan.changes.iter().enumerate() {
            if let Err(error) = self.send(id, change).await {
                let earlier = plan.changes.get(..index).unwrap_or_default();
                return Err(self.take_back(id, earlier, error).await);
            }
        }
        if plan.changes.contains(&Change::Remove) {
            return Ok(plan.report(true, None));
        }
        match self.read(id).await {
            Ok(now) => Ok(plan.report(true, Some(&now))),
            // The change is made; that nobody could look at it does not undo it.
            Err(error) => {
                let mut report = plan.report(true, None);
                report
                    .warnings
                    .push(format!("it was changed, but could not be read back: {error}"));
                Ok(report)
            }
        }
    }

    /// Takes `changes` back, the last one first, and tells it in `error`.
    async fn take_back(&self, id: &str, changes: &[Change], error: Error) -> Error {
        if changes.is_empty() {
            return error;
        }
        let mut back = Vec::new();
        let mut stuck = Vec::new();
        for change in changes.iter().rev() {
            match change.inverse() {
                Some(inverse) => match self.send(id, &inverse).await {
                    Ok(()) => back.push(change.to_string()),
                    Err(error) => stuck.push(format!("{change} ({error})")),
                },
                None => stuck.push(format!("{change} (no call takes it back)")),
            }
        }
        let mut told = Vec::new();
        if !back.is_empty() {
            told.push(format!("taken back: {}", back.join(", ")));
        }
        if !stuck.is_empty() {
            told.push(format!("still in effect: {}", stuck.join(", ")));
        }
        let error = error.telling(&told.join("; "));
        if stuck.is_empty() { error } else { error.maybe_done() }
    }

    /// Sends one change. One that may have been made although its answer got lost is looked up.
    async fn send(&self, id: &str, change: &Change) -> Result<()> {
        let Err(error) = self.request(id, change).await else { return Ok(()) };
        if !error.may_have_had_effect() {
            return Err(error);
        }
        match (self.read(id).await, change) {
            (Err(gone), Change::Remove) if gone.kind() == ErrorKind::NotFound => Ok(()),
            (Ok(now), change) if *change != Change::Remove => {
                if change.ends_in(&now) {
                    Ok(())
                } else {
                    Err(error.telling("read back: it was not changed"))
                }
            }
            _ => Err(error),
        }
    }

    async fn request(&self, id: &str, change: &Change) -> Result<()> {
        let api = self.tailnet().client().api()?;
        match change {
            Change::Authorized { to, .. } => {
                let request = api.authorize_device().device_id(id);
                let answer = request.body_map(|it| it.authorized(*to)).send().await;
                Client::value(Operation::AuthorizeDevice, answer)
            }
            Change::Name { to, .. } => {
                let request = api.set_device_name().device_id(id);
                let answer = request.body_map(|it| it.name(to.as_str())).send().await;
                Client::value(Operation::SetDeviceName, answer)
            }
            Change::Tags { to, .. } => {
                let request = api.set_device_tags().device_id(id);
                let answer = request.body_map(|it| it.tags(to.clone())).send().await;
                Client::value(Operation::SetDeviceTags, answer)
            }
            Change::KeyExpires { to, .. } => {
                let request = api.update_device_key().device_id(id);
                let answer = request.body_map(|it| it.key_expiry_disabled(!*to)).send().await;
                Client::value(Operation::UpdateDeviceKey, answer)
            }
            Change::Ipv4 { to, .. } => {
                let request = api.set_device_ip().device_id(id);
                let answer = request.body_map(|it| it.ipv4(to.as_str())).send().await;
                Client::value(Operation::SetDeviceIp, answer)
            }
            Change::ExpireKey => {
                let answer = api.expire_device_key().device_id(id).send().await;
                Client::value(Operation::ExpireDeviceKey, answer)
            }
            Change::Remove => {
                let answer = api.delete_device().device_id(id).send().await;
                Client::value(Operation::DeleteDevice, answer)
            }
        }
    }
}
