//! Changes of one device: planned, then applied, and taken back if one of several fails.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Device, Devices, find, preflight};
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

/// One change of one device: what it was and what it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// May it take part?
    Authorized {
        /// Whether it might.
        from: bool,
        /// Whether it may.
        to: bool,
    },
    /// Its short name.
    Name {
        /// The name it had.
        from: String,
        /// The name it gets; empty for the one of its operating system.
        to: String,
    },
    /// All its tags.
    Tags {
        /// The tags it had.
        from: Vec<String>,
        /// The tags it gets.
        to: Vec<String>,
    },
    /// Does its key expire?
    KeyExpires {
        /// Whether it did.
        from: bool,
        /// Whether it does.
        to: bool,
    },
    /// Its IPv4 address.
    Ipv4 {
        /// The address it had.
        from: String,
        /// The address it gets.
        to: String,
    },
    /// Its key expires now.
    ExpireKey,
    /// It is removed for good.
    Remove,
}

impl Change {
    /// What takes it back; none where nothing does.
    pub fn inverse(&self) -> Option<Self> {
        Some(match self.clone() {
            Self::Authorized { from, to } => Self::Authorized { from: to, to: from },
            Self::Name { from, to } => Self::Name { from: to, to: from },
            // A device that has tags keeps at least one, until somebody logs in on it.
            Self::Tags { from, .. } if from.is_empty() => return None,
            Self::Tags { from, to } => Self::Tags { from: to, to: from },
            Self::KeyExpires { from, to } => Self::KeyExpires { from: to, to: from },
            Self::Ipv4 { from, to } => Self::Ipv4 { from: to, to: from },
            Self::ExpireKey | Self::Remove => return None,
        })
    }

    /// The field of the device, before and after.
    fn facts(&self) -> (&'static str, Value, Value) {
        match self {
            Self::Authorized { from, to } => ("authorized", json!(from), json!(to)),
            Self::Name { from, to } => ("name", json!(from), json!(to)),
            Self::Tags { from, to } => ("tags", json!(from), json!(to)),
            Self::KeyExpires { from, to } => ("key_expires", json!(from), json!(to)),
            Self::Ipv4 { from, to } => ("ipv4", json!(from), json!(to)),
            Self::ExpireKey => ("key_expired", json!(false), json!(true)),
            Self::Remove => ("in_tailnet", json!(true), json!(false)),
        }
    }

    /// What `device` says now of the field, to be compared with `to`.
    fn seen_in(&self, device: &Device) -> Value {
        match self {
            Self::Authorized { .. } => json!(device.is_authorized()),
            Self::Name { .. } => json!(device.short_name()),
            Self::Tags { .. } => json!(device.tags()),
            Self::KeyExpires { .. } => json!(!device.key_expiry_disabled.unwrap_or_default()),
            Self::Ipv4 { .. } => json!(device.ipv4()),
            Self::ExpireKey => {
                json!(matches!(device.key_state(Timestamp::now()), super::KeyState::Expired(_)))
            }
            Self::Remove => json!(true),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (field, from, to) = self.facts();
        write!(f, "{field} from {from} to {to}")
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
        let device = preflight::own(self.get(device).await?)?;
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
        let device = preflight::own(self.read(id).await?)?;
        preflight::Preflight::new(self, &list, device).update(update).await
    }

    /// Plans to expire a device's key now: it drops off until somebody logs in on it.
    ///
    /// # Errors
    ///
    /// As [`plan_authorized`](Self::plan_authorized).
    pub async fn plan_expire_key(&self, device: &str) -> Result<Plan> {
        let device = preflight::own(self.get(device).await?)?;
        let warnings = preflight::expiry_warnings(&device);
        Ok(Plan { device, changes: vec![Change::ExpireKey], warnings })
    }

    /// Plans to remove a device for good. A device that was shared in cannot be removed here.
    ///
    /// # Errors
    ///
    /// As [`plan_authorized`](Self::plan_authorized).
    pub async fn plan_remove(&self, device: &str) -> Result<Plan> {
        let device = preflight::own(self.get(device).await?)?;
        let warnings = preflight::removal_warnings(&device);
        Ok(Plan { device, changes: vec![Change::Remove], warnings })
    }

    /// Carries a plan out, and reads the device back. If a change fails, those before it are taken
    /// back, in reverse order.
    ///
    /// # Errors
    ///
    /// What the API said of the change that failed, and what became of the others.
    pub async fn apply(&self, plan: &Plan) -> Result<Applied> {
        if plan.changes.is_empty() {
            return Ok(plan.report(false, None));
        }
        let id = plan.device.key();
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
        let wanted = change.facts().2;
        match (self.read(id).await, change) {
            (Err(gone), Change::Remove) if gone.kind() == ErrorKind::NotFound => Ok(()),
            (Ok(now), change) if *change != Change::Remove => {
                let there = same(&change.seen_in(&now), &wanted);
                if there { Ok(()) } else { Err(error.telling("read back: it was not changed")) }
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

/// Whether the values are the same; the order of tags does not count.
fn same(a: &Value, b: &Value) -> bool {
    let sorted = |it: &Value| {
        let mut items: Vec<String> =
            it.as_array().into_iter().flatten().map(Value::to_string).collect();
        items.sort();
        items
    };
    if a.is_array() && b.is_array() { sorted(a) == sorted(b) } else { a == b }
}
