//! `list_devices`.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

use super::duration;
use crate::{
    Error, Operation, Tailnet,
    client::Result,
    tailnet::devices::{Device, Filter, KeyState, Order, device::relative, filter::sort},
    tool::Query,
};

/// Devices on a page unless asked otherwise.
const PAGE_SIZE: usize = 30;
/// Devices on the largest page.
const LARGEST_PAGE: usize = 500;
/// The most that a page may weigh, in bytes of JSON; what is left comes on the next.
const MAX_PAGE_BYTES: usize = 48_000;

/// Fields of a device, as the API names them.
const FIELDS: [&str; 31] = [
    "addresses",
    "advertisedRoutes",
    "authorized",
    "blocksIncomingConnections",
    "clientConnectivity",
    "clientVersion",
    "connectedToControl",
    "created",
    "distro",
    "enabledRoutes",
    "expires",
    "hostname",
    "id",
    "isEphemeral",
    "isExternal",
    "keyExpiryDisabled",
    "lastSeen",
    "machineKey",
    "multipleConnections",
    "name",
    "nodeId",
    "nodeKey",
    "os",
    "postureIdentity",
    "sshEnabled",
    "tags",
    "tailnetLockError",
    "tailnetLockKey",
    "updateAvailable",
    "user",
    "all",
];

/// List devices, filtered and sorted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListDevices {
    /// Part of the name.
    name: Option<String>,
    /// Connected now.
    online: Option<bool>,
    /// Approved.
    authorized: Option<bool>,
    /// As `linux`.
    os: Option<String>,
    /// Part of the login name.
    user: Option<String>,
    /// All of these.
    tags: Vec<String>,
    /// One of these.
    tags_any: Vec<String>,
    /// This version or later.
    version_from: Option<String>,
    /// An earlier version.
    version_below: Option<String>,
    /// Routes subnets.
    subnet_router: Option<bool>,
    /// Or offers to be.
    exit_node: Option<bool>,
    /// Shared in.
    external: Option<bool>,
    /// Ephemeral.
    ephemeral: Option<bool>,
    /// Of its client.
    update_available: Option<bool>,
    /// As `7d`, or expired.
    key_expires_within: Option<String>,
    /// As `30d`.
    silent_for: Option<String>,
    /// Order.
    sort: Order,
    /// Reversed.
    descending: bool,
    /// API fields to show, or `all`.
    fields: Vec<String>,
    /// Up to 500; usually 30.
    limit: Option<usize>,
    /// From `next`.
    cursor: Option<String>,
}

/// A page of devices.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    /// Devices in the tailnet.
    total: usize,
    /// Devices that the filters take.
    matching: usize,
    /// Devices on this page.
    shown: usize,
    devices: Vec<Box<RawValue>>,
    /// What to give as `cursor` for the page after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What people ask about first.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [String],
    seen: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'static str>,
}

impl Query for ListDevices {
    const NAME: &'static str = "list_devices";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetDevices];
    type Output = Page;

    async fn call(self, tailnet: &Tailnet) -> Result<Page> {
        let filter = self.filter()?;
        self.check()?;
        let devices = tailnet.devices().list().await?;
        self.check_fields(&devices)?;
        let now = Timestamp::now();
        let mut taken: Vec<&Device> = devices.iter().filter(|it| filter.takes(it, now)).collect();
        sort(&mut taken, self.sort, self.descending, now);
        self.page(devices.len(), &taken, now)
    }
}

impl ListDevices {
    fn filter(&self) -> Result<Filter> {
        let version = |field: &str, text: &Option<String>| {
            let parsed = text.as_ref().map(|it| it.parse()).transpose();
            parsed.map_err(|_| Error::invalid_input(field, "must be a version such as `1.82.0`"))
        };
        let length = |field: &str, text: &Option<String>| {
            text.as_ref().map(|it| duration(field, it)).transpose()
        };
        Ok(Filter {
            name: self.name.clone(),
            online: self.online,
            authorized: self.authorized,
            os: self.os.clone(),
            user: self.user.clone(),
            all_tags: self.tags.clone(),
            any_tags: self.tags_any.clone(),
            version_from: version("version_from", &self.version_from)?,
            version_below: version("version_below", &self.version_below)?,
            subnet_router: self.subnet_router,
            exit_node: self.exit_node,
            external: self.external,
            ephemeral: self.ephemeral,
            update_available: self.update_available,
            key_expires_within: length("key_expires_within", &self.key_expires_within)?,
            silent_for: length("silent_for", &self.silent_for)?,
        })
    }

    fn check(&self) -> Result<()> {
        if self.limit.is_some_and(|it| it == 0 || it > LARGEST_PAGE) {
            return Err(Error::invalid_input(
                "limit",
                format!("must be between 1 and {LARGEST_PAGE}"),
            ));
        }
        if let Some(tag) = self.tags.iter().chain(&self.tags_any).find(|it| !it.starts_with("tag:"))
        {
            return Err(Error::invalid_input(
                "tags",
                format!("has `{tag}`; write it as `tag:{tag}`"),
            ));
        }
        Ok(())
    }

    /// Checks that there is every field that was asked for. The API may have more than we know.
    fn check_fields(&self, devices: &[Device]) -> Result<()> {
        let known = |field: &str| {
            FIELDS.contains(&field) || devices.iter().any(|it| it.extra.contains_key(field))
        };
        match self.fields.iter().find(|it| !known(it)) {
            Some(field) => Err(Error::invalid_input(
                "fields",
                format!("has `{field}`; there is {}", FIELDS.join(", ")),
            )),
            None => Ok(()),
        }
    }

    fn page(&self, total: usize, taken: &[&Device], now: Timestamp) -> Result<Page> {
        let start = self.start(taken)?;
        let limit = self.limit.unwrap_or(PAGE_SIZE);
        let mut devices = Vec::new();
        let mut weight = 0;
        for device in taken.iter().skip(start).take(limit) {
            let row = self.row(device, now)?;
            weight += row.get().len();
            // One device is always shown, however heavy.
            if weight > MAX_PAGE_BYTES && !devices.is_empty() {
                break;
            }
            devices.push(row);
        }
        let end = start + devices.len();
        let last = taken.get(end.saturating_sub(1)).filter(|_| end < taken.len());
        let next = last.map(|it| format!("{end}-{:x}-{}", self.fingerprint(), it.key()));
        Ok(Page { total, matching: taken.len(), shown: devices.len(), devices, next })
    }

    /// Where the page starts: behind the last device of the page before, wherever that is by now.
    fn start(&self, taken: &[&Device]) -> Result<usize> {
        let Some(cursor) = &self.cursor else { return Ok(0) };
        let mut parts = cursor.splitn(3, '-');
        let offset = parts.next().and_then(|it| it.parse::<usize>().ok());
        let fingerprint = parts.next().and_then(|it| u32::from_str_radix(it, 16).ok());
        let (Some(offset), Some(fingerprint), Some(id)) = (offset, fingerprint, parts.next())
        else {
            return Err(Error::invalid_input("cursor", "must be the `next` of the page before"));
        };
        if fingerprint != self.fingerprint() {
            return Err(Error::invalid_input(
                "cursor",
                "is from a list with other filters or another order; start anew without it",
            ));
        }
        // If it is gone, those behind it have moved up: one shown twice is better than one lost.
        let found = taken.iter().position(|it| !id.is_empty() && it.key() == id);
        let gone = if id.is_empty() { offset } else { offset.saturating_sub(1) };
        Ok(found.map_or(gone, |it| it + 1))
    }

    /// What tells lists apart whose pages do not fit together.
    fn fingerprint(&self) -> u32 {
        let mut hasher = DefaultHasher::new();
        format!("{:?} {:?} {}", self.filter().ok(), self.sort, self.descending).hash(&mut hasher);
        // Half of it is plenty, and shorter.
        (hasher.finish() >> 32) as u32
    }

    /// One device, written out: its weight is known before it goes on the page.
    fn row(&self, device: &Device, now: Timestamp) -> Result<Box<RawValue>> {
        let written = if self.fields.is_empty() {
            to_raw_value(&Row::of(device, now))
        } else if self.fields.iter().any(|it| it == "all") {
            to_raw_value(device)
        } else {
            self.chosen(device).and_then(|it| to_raw_value(&it))
        };
        written.map_err(|error| Error::invalid_input("fields", error.to_string()))
    }

    /// The fields that were asked for, and the name.
    fn chosen(&self, device: &Device) -> serde_json::Result<Map<String, Value>> {
        let all = match serde_json::to_value(device)? {
            Value::Object(all) => all,
            _ => Map::default(),
        };
        let wanted = |name: &String| name == "name" || self.fields.contains(name);
        Ok(all.into_iter().filter(|(name, _)| wanted(name)).collect())
    }
}

impl<'a> Row<'a> {
    fn of(device: &'a Device, now: Timestamp) -> Self {
        let seen = match device.seen(now) {
            Some(_) if device.is_online() => "online".to_owned(),
            Some(then) => relative(then, now),
            None => "unknown".to_owned(),
        };
        let text = |it: &'a Option<String>| it.as_deref().filter(|it| !it.is_empty());
        Self {
            name: device.short_name(),
            ip: device.ipv4(),
            os: text(&device.os),
            // A device with tags has no user.
            user: text(&device.user).filter(|_| device.tags().is_empty()),
            tags: device.tags(),
            seen,
            notes: notes(device, now),
        }
    }
}

fn notes(device: &Device, now: Timestamp) -> Vec<&'static str> {
    let expired = matches!(device.key_state(now), KeyState::Expired(_));
    let all = [
        (!device.is_authorized(), "waits for approval"),
        (expired, "key expired"),
        (device.is_shared_in(), "shared in"),
        (device.is_ephemeral.unwrap_or_default(), "ephemeral"),
        (device.is_exit_node(), "exit node"),
        (device.is_subnet_router(), "subnet router"),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note).collect()
}
