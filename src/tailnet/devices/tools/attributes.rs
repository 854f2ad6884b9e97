//! Posture attribute tools.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Error, Operation, Tailnet,
    change::{OnFailure, Plan, Risk},
    client::Result,
    tailnet::devices::attributes::{AttributeChange, AttributeValue, Attributes},
    tool::{Edit, Query},
};

/// The type of an attribute's value.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ValueType {
    #[default]
    String,
    Number,
    Boolean,
}

fn value(text: &str, of: ValueType) -> Result<AttributeValue> {
    Ok(match of {
        ValueType::String => AttributeValue::Text(text.to_owned()),
        ValueType::Number => AttributeValue::Number(text.trim().parse().map_err(|_| {
            Error::invalid_input(
                "value",
                format!("is `{text}`; write a whole number, such as `87`"),
            )
        })?),
        ValueType::Boolean => AttributeValue::Bool(text.trim().parse().map_err(|_| {
            Error::invalid_input("value", format!("is `{text}`; use `true` or `false`"))
        })?),
    })
}

fn expiry(text: Option<&String>) -> Result<Option<jiff::Timestamp>> {
    let parse = |it: &String| {
        it.parse().map_err(|_| {
            Error::invalid_input("expiry", format!("is `{it}`; write it as `2026-01-31T12:00:00Z`"))
        })
    };
    text.map(parse).transpose()
}

/// Show a device's posture attributes.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetDeviceAttributes {
    /// Device name, start of name, ID or IP.
    device: String,
}

impl Query for GetDeviceAttributes {
    const NAME: &'static str = "get_device_attributes";
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListTailnetDevices, Operation::GetDevicePostureAttributes];
    type Output = Attributes;

    async fn call(self, tailnet: &Tailnet) -> Result<Attributes> {
        tailnet.devices().attributes(&self.device).await
    }
}

/// Set a custom posture attribute of a device.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SetDeviceAttribute {
    /// Device name, start of name, ID or IP.
    device: String,
    /// Attribute name, such as `custom:tier`.
    key: String,
    /// Value of the attribute, as text.
    value: String,
    /// Type of the value, one for all devices.
    #[serde(default, rename = "type")]
    of: ValueType,
    /// Time at which it expires, RFC 3339.
    expiry: Option<String>,
    /// Reason, for the audit log.
    comment: Option<String>,
}

impl Edit for SetDeviceAttribute {
    const NAME: &'static str = "set_device_attribute";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::GetDevicePostureAttributes,
        Operation::SetCustomDevicePostureAttributes,
    ];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let change = AttributeChange {
            key: self.key,
            value: Some(value(&self.value, self.of)?),
            expiry: expiry(self.expiry.as_ref())?,
            comment: self.comment,
        };
        tailnet.devices().plan_attribute(&self.device, &change).await
    }
}

/// Delete a custom posture attribute of a device.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DeleteDeviceAttribute {
    /// Device name, start of name, ID or IP.
    device: String,
    /// Attribute name, such as `custom:tier`.
    key: String,
}

impl Edit for DeleteDeviceAttribute {
    const NAME: &'static str = "delete_device_attribute";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::GetDevicePostureAttributes,
        Operation::DeleteCustomDevicePostureAttributes,
    ];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let change = AttributeChange { key: self.key, value: None, expiry: None, comment: None };
        tailnet.devices().plan_attribute(&self.device, &change).await
    }
}

/// Set or delete a custom posture attribute on several devices.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct BatchUpdateDeviceAttributes {
    /// Up to 50 devices.
    devices: Vec<String>,
    /// Attribute name, such as `custom:tier`.
    key: String,
    /// Value of the attribute, as text; absent to delete it.
    value: Option<String>,
    /// Type of the value, one for all devices.
    #[serde(default, rename = "type")]
    of: ValueType,
    /// Time at which it expires, RFC 3339.
    expiry: Option<String>,
    /// Reason, for the audit log.
    comment: Option<String>,
    /// What to do after a device fails.
    #[serde(default)]
    on_failure: OnFailure,
}

impl Edit for BatchUpdateDeviceAttributes {
    const NAME: &'static str = "batch_update_device_attributes";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::GetDevicePostureAttributes,
        Operation::SetCustomDevicePostureAttributes,
        Operation::DeleteCustomDevicePostureAttributes,
    ];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let change = AttributeChange {
            key: self.key,
            value: self.value.as_ref().map(|it| value(it, self.of)).transpose()?,
            expiry: expiry(self.expiry.as_ref())?,
            comment: self.comment,
        };
        tailnet.devices().plan_attributes(&self.devices, &change, self.on_failure).await
    }
}
