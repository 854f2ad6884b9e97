//! Posture attributes of devices, which postures in the policy file can check.

use std::{collections::BTreeMap, fmt};

use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Device, Devices, change, find, preflight};
use crate::{
    Error,
    change::{Change, Item, OnFailure, Plan},
    client::Result,
    wire,
};

/// The prefix of attributes that the API can write.
const CUSTOM: &str = "custom:";
/// The maximum length of an attribute's name, prefix included.
const MAX_KEY_LENGTH: usize = 128;
/// The maximum length of a text value.
const MAX_TEXT_LENGTH: usize = 50;
/// The maximum length of the comment for the audit log.
const MAX_COMMENT_LENGTH: usize = 200;
/// The largest integer that a JSON number (a double) holds exactly, positive or negative.
const LARGEST_NUMBER: i64 = (1 << 53) - 1;
/// The maximum number of devices in one batch: each takes two reads and a write, at one request a
/// second.
pub const LARGEST_BATCH: usize = 50;
/// How many devices' attributes are read concurrently while a batch is planned.
const READS: usize = 4;

/// Whether a changed field of a device is a custom posture attribute.
pub(super) fn is_custom(field: &str) -> bool {
    field.starts_with(CUSTOM)
}

/// The value of a custom posture attribute. The first value written for an attribute fixes its type
/// on all devices of the tailnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum AttributeValue {
    /// Up to 50 letters, digits, `_` and `.`.
    Text(String),
    /// An integer between -(2^53 - 1) and 2^53 - 1, which JSON holds exactly.
    Number(i64),
    /// True or false.
    Bool(bool),
}

impl AttributeValue {
    fn check(&self) -> Result<()> {
        match self {
            Self::Text(text) => {
                let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                if (1..=MAX_TEXT_LENGTH).contains(&text.len()) && text.chars().all(allowed) {
                    return Ok(());
                }
                Err(Error::invalid_input(
                    "value",
                    format!("must have 1 to {MAX_TEXT_LENGTH} letters, digits, `_` or `.`"),
                ))
            }
            Self::Number(number) if number.unsigned_abs() > LARGEST_NUMBER.unsigned_abs() => {
                Err(Error::invalid_input(
                    "value",
                    format!("must be between -{LARGEST_NUMBER} and {LARGEST_NUMBER}"),
                ))
            }
            Self::Number(_) | Self::Bool(_) => Ok(()),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Bool(yes) => json!(yes),
        }
    }
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.json().fmt(f)
    }
}

/// The posture attributes of a device.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Attributes {
    /// Short name of the device.
    pub device: String,
    /// Values by attribute name, such as `node:os` or `custom:tier`.
    pub attributes: BTreeMap<String, Value>,
    /// Expiry times by attribute name, for the attributes that expire.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub expiries: BTreeMap<String, wire::Timestamp>,
}

impl Attributes {
    /// Removes an attribute and returns it as plans show it: the value, the value with its expiry,
    /// or null if unset.
    pub(super) fn take(&mut self, key: &str) -> Value {
        let Some(value) = self.attributes.remove(key) else { return Value::Null };
        let expiry = self.expiries.remove(key).filter(|it| !it.as_str().is_empty());
        let expiry = expiry.map(|it| it.instant().map_or(it.to_string(), |at| at.to_string()));
        with_expiry(value, expiry)
    }
}

/// Adds the expiry to a value. Values are never objects, so the two forms cannot be confused.
fn with_expiry(value: Value, expiry: Option<String>) -> Value {
    match expiry {
        Some(expiry) => json!({ "value": value, "expiry": expiry }),
        None => value,
    }
}

/// A write or deletion of one posture attribute, on one device or several.
#[derive(Debug, Clone)]
pub struct AttributeChange {
    /// The name, with the `custom:` prefix.
    pub key: String,
    /// The value to set; `None` deletes the attribute.
    pub value: Option<AttributeValue>,
    /// When the attribute expires; `None` for never.
    pub expiry: Option<Timestamp>,
    /// The reason, for the audit log: up to 200 characters.
    pub comment: Option<String>,
}

impl AttributeChange {
    fn check(&self) -> Result<()> {
        let rest = self.key.strip_prefix(CUSTOM).unwrap_or_default();
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        if rest.is_empty() || self.key.len() > MAX_KEY_LENGTH || !rest.chars().all(allowed) {
            return Err(Error::invalid_input(
                "key",
                format!(
                    "is `{}`; write it as `custom:name`, of letters, digits, `_` and `:`, up to \
                     {MAX_KEY_LENGTH} characters",
                    self.key
                ),
            ));
        }
        if self.comment.as_ref().is_some_and(|it| it.chars().count() > MAX_COMMENT_LENGTH) {
            return Err(Error::invalid_input(
                "comment",
                format!("must have at most {MAX_COMMENT_LENGTH} characters"),
            ));
        }
        if self.expiry.is_some_and(|it| it <= Timestamp::now()) {
            return Err(Error::invalid_input("expiry", "must be in the future"));
        }
        self.value.as_ref().map_or(Ok(()), AttributeValue::check)
    }
}

impl AttributeChange {
    /// The value after the change, as plans show it.
    fn to(&self) -> Value {
        let value = self.value.as_ref().map(AttributeValue::json);
        value.map_or(Value::Null, |it| with_expiry(it, self.expiry.map(|at| at.to_string())))
    }

    /// Checks that the new value has the type that the attribute already has.
    fn check_type(&self, before: &Value) -> Result<()> {
        let before = before.get("value").unwrap_or(before);
        let Some(value) = self.value.as_ref().filter(|_| !before.is_null()) else { return Ok(()) };
        let (is, wanted) = (kind(before), kind(&value.json()));
        if is == wanted {
            return Ok(());
        }
        Err(Error::invalid_input(
            "type",
            format!("is {wanted}, but values of `{}` have the type {is}; use `{is}`", self.key),
        ))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        _ => "string",
    }
}

impl Devices<'_> {
    /// Reads all posture attributes of a device (`GET /device/{deviceId}/attributes`).
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn attributes(&self, device: &str) -> Result<Attributes> {
        let list = self.list().await?;
        let device = find::find(&list, device)?;
        self.attributes_of(device.key(), device.short_name()).await
    }

    pub(super) async fn attributes_of(&self, id: &str, name: &str) -> Result<Attributes> {
        let request = self.tailnet().api()?.get_device_posture_attributes().device_id(id);
        let read = request.send().await?.into_inner();
        Ok(Attributes {
            device: name.to_owned(),
            attributes: read.attributes.unwrap_or_default().into_iter().collect(),
            expiries: read.expiries.unwrap_or_default().into_iter().collect(),
        })
    }

    /// Plans to set or delete one attribute of a device
    /// (`POST` and `DELETE /device/{deviceId}/attributes/{attributeKey}`).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the name, value or expiry is not allowed;
    /// [`PlanLimit`](crate::ErrorKind::PlanLimit) if the tailnet's plan has no custom attributes.
    pub async fn plan_attribute(&self, device: &str, change: &AttributeChange) -> Result<Plan> {
        change.check()?;
        let list = self.list().await?;
        let device = preflight::own(find::find(&list, device)?.clone())?;
        Ok(Plan::new(vec![self.attribute_item(&device, change).await?]))
    }

    /// Plans to set or delete one attribute on several devices, one after the other.
    ///
    /// # Errors
    ///
    /// Same as [`plan_attribute`](Self::plan_attribute), for any of the devices.
    pub async fn plan_attributes(
        &self,
        devices: &[String],
        change: &AttributeChange,
        on_failure: OnFailure,
    ) -> Result<Plan> {
        change.check()?;
        if devices.is_empty() || devices.len() > LARGEST_BATCH {
            return Err(Error::invalid_input(
                "devices",
                format!("must name 1 to {LARGEST_BATCH} devices"),
            ));
        }
        let list = self.list().await?;
        let mut chosen: Vec<Device> = Vec::new();
        for wanted in devices {
            let device = preflight::own(find::find(&list, wanted)?.clone())?;
            if chosen.iter().all(|it| it.key() != device.key()) {
                chosen.push(device);
            }
        }
        let reads =
            chosen.into_iter().map(|it| async move { self.attribute_item(&it, change).await });
        let items = futures_util::stream::iter(reads).buffered(READS).try_collect().await?;
        let mut plan = Plan::new(items);
        plan.on_failure = on_failure;
        Ok(plan)
    }

    async fn attribute_item(&self, device: &Device, change: &AttributeChange) -> Result<Item> {
        let from = self.attributes_of(device.key(), "").await?.take(&change.key);
        change.check_type(&from)?;
        let to = change.to();
        let changes = if from == to {
            Vec::new()
        } else {
            let comment = change.comment.clone();
            vec![Change { comment, ..Change::new(&change.key, from, to) }]
        };
        Ok(Item::new(&change::Devices, device.key(), device.short_name(), changes))
    }

    pub(super) async fn write_attribute(&self, id: &str, change: &Change) -> Result<()> {
        let api = self.tailnet().api()?;
        if change.to.is_null() {
            let request = api.delete_custom_device_posture_attributes();
            let request = request.device_id(id).attribute_key(&change.field);
            return request.send().await.map(drop);
        }
        let value = change.to.get("value").unwrap_or(&change.to).clone();
        let expiry = change.to.get("expiry").and_then(Value::as_str).map(wire::Timestamp::new);
        let request = api
            .set_custom_device_posture_attributes()
            .device_id(id)
            .attribute_key(&change.field)
            .body_map(|it| it.value(value).expiry(expiry).comment(change.comment.clone()));
        request.send().await.map(drop)
    }
}
