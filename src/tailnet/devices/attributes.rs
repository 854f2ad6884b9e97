//! Posture attributes: what policies can ask of a device.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Devices, find, preflight};
use crate::{
    Error, Operation,
    client::{Client, Result},
    wire,
};

/// The namespace of attributes that can be written.
const CUSTOM: &str = "custom:";
/// The longest name of an attribute, namespace included.
const LONGEST_KEY: usize = 128;
/// The longest text.
const LONGEST_TEXT: usize = 50;
/// The longest comment.
const LONGEST_COMMENT: usize = 200;
/// The largest number that JSON keeps exact, either side of zero.
const LARGEST_NUMBER: i64 = (1 << 53) - 1;
/// As many devices as one batch takes: each is read before and after, a request a second.
pub const LARGEST_BATCH: usize = 20;

/// The value of an attribute. Its type is the same on all devices of a tailnet, fixed by the first
/// one that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum AttributeValue {
    /// Up to 50 letters, digits, `_` and `.`.
    Text(String),
    /// A whole number that JSON keeps exact.
    Number(i64),
    /// Yes or no.
    Bool(bool),
}

impl AttributeValue {
    fn check(&self) -> Result<()> {
        match self {
            Self::Text(text) => {
                let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                if (1..=LONGEST_TEXT).contains(&text.len()) && text.chars().all(allowed) {
                    return Ok(());
                }
                Err(Error::invalid_input(
                    "value",
                    format!("must have 1 to {LONGEST_TEXT} letters, digits, `_` or `.`"),
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
    /// Its short name.
    pub device: String,
    /// Values by name: `node:os`, `custom:tier`.
    pub attributes: BTreeMap<String, Value>,
    /// When those expire that do.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub expiries: BTreeMap<String, wire::Timestamp>,
}

/// What to write: one attribute, for one device or several.
#[derive(Debug, Clone)]
pub struct AttributeChange {
    /// The name, with its `custom:`.
    pub key: String,
    /// The value; none deletes the attribute.
    pub value: Option<AttributeValue>,
    /// When it goes away by itself.
    pub expiry: Option<Timestamp>,
    /// Why, for the audit log: up to 200 characters.
    pub comment: Option<String>,
}

impl AttributeChange {
    fn check(&self) -> Result<()> {
        let rest = self.key.strip_prefix(CUSTOM).unwrap_or_default();
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        if rest.is_empty() || self.key.len() > LONGEST_KEY || !rest.chars().all(allowed) {
            return Err(Error::invalid_input(
                "key",
                format!(
                    "is `{}`; write it as `custom:name`, of letters, digits, `_` and `:`, up to \
                     {LONGEST_KEY} characters",
                    self.key
                ),
            ));
        }
        if self.comment.as_ref().is_some_and(|it| it.chars().count() > LONGEST_COMMENT) {
            return Err(Error::invalid_input(
                "comment",
                format!("must have at most {LONGEST_COMMENT} characters"),
            ));
        }
        if self.expiry.is_some_and(|it| it <= Timestamp::now()) {
            return Err(Error::invalid_input("expiry", "must be in the future"));
        }
        self.value.as_ref().map_or(Ok(()), AttributeValue::check)
    }
}

impl AttributeChange {
    /// The type of an attribute is fixed by its first value, on all devices.
    fn check_type(&self, before: Option<&Value>) -> Result<()> {
        let (Some(before), Some(value)) = (before, &self.value) else { return Ok(()) };
        let (is, wanted) = (kind(before), kind(&value.json()));
        if is == wanted {
            return Ok(());
        }
        Err(Error::invalid_input(
            "type",
            format!("is {wanted}, but `{}` has values of type {is}; give `{is}`", self.key),
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

/// What happened to an attribute, or would happen.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct AttributeChanged {
    /// Its device's short name.
    pub device: String,
    /// The attribute.
    pub key: String,
    /// False if nothing was sent: a dry run, or it was like that already.
    pub applied: bool,
    /// It was like that already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
    /// What it was; absent if it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// When it would have gone away by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry_before: Option<wire::Timestamp>,
    /// What it is, or would be; absent if it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// What could not be made sure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
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

    async fn attributes_of(&self, id: &str, name: &str) -> Result<Attributes> {
        let api = self.tailnet().client().api()?;
        let answer = api.get_device_posture_attributes().device_id(id).send().await;
        let read = Client::value(Operation::GetDevicePostureAttributes, answer)?;
        Ok(Attributes {
            device: name.to_owned(),
            attributes: read.attributes.unwrap_or_default().into_iter().collect(),
            expiries: read.expiries.unwrap_or_default().into_iter().collect(),
        })
    }

    /// Writes or deletes one attribute of a device
    /// (`POST` and `DELETE /device/{deviceId}/attributes/{attributeKey}`).
    /// With `dry_run` nothing is sent.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) before anything is sent;
    /// [`PlanLimit`](crate::ErrorKind::PlanLimit) where the plan has no custom attributes.
    pub async fn change_attribute(
        &self,
        device: &str,
        change: &AttributeChange,
        dry_run: bool,
    ) -> Result<AttributeChanged> {
        change.check()?;
        let list = self.list().await?;
        let device = preflight::own(find::find(&list, device)?.clone())?;
        let (id, name) = (device.key(), device.short_name());
        let mut read = self.attributes_of(id, name).await?;
        let before = read.attributes.remove(&change.key);
        let planned = change.value.as_ref().map(AttributeValue::json);
        change.check_type(before.as_ref())?;
        let unchanged = before == planned && change.expiry.is_none();
        let mut changed = AttributeChanged {
            device: name.to_owned(),
            key: change.key.clone(),
            applied: !dry_run && !unchanged,
            unchanged,
            before,
            expiry_before: read.expiries.remove(&change.key),
            after: planned,
            warning: None,
        };
        if changed.applied {
            self.write_attribute(id, change).await?;
            // It is written; that nobody could look at it does not undo it.
            match self.attributes_of(id, name).await {
                Ok(mut now) => changed.after = now.attributes.remove(&change.key),
                Err(error) => changed.warning = Some(unread(&error)),
            }
        }
        Ok(changed)
    }

    async fn write_attribute(&self, id: &str, change: &AttributeChange) -> Result<()> {
        let api = self.tailnet().client().api()?;
        let Some(value) = &change.value else {
            let request = api.delete_custom_device_posture_attributes();
            let answer = request.device_id(id).attribute_key(&change.key).send().await;
            return Client::value(Operation::DeleteCustomDevicePostureAttributes, answer);
        };
        let answer = api
            .set_custom_device_posture_attributes()
            .device_id(id)
            .attribute_key(&change.key)
            .body_map(|it| {
                it.value(value.json())
                    .expiry(change.expiry.map(|it| wire::Timestamp::new(it.to_string())))
                    .comment(change.comment.clone())
            })
            .send()
            .await;
        Client::value(Operation::SetCustomDevicePostureAttributes, answer).map(drop)
    }

    /// Writes or deletes one attribute of several devices in one request
    /// (`PATCH /tailnet/{tailnet}/device-attributes`). With `dry_run` nothing is sent.
    ///
    /// # Errors
    ///
    /// As [`change_attribute`](Self::change_attribute); if one device is not found, none is changed.
    pub async fn change_attributes(
        &self,
        devices: &[String],
        change: &AttributeChange,
        dry_run: bool,
    ) -> Result<Vec<AttributeChanged>> {
        change.check()?;
        if devices.is_empty() || devices.len() > LARGEST_BATCH {
            return Err(Error::invalid_input(
                "devices",
                format!("must name 1 to {LARGEST_BATCH} devices"),
            ));
        }
        let list = self.list().await?;
        let mut chosen: Vec<(String, String)> = Vec::new();
        for wanted in devices {
            let device = preflight::own(find::find(&list, wanted)?.clone())?;
            if chosen.iter().all(|(id, _)| id != device.key()) {
                chosen.push((device.key().to_owned(), device.short_name().to_owned()));
            }
        }
        let planned = change.value.as_ref().map(AttributeValue::json);
        let before = self.one_of_each(&chosen, &change.key).await?;
        before.iter().try_for_each(|(value, _)| change.check_type(value.as_ref()))?;
        let mut after = vec![planned; before.len()];
        let mut warning = None;
        if !dry_run {
            self.write_batch(chosen.iter().map(|(id, _)| id), change).await?;
            match self.one_of_each(&chosen, &change.key).await {
                Ok(now) => after = now.into_iter().map(|(value, _)| value).collect(),
                Err(error) => warning = Some(unread(&error)),
            }
        }
        let rows = chosen.into_iter().zip(before).zip(after);
        Ok(rows
            .map(|(((_, device), (before, expiry_before)), after)| AttributeChanged {
                device,
                key: change.key.clone(),
                applied: !dry_run,
                unchanged: before == after && change.expiry.is_none(),
                before,
                expiry_before,
                after,
                warning: warning.clone(),
            })
            .collect())
    }

    /// The attribute `key` of every device and its expiry, in their order.
    async fn one_of_each(
        &self,
        devices: &[(String, String)],
        key: &str,
    ) -> Result<Vec<(Option<Value>, Option<wire::Timestamp>)>> {
        let reads = devices.iter().map(|(id, name)| async move {
            let mut read = self.attributes_of(id, name).await?;
            Ok((read.attributes.remove(key), read.expiries.remove(key)))
        });
        futures_util::future::try_join_all(reads).await
    }

    async fn write_batch(
        &self,
        ids: impl Iterator<Item = &String>,
        change: &AttributeChange,
    ) -> Result<()> {
        // `null` deletes, so the body is written out: the typed one leaves out what is absent.
        let one = change.value.as_ref().map(|it| match change.expiry {
            Some(expiry) => json!({ "value": it.json(), "expiry": expiry.to_string() }),
            None => json!({ "value": it.json() }),
        });
        let nodes: BTreeMap<&String, Value> =
            ids.map(|id| (id, json!({ &change.key: one }))).collect();
        let body = match &change.comment {
            Some(comment) => json!({ "nodes": nodes, "comment": comment }),
            None => json!({ "nodes": nodes }),
        };
        let body: crate::api::types::BatchUpdateCustomDevicePostureAttributesBody =
            serde_json::from_value(body)
                .map_err(|error| Error::invalid_input("value", error.to_string()))?;
        let client = self.tailnet().client();
        let request = client.api()?.batch_update_custom_device_posture_attributes();
        let answer = request.tailnet(client.tailnet()).body(body).send().await;
        Client::value(Operation::BatchUpdateCustomDevicePostureAttributes, answer)
    }
}

fn unread(error: &Error) -> String {
    format!("it was written, but could not be read back: {error}")
}
