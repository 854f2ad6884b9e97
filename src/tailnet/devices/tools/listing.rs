//! `list_devices`.

use std::sync::LazyLock;

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
    tailnet::devices::{
        Device, Filter, KeyState, Order, device::relative, export::FIELDS, filter::sort,
        name::with_prefix,
    },
    tool::{self, List, Page, PageSize, Part},
    wire,
};

/// List devices: all, or offline, outdated, tagged, shared in, ephemeral, Macs, behind hard NAT,
/// with key expiry disabled, added lately, or that wait for approval.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ListDevices {
    /// Part of the device name.
    name: Option<String>,
    /// Only connected devices; false for disconnected.
    online: Option<bool>,
    /// Only approved devices; false for unapproved.
    authorized: Option<bool>,
    /// Operating system, such as `linux`.
    os: Option<String>,
    /// Part of the owner's login name.
    user: Option<String>,
    /// Devices with all of these tags.
    tags: Vec<String>,
    /// Devices with at least one of these tags.
    tags_any: Vec<String>,
    /// Only clients of this version or later.
    version_from: Option<String>,
    /// Only clients older than this version.
    version_below: Option<String>,
    /// Only subnet routers; false for others.
    subnet_router: Option<bool>,
    /// Only exit nodes, advertised or approved.
    exit_node: Option<bool>,
    /// Only shared-in devices; false for others.
    external: Option<bool>,
    /// Only ephemeral devices; false for others.
    ephemeral: Option<bool>,
    /// Only devices with an available update; false for others.
    update_available: Option<bool>,
    /// Only devices whose key expires within this time, such as `7d`, or has expired.
    key_expires_within: Option<String>,
    /// Only devices not seen for this long, such as `30d`.
    silent_for: Option<String>,
    /// Only devices added within this time, such as `7d`.
    joined_within: Option<String>,
    /// Only devices whose key expiry is disabled, or enabled.
    key_expiry_disabled: Option<bool>,
    /// Only devices behind hard NAT, or not.
    hard_nat: Option<bool>,
    /// Only tagged devices, or only those of users.
    tagged: Option<bool>,
    /// Order of the list.
    sort: Order,
    /// Sort in reverse order.
    descending: bool,
    /// API fields to show, or `all`.
    fields: Vec<String>,
}

/// A device in the list.
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
    /// Shown if the list is filtered or sorted by it, as are the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    joined: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_expires: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'static str>,
}

impl List for ListDevices {
    const NAME: &'static str = "list_devices";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetDevices];
    const PAGE: PageSize = PageSize { usual: 30, max: 500 };
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        let filter = self.filter()?;
        let devices = tailnet.devices().list().await?;
        filter.check(&devices)?;
        self.check_fields(&devices)?;
        let now = Timestamp::now();
        let mut taken: Vec<&Device> = devices.iter().filter(|it| filter.takes(it, now)).collect();
        sort(&mut taken, self.sort, self.descending, now);
        let row = |device: &&Device| self.row(device, now);
        let page = Page::keyed("devices", &taken, &part, |device| device.key(), row)?;
        let shared_in = devices.iter().filter(|device| device.is_shared_in()).count();
        Ok(page.out_of(devices.len() - shared_in).counting("shared_in", shared_in))
    }
}

/// The parameters of `list_devices` that are no filters.
const NO_FILTERS: [&str; 3] = ["sort", "descending", "fields"];

/// The filter of `list_devices` with these arguments.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an argument that is no filter.
pub(crate) fn filter_of(arguments: Value) -> Result<Filter> {
    static FILTERS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let mut all = tool::parameters::<ListDevices>();
        all.retain(|it| !NO_FILTERS.contains(&it.as_str()));
        all
    });
    let mut given = arguments.as_object().into_iter().flat_map(Map::keys);
    if let Some(other) = given.find(|it| !FILTERS.contains(it)) {
        let should = format!("is no filter; filters are {}", FILTERS.join(", "));
        return Err(Error::invalid_input(other, should));
    }
    tool::input::<ListDevices>(arguments)?.filter()
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
            all_tags: self.tags.iter().map(|tag| with_prefix(tag)).collect(),
            any_tags: self.tags_any.iter().map(|tag| with_prefix(tag)).collect(),
            version_from: version("version_from", &self.version_from)?,
            version_below: version("version_below", &self.version_below)?,
            subnet_router: self.subnet_router,
            exit_node: self.exit_node,
            external: self.external,
            ephemeral: self.ephemeral,
            update_available: self.update_available,
            key_expires_within: length("key_expires_within", &self.key_expires_within)?,
            silent_for: length("silent_for", &self.silent_for)?,
            joined_within: length("joined_within", &self.joined_within)?,
            key_expiry_disabled: self.key_expiry_disabled,
            hard_nat: self.hard_nat,
            tagged: self.tagged,
        })
    }

    /// Checks that all requested fields exist. The API may return fields that are not in `FIELDS`.
    fn check_fields(&self, devices: &[Device]) -> Result<()> {
        let known = |field: &str| {
            field == "all"
                || FIELDS.contains(&field)
                || devices.iter().any(|it| it.extra.contains_key(field))
        };
        match self.fields.iter().find(|it| !known(it)) {
            Some(field) => Err(Error::invalid_input(
                "fields",
                format!(
                    "has the unknown field `{field}`; known fields: {}, all",
                    FIELDS.join(", ")
                ),
            )),
            None => Ok(()),
        }
    }

    /// Serializes one device, so that its size is known before it goes on the page.
    fn row(&self, device: &Device, now: Timestamp) -> Result<Box<RawValue>> {
        let written = if self.fields.is_empty() {
            to_raw_value(&self.with_columns(Row::of(device, now), device, now))
        } else if self.fields.iter().any(|it| it == "all") {
            to_raw_value(device)
        } else {
            self.chosen(device).and_then(|it| to_raw_value(&it))
        };
        written.map_err(|error| Error::invalid_input("fields", error.to_string()))
    }

    /// The row, with what the list is filtered or sorted by.
    fn with_columns<'a>(&self, mut row: Row<'a>, device: &'a Device, now: Timestamp) -> Row<'a> {
        let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
        let by_version = self.version_from.is_some() || self.version_below.is_some();
        if by_version || self.update_available.is_some() || self.sort == Order::Version {
            row.version = device.client_version.as_deref().filter(|it| !it.is_empty());
        }
        if self.joined_within.is_some() || self.sort == Order::Created {
            let joined = device.created.as_ref().and_then(wire::Timestamp::instant);
            row.joined = Some(joined.map_or_else(|| "unknown".to_owned(), day));
        }
        let by_key = self.key_expires_within.is_some() || self.key_expiry_disabled.is_some();
        if by_key || self.sort == Order::KeyExpiry {
            row.key_expires = Some(match device.key_state(now) {
                KeyState::Until(at) | KeyState::Expired(at) => day(at),
                KeyState::Unlimited => "never".to_owned(),
                KeyState::Unknown => "unknown".to_owned(),
            });
        }
        row
    }

    /// The requested fields of a device, and its name.
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
            // A tagged device has no user.
            user: text(&device.user).filter(|_| device.tags().is_empty()),
            tags: device.tags(),
            seen,
            version: None,
            joined: None,
            key_expires: None,
            notes: notes(device, now),
        }
    }
}

fn notes(device: &Device, now: Timestamp) -> Vec<&'static str> {
    let expired = matches!(device.key_state(now), KeyState::Expired(_));
    let all = [
        (!device.is_authorized(), "needs approval"),
        (expired, "key expired"),
        (device.is_shared_in(), "shared in"),
        (device.is_ephemeral.unwrap_or_default(), "ephemeral"),
        (device.is_exit_node(), "exit node"),
        (device.is_subnet_router(), "subnet router"),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note).collect()
}
