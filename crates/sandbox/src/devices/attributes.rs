//! Posture attributes: `node:` ones that the device reports, and `custom:` ones set through the API.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::audit::{Event, Target};
use super::super::clock::rfc3339;
use super::super::http::{Call, Failure, Outcome, Reply};
use super::super::state::null_as_default;
use super::device::{Attribute, AttributeValue, Device};
use super::manageable;

/// The largest integer that every JSON parser reads exactly: 2⁵³ − 1.
const MAX_NUMBER: u64 = 9_007_199_254_740_991;

/// Go's zero time, which the official Go client sends for "no expiry".
const NO_EXPIRY: &str = "0001-01-01T00:00:00Z";

/// The spelling and type of each custom attribute. The first write fixes them for the tailnet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct AttributeTypes(HashMap<String, (String, AttributeType)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum AttributeType {
    Text,
    Number,
    Flag,
}

impl AttributeType {
    fn of(value: &AttributeValue) -> Self {
        match value {
            AttributeValue::Text(_) => Self::Text,
            AttributeValue::Number(_) => Self::Number,
            AttributeValue::Flag(_) => Self::Flag,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Number => "number",
            Self::Flag => "boolean",
        }
    }
}

impl AttributeTypes {
    /// Records the spelling and type of an attribute, or fails if they differ from those recorded earlier.
    pub(crate) fn learn(&mut self, key: &str, value: &AttributeValue) -> Result<(), Failure> {
        let written = AttributeType::of(value);
        let known = self.0.entry(key.to_lowercase()).or_insert_with(|| (key.to_owned(), written));
        let (spelling, fixed) = (&known.0, known.1);
        if spelling != key {
            let message = format!("attribute {key:?} differs from {spelling:?} only in case");
            return Err(Failure::bad_request(message));
        }
        if fixed != written {
            let (fixed, written) = (fixed.name(), written.name());
            let message = format!("attribute {key:?} has values of type {fixed}, not {written}");
            return Err(Failure::bad_request(message));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct WantedAttribute {
    #[serde(default)]
    value: Value,
    expiry: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    comment: String,
}

impl WantedAttribute {
    fn checked(&self) -> Result<Attribute, Failure> {
        let expiry = self.expiry.as_deref().filter(|text| !matches!(*text, "" | NO_EXPIRY));
        let expires = match expiry {
            None => None,
            Some(text) => Some(rfc3339(text).ok_or_else(|| {
                Failure::bad_request(format!("invalid expiry {text:?}: not an RFC 3339 time"))
            })?),
        };
        Ok(Attribute { value: checked_value(&self.value)?, expires })
    }
}

fn checked_value(value: &Value) -> Result<AttributeValue, Failure> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    match value {
        Value::Bool(flag) => Ok(AttributeValue::Flag(*flag)),
        Value::String(text) if text.len() > 50 => {
            Err(Failure::bad_request("attribute value is longer than 50 characters"))
        }
        Value::String(text) if !text.chars().all(allowed) => Err(Failure::bad_request(
            "attribute value may only contain letters, numbers, underscores and periods",
        )),
        Value::String(text) => Ok(AttributeValue::Text(text.clone())),
        Value::Number(number) => {
            let integer = number.as_i64().filter(|integer| integer.unsigned_abs() <= MAX_NUMBER);
            integer.map(AttributeValue::Number).ok_or_else(|| {
                Failure::bad_request("attribute value must be an integer of at most 2^53 - 1")
            })
        }
        _ => Err(Failure::bad_request("attribute value must be a string, number or boolean")),
    }
}

fn check_key(key: &str) -> Result<(), Failure> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
    let name = key.strip_prefix("custom:").unwrap_or_default();
    if name.is_empty() {
        return Err(Failure::bad_request("attribute key must be in the custom: namespace"));
    }
    if key.len() > 128 || !key.chars().all(allowed) {
        return Err(Failure::bad_request(
            "attribute key may have 128 letters, numbers, underscores and colons",
        ));
    }
    Ok(())
}

fn check_comment(comment: &str) -> Result<(), Failure> {
    if comment.chars().count() > 200 {
        return Err(Failure::bad_request("comment is longer than 200 characters"));
    }
    Ok(())
}

/// `GET /device/{deviceId}/attributes`.
pub(crate) fn get_attributes(call: &mut Call<'_>) -> Outcome {
    Reply::json(&all_of(call.device()?, call.now))
}

/// `POST /device/{deviceId}/attributes/{attributeKey}`.
pub(crate) fn set_attribute(call: &mut Call<'_>) -> Outcome {
    let key = call.param("attributeKey");
    call.refuse_on_free_plan()?;
    call.manageable()?;
    let wanted: WantedAttribute = call.json()?;
    check_key(&key)?;
    check_comment(&wanted.comment)?;
    let attribute = wanted.checked()?;
    call.state.attribute_types.learn(&key, &attribute.value)?;
    let event = write(call.manageable()?, &key, Some(attribute));
    call.record_all(event.map(|event| event.details(&wanted.comment)).into_iter().collect());
    get_attributes(call)
}

/// `DELETE /device/{deviceId}/attributes/{attributeKey}`: succeeds even if the attribute is not set.
pub(crate) fn delete_attribute(call: &mut Call<'_>) -> Outcome {
    let key = call.param("attributeKey");
    call.manageable()?;
    check_key(&key)?;
    let event = write(call.manageable()?, &key, None);
    call.record_all(event.into_iter().collect());
    Reply::empty_object()
}

#[derive(Deserialize)]
struct Batch {
    #[serde(default, deserialize_with = "null_as_default")]
    nodes: BTreeMap<String, BTreeMap<String, Option<WantedAttribute>>>,
    #[serde(default, deserialize_with = "null_as_default")]
    comment: String,
}

/// `PATCH /tailnet/{tailnet}/device-attributes`: merges attributes into many devices. Nothing is written
/// unless everything is valid.
pub(crate) fn batch_set_attributes(call: &mut Call<'_>) -> Outcome {
    call.refuse_on_free_plan()?;
    let batch: Batch = call.json()?;
    check_comment(&batch.comment)?;
    let mut types = call.state.attribute_types.clone();
    let mut writes = Vec::new();
    for (id, attributes) in &batch.nodes {
        manageable(&mut call.state.devices, id)?;
        for (key, wanted) in attributes {
            check_key(key)?;
            let attribute = wanted.as_ref().map(WantedAttribute::checked).transpose()?;
            if let Some(attribute) = &attribute {
                types.learn(key, &attribute.value)?;
            }
            writes.push((id, key, attribute));
        }
    }
    call.state.attribute_types = types;
    let mut events = Vec::new();
    for (id, key, attribute) in writes {
        let event = write(manageable(&mut call.state.devices, id)?, key, attribute);
        events.extend(event.map(|event| event.details(&batch.comment)));
    }
    call.record_all(events);
    Reply::json(&Value::Null)
}

/// Sets or removes an attribute. Returns the audit event, if anything changed.
fn write(device: &mut Device, key: &str, attribute: Option<Attribute>) -> Option<Event> {
    let target: Target = device.target();
    let new = attribute.as_ref().map(|new| json!({ key: new.value })).unwrap_or_default();
    let old = match attribute {
        Some(attribute) => device.attributes.insert(key.to_owned(), attribute),
        None => Some(device.attributes.remove(key)?),
    };
    let action = match (&old, new.is_null()) {
        (None, _) => "CREATE",
        (Some(_), false) => "UPDATE",
        (Some(_), true) => "DELETE",
    };
    let old = old.map(|old| json!({ key: old.value })).unwrap_or_default();
    Some(Event::new(action, target).property("ATTRIBUTES", old, new))
}

/// All posture attributes of a device and their expiries, without expired ones.
fn all_of(device: &Device, now: Timestamp) -> Value {
    let mut attributes = reported(device);
    let mut expiries = Map::new();
    let live = |attribute: &Attribute| attribute.expires.is_none_or(|expires| expires > now);
    for (key, attribute) in device.attributes.iter().filter(|(_, attribute)| live(attribute)) {
        attributes.insert(key.clone(), json!(attribute.value));
        if let Some(expires) = attribute.expires {
            expiries.insert(key.clone(), json!(expires));
        }
    }
    json!({ "attributes": attributes, "expiries": expiries })
}

fn reported(device: &Device) -> Map<String, Value> {
    let mut attributes = Map::new();
    if device.is_external {
        return attributes;
    }
    let hardware = &device.hardware;
    let version = hardware.client_version.split('-').next().unwrap_or_default();
    let encrypted = matches!(&*hardware.os, "macOS" | "iOS" | "windows");
    let mut report = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
    report("node:os", json!(hardware.os));
    report("node:osVersion", json!(hardware.os_version));
    report("node:tsAutoUpdate", json!(!hardware.update_available));
    report("node:tsReleaseTrack", json!("stable"));
    report("node:tsStateEncrypted", json!(encrypted));
    report("node:tsVersion", json!(version));
    attributes
}
