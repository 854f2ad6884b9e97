//! What one look at a tailnet saw, read from the API's answer without keeping more than is compared.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use super::{Connection, Field, Seconds};
use crate::client::call::is_empty;

/// The start of Go's zero time, which stands for none.
const ZERO: &str = "0001-01-01";

/// Things of one kind, as the API listed them.
#[derive(Debug, Default)]
pub struct Look<'a> {
    /// What was seen.
    pub seen: Vec<Sighting<'a>>,
    /// Whether the answer had the fields that only a full list of devices has.
    pub has_all_fields: bool,
    /// How many records had no ID, so that nothing can be remembered of them.
    pub without_id: usize,
}

/// One thing, as it was seen.
#[derive(Debug, Clone, Default)]
pub struct Sighting<'a> {
    /// Its ID.
    pub key: Cow<'a, str>,
    /// What people call it.
    pub name: Cow<'a, str>,
    /// When it was made.
    pub created: Option<Seconds>,
    /// Whether a device is connected, and when it was last, in seconds since 1970.
    pub connection: Option<(Connection, Option<Seconds>)>,
    /// Its fields that are not false, absent or empty, in the order of their numbers.
    pub values: Vec<(Field, Cow<'a, str>)>,
}

impl Sighting<'_> {
    fn into_owned(self) -> Sighting<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Sighting {
            key: owned(self.key),
            name: owned(self.name),
            created: self.created,
            connection: self.connection,
            values: self.values.into_iter().map(|(field, it)| (field, owned(it))).collect(),
        }
    }
}

/// A text of the answer. As a type of its own, so that serde borrows it within an option.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The fields of a device that are compared.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    node_id: Option<Text<'a>>,
    #[serde(borrow)]
    user: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    hostname: Option<Text<'a>>,
    #[serde(borrow)]
    client_version: Option<Text<'a>>,
    update_available: Option<bool>,
    #[serde(borrow)]
    os: Option<Text<'a>>,
    #[serde(borrow)]
    created: Option<Text<'a>>,
    connected_to_control: Option<bool>,
    #[serde(borrow)]
    last_seen: Option<Text<'a>>,
    key_expiry_disabled: Option<bool>,
    #[serde(borrow)]
    expires: Option<Text<'a>>,
    authorized: Option<bool>,
    is_external: Option<bool>,
    multiple_connections: Option<bool>,
    #[serde(borrow)]
    enabled_routes: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    advertised_routes: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    client_connectivity: Option<Connectivity<'a>>,
    #[serde(borrow)]
    tags: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    tailnet_lock_error: Option<Text<'a>>,
    ssh_enabled: Option<bool>,
    is_ephemeral: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Connectivity<'a> {
    #[serde(rename = "mappingVariesByDestIP")]
    mapping_varies_by_dest_ip: Option<bool>,
    client_supports: Option<Supports>,
    #[serde(borrow)]
    latency: Option<Preferred<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Supports {
    udp: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Latency {
    preferred: Option<bool>,
}

/// The preferred one of the regions to which a latency was measured. The others are not kept.
#[derive(Debug, Default)]
struct Preferred<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Preferred<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Regions)
    }
}

struct Regions;

impl<'de> Visitor<'de> for Regions {
    type Value = Preferred<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("latencies by region")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut regions: A) -> Result<Self::Value, A::Error> {
        let mut preferred = None;
        while let Some((region, latency)) = regions.next_entry::<Text<'de>, Latency>()? {
            if latency.preferred == Some(true) {
                preferred = Some(region.0);
            }
        }
        Ok(Preferred(preferred))
    }
}

/// The list as it should be.
#[derive(Deserialize)]
struct Records<'a> {
    #[serde(borrow, default)]
    devices: Option<Vec<Record<'a>>>,
}

/// The list if a record is odd: each by itself.
#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow, default)]
    devices: Option<Vec<&'a RawValue>>,
}

impl<'a> Look<'a> {
    /// Reads a list of devices. A field that does not have its documented type counts as absent; the device
    /// is never left out for it.
    ///
    /// # Errors
    ///
    /// If the answer is not a list of devices.
    pub fn devices(body: &'a [u8], has_all_fields: bool) -> serde_json::Result<Self> {
        let mut look = Self { has_all_fields, ..Self::default() };
        if let Ok(Records { devices }) = serde_json::from_slice(body) {
            let records = devices.unwrap_or_default();
            look.seen.reserve_exact(records.len());
            for record in records {
                look.add(sighting(record, has_all_fields));
            }
            return Ok(look);
        }
        let list: List<'a> = serde_json::from_slice(body)?;
        for raw in list.devices.unwrap_or_default() {
            look.add(match serde_json::from_str(raw.get()) {
                Ok(record) => sighting(record, has_all_fields),
                Err(_) => tolerant(raw, has_all_fields),
            });
        }
        Ok(look)
    }

    fn add(&mut self, seen: Option<Sighting<'a>>) {
        match seen {
            Some(it) => self.seen.push(it),
            None => self.without_id += 1,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

/// Reads a record with odd values, each field by itself: one that does not fit counts as absent.
fn tolerant(raw: &RawValue, has_all_fields: bool) -> Option<Sighting<'static>> {
    let fields: Map<String, Value> = serde_json::from_str(raw.get()).unwrap_or_default();
    let fits = |(name, value): &(String, Value)| {
        let one = Value::Object([(name.clone(), value.clone())].into_iter().collect());
        Record::deserialize(&one).is_ok()
    };
    let (fields, odd): (Map<_, _>, Map<_, _>) = fields.into_iter().partition(fits);
    let fields = Value::Object(fields);
    let record = Record::deserialize(&fields).unwrap_or_default();
    let mut seen = sighting(record, has_all_fields)?.into_owned();
    // A time that cannot be read is no sign that it never connected.
    let odd = |name: &str| odd.get(name).is_some_and(|it| !is_empty(it));
    if matches!(seen.connection, Some((Connection::Never, _)))
        && (odd("lastSeen") || odd("connectedToControl"))
    {
        seen.connection = Some((Connection::Undated, None));
    }
    Some(seen)
}

fn sighting(record: Record<'_>, has_all_fields: bool) -> Option<Sighting<'_>> {
    let key = record.node_id.filter(|it| !it.0.is_empty()).or(record.id)?.0;
    if key.is_empty() {
        return None;
    }
    let (name, hostname) = (text(record.name), text(record.hostname));
    let told = record.last_seen.filter(|it| !it.0.is_empty());
    let last_seen = told.as_ref().and_then(|it| seconds(&it.0));
    let connection = match (record.connected_to_control, last_seen) {
        (Some(true), _) => (Connection::Up, None),
        (_, Some(at)) => (Connection::Down, Some(at)),
        // A time that cannot be read.
        _ if told.is_some_and(|it| !it.0.starts_with(ZERO)) => (Connection::Undated, None),
        // Of devices shared in, the API does not tell when they were seen.
        _ if record.is_external == Some(true) => (Connection::Undated, None),
        _ => (Connection::Never, None),
    };
    let (nat, udp, region) = connectivity(record.client_connectivity);
    let all = [
        (Field::WAITING, flag(record.authorized == Some(false))),
        (Field::CLIENT_VERSION, text(record.client_version)),
        (Field::UPDATE_AVAILABLE, flag(record.update_available == Some(true))),
        (Field::EXPIRES, text(record.expires)),
        (Field::KEY_EXPIRY_DISABLED, flag(record.key_expiry_disabled == Some(true))),
        (Field::TAGS, list(record.tags)),
        (Field::ENABLED_ROUTES, list(record.enabled_routes)),
        (Field::ADVERTISED_ROUTES, list(record.advertised_routes)),
        (Field::NAME, name.clone()),
        (Field::HOSTNAME, hostname.clone()),
        (Field::USER, text(record.user)),
        (Field::OS, text(record.os)),
        (Field::LOCK_ERROR, text(record.tailnet_lock_error)),
        (Field::MULTIPLE_CONNECTIONS, flag(record.multiple_connections == Some(true))),
        (Field::SSH_ENABLED, flag(record.ssh_enabled == Some(true))),
        (Field::HOME_REGION, region),
        (Field::HARD_NAT, nat),
        (Field::UDP, udp),
        (Field::IS_EXTERNAL, flag(record.is_external == Some(true))),
        (Field::IS_EPHEMERAL, flag(record.is_ephemeral == Some(true))),
    ];
    let said = |it: &(Field, Cow<'_, str>)| {
        !it.1.is_empty() && (has_all_fields || !it.0.needs_all_fields())
    };
    let values = all.into_iter().filter(said).collect();
    Some(Sighting {
        key,
        name: if name.is_empty() { hostname } else { name },
        created: record.created.and_then(|it| seconds(&it.0)),
        connection: Some(connection),
        values,
    })
}

fn text(text: Option<Text<'_>>) -> Cow<'_, str> {
    text.map(|it| it.0).unwrap_or_default()
}

/// `1`, or nothing if it is false.
fn flag(is: bool) -> Cow<'static, str> {
    Cow::Borrowed(if is { "1" } else { "" })
}

/// `1` or `0`, or nothing if it is unknown.
fn known_flag(is: Option<bool>) -> Cow<'static, str> {
    Cow::Borrowed(is.map_or("", |is| if is { "1" } else { "0" }))
}

/// The items in one text, in an order of their own, because the API may change its order.
fn list(items: Option<Vec<Text<'_>>>) -> Cow<'_, str> {
    let mut items: Vec<Cow<'_, str>> =
        items.unwrap_or_default().into_iter().map(|it| it.0).collect();
    match items.len() {
        0 => Cow::Borrowed(""),
        1 => items.remove(0),
        _ => {
            items.sort_unstable();
            Cow::Owned(items.join(","))
        }
    }
}

/// Whether the NAT is hard, whether UDP works, and the region that it prefers, as it last reported.
fn connectivity(
    reported: Option<Connectivity<'_>>,
) -> (Cow<'static, str>, Cow<'static, str>, Cow<'_, str>) {
    let Some(reported) = reported else { return Default::default() };
    let udp = reported.client_supports.and_then(|it| it.udp);
    let region = reported.latency.unwrap_or_default().0;
    (known_flag(reported.mapping_varies_by_dest_ip), known_flag(udp), region.unwrap_or_default())
}

/// The second of a time in RFC 3339; none for text that is not one, and for the year 1, Go's zero time.
pub(super) fn seconds(text: &str) -> Option<Seconds> {
    let is_zero = text.starts_with(ZERO);
    text.parse::<Timestamp>().ok().filter(|_| !is_zero).map(Timestamp::as_second)
}
