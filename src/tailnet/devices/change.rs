//! The fields of a device that plans can change, and the API calls that change them.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Device, attributes};
use crate::{
    Error, ErrorKind, Tailnet,
    change::{Change, Compare, Fields, Subject, Write, Written, same},
    client::Result,
    words::listed,
};

const AUTHORIZED: &str = "authorized";
const NAME: &str = "name";
const TAGS: &str = "tags";
const KEY_EXPIRES: &str = "key_expires";
const IPV4: &str = "ipv4";
const ENABLED_ROUTES: &str = "enabled_routes";
const KEY_EXPIRED: &str = "key_expired";
const IN_TAILNET: &str = "in_tailnet";

/// Approves or deauthorizes the device.
pub(super) fn authorized(from: bool, to: bool) -> Change {
    Change::new(AUTHORIZED, from, to)
}

/// Changes the short name; an empty `to` uses the OS hostname.
pub(super) fn name(from: &str, to: &str) -> Change {
    Change::new(NAME, from, to)
}

/// Replaces all tags. Adding the first tag to a user's device is irreversible.
pub(crate) fn tags(from: Vec<String>, to: Vec<String>) -> Change {
    let first = from.is_empty();
    let change = Change::new(TAGS, from, to);
    if first { change.irreversible() } else { change }
}

/// Turns key expiry on or off.
pub(super) fn key_expires(from: bool, to: bool) -> Change {
    Change::new(KEY_EXPIRES, from, to)
}

/// Changes the IPv4 address.
pub(super) fn ipv4(from: &str, to: &str) -> Change {
    Change::new(IPV4, from, to)
}

/// Replaces all enabled routes.
pub(crate) fn enabled_routes(from: Vec<String>, to: Vec<String>) -> Change {
    Change::new(ENABLED_ROUTES, from, to)
}

/// Expires the node key now.
pub(super) fn expire_key() -> Change {
    Change::new(KEY_EXPIRED, false, true).irreversible()
}

/// Removes the device from the tailnet.
pub(super) fn remove() -> Change {
    Change::new(IN_TAILNET, true, false).irreversible()
}

/// Changes of devices and of their posture attributes.
#[derive(Debug)]
pub(crate) struct Devices;

#[async_trait]
impl Subject for Devices {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    async fn read(&self, tailnet: &Tailnet, id: &str, fields: &[&str]) -> Result<Fields> {
        look(tailnet, id, fields).await
    }

    async fn describe(&self, tailnet: &Tailnet, id: &str) -> Result<String> {
        // What was planned was planned from this list, which is still in memory.
        let list = tailnet.devices().list().await?;
        let device =
            list.iter().find(|device| device.key() == id || device.id.as_deref() == Some(id));
        Ok(device.map(|device| recognised(device, Timestamp::now())).unwrap_or_default())
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        send(tailnet, write.id, write.change).await?;
        Ok(Written::default())
    }

    fn compare(&self) -> &dyn Compare {
        self
    }
}

/// What a person recognises a device by: its address, operating system, tags or owner, and whether it is
/// connected. The day it was last seen, since a time would be another one at every look.
fn recognised(device: &Device, now: Timestamp) -> String {
    let seen = if device.is_online() {
        "connected".to_owned()
    } else {
        let seen = device.seen(now).map(|seen| seen.strftime("last seen %Y-%m-%d").to_string());
        seen.unwrap_or_else(|| "never seen".to_owned())
    };
    let owner = match device.tags() {
        [] => device.user.clone().unwrap_or_default(),
        tags => tags.join(" "),
    };
    let address = device.ipv4().or_else(|| device.addresses().first().map(String::as_str));
    let os = device.os.as_deref().unwrap_or_default();
    listed([address.unwrap_or_default(), os, &owner, &seen])
}

impl Compare for Devices {
    fn verb(&self, change: &Change) -> Option<&'static str> {
        match (change.field.as_str(), change.to.as_bool()) {
            (IN_TAILNET, Some(false)) => Some("Remove"),
            (KEY_EXPIRED, Some(true)) => Some("Expire the key of"),
            (AUTHORIZED, Some(true)) => Some("Approve"),
            (AUTHORIZED, Some(false)) => Some("Deauthorize"),
            _ => None,
        }
    }

    fn reached(&self, change: &Change, now: &Value) -> bool {
        // With an empty name, the server chooses one: any other name than before is right.
        let chosen = change.field == NAME && change.to == "";
        if chosen { *now != change.from } else { same(now, &change.to) }
    }
}

async fn look(tailnet: &Tailnet, id: &str, fields: &[&str]) -> Result<Fields> {
    let devices = tailnet.devices();
    let mut now = Fields::new();
    if fields.iter().any(|it| !attributes::is_custom(it)) {
        match devices.read(id).await {
            Ok(device) => fields.iter().for_each(|field| {
                now.insert((*field).to_owned(), seen(&device, field));
            }),
            Err(gone) if gone.kind() == ErrorKind::NotFound && fields == [IN_TAILNET] => {
                now.insert(IN_TAILNET.to_owned(), json!(false));
            }
            Err(error) => return Err(error),
        }
    }
    if fields.iter().any(|it| attributes::is_custom(it)) {
        let mut read = devices.attributes_of(id, "").await?;
        for field in fields.iter().filter(|it| attributes::is_custom(it)) {
            now.insert((*field).to_owned(), read.take(field));
        }
    }
    Ok(now)
}

/// The current value of a field of `device`.
fn seen(device: &Device, field: &str) -> Value {
    match field {
        AUTHORIZED => json!(device.is_authorized()),
        NAME => json!(device.short_name()),
        TAGS => json!(device.tags()),
        KEY_EXPIRES => json!(!device.key_expiry_disabled.unwrap_or_default()),
        IPV4 => json!(device.ipv4().unwrap_or_default()),
        ENABLED_ROUTES => json!(device.enabled_routes.as_deref().unwrap_or_default()),
        // The server's clock may be slightly ahead of this machine's.
        KEY_EXPIRED => {
            let soon = Timestamp::now() + SignedDuration::from_mins(1);
            json!(matches!(device.key_state(soon), super::KeyState::Expired(_)))
        }
        IN_TAILNET => json!(true),
        _ => Value::Null,
    }
}

async fn send(tailnet: &Tailnet, id: &str, change: &Change) -> Result<()> {
    let api = tailnet.api()?;
    match change.field.as_str() {
        AUTHORIZED => {
            let to: bool = wanted(change)?;
            let request = api.authorize_device().device_id(id).body_map(|it| it.authorized(to));
            request.send().await.map(drop)
        }
        NAME => {
            let to: String = wanted(change)?;
            let request = api.set_device_name().device_id(id).body_map(|it| it.name(to));
            request.send().await.map(drop)
        }
        TAGS => {
            let to: Vec<String> = wanted(change)?;
            let request = api.set_device_tags().device_id(id).body_map(|it| it.tags(to));
            request.send().await.map(drop)
        }
        KEY_EXPIRES => {
            let to: bool = wanted(change)?;
            let request = api.update_device_key().device_id(id);
            let request = request.body_map(|it| it.key_expiry_disabled(!to));
            request.send().await.map(drop)
        }
        IPV4 => {
            let to: String = wanted(change)?;
            let request = api.set_device_ip().device_id(id).body_map(|it| it.ipv4(to));
            request.send().await.map(drop)
        }
        ENABLED_ROUTES => {
            let to: Vec<String> = wanted(change)?;
            let request = api.set_device_routes().device_id(id).body_map(|it| it.routes(to));
            request.send().await.map(drop)
        }
        KEY_EXPIRED => api.expire_device_key().device_id(id).send().await.map(drop),
        IN_TAILNET => api.delete_device().device_id(id).send().await.map(drop),
        field if attributes::is_custom(field) => {
            tailnet.devices().write_attribute(id, change).await
        }
        field => Err(Error::invalid_input(field, "is not a writable field of a device")),
    }
}

/// The new value of a change, parsed. It may come from a journal, so its type is not certain.
pub(super) fn wanted<T: DeserializeOwned>(change: &Change) -> Result<T> {
    serde_json::from_value(change.to.clone()).map_err(|error| {
        Error::invalid_input(&change.field, format!("has an invalid value: {error}"))
    })
}
