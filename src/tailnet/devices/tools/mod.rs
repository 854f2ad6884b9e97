//! The tools of the devices.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use crate::{
    Error,
    client::Result,
    tool::{Toolset, tool},
};

mod attributes;
mod change;
mod list;
mod read;

use self::{
    attributes::{
        BatchUpdateDeviceAttributes, DeleteDeviceAttribute, GetDeviceAttributes, SetDeviceAttribute,
    },
    change::{AuthorizeDevice, ExpireDeviceKey, ForceUpdate, RevokeDevice, UpdateDevice},
    list::ListDevices,
    read::{GetDeviceDetails, GetDeviceLogs, GetDeviceStatus},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "devices",
    about: "The devices of the tailnet.",
    tools: &[
        tool::<ListDevices>(),
        tool::<GetDeviceDetails>(),
        tool::<GetDeviceStatus>(),
        tool::<GetDeviceLogs>(),
        tool::<AuthorizeDevice>(),
        tool::<RevokeDevice>(),
        tool::<UpdateDevice>(),
        tool::<ExpireDeviceKey>(),
        tool::<ForceUpdate>(),
        tool::<GetDeviceAttributes>(),
        tool::<SetDeviceAttribute>(),
        tool::<DeleteDeviceAttribute>(),
        tool::<BatchUpdateDeviceAttributes>(),
    ],
};

/// Reads a length of time such as `7d` or `12h`.
fn duration(field: &str, text: &str) -> Result<SignedDuration> {
    let wrong =
        || Error::invalid_input(field, format!("is `{text}`; write it as `30m`, `12h` or `7d`"));
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if length.is_negative() { Err(wrong()) } else { Ok(length) }
}

/// Reads an instant: RFC 3339, or a length of time before `now`.
fn instant(field: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
    if let Ok(instant) = text.trim().parse() {
        return Ok(instant);
    }
    let wrong = || {
        Error::invalid_input(
            field,
            format!("is `{text}`; write it as `24h` ago, or RFC 3339: `2026-01-31T12:00:00Z`"),
        )
    };
    now.checked_sub(duration(field, text).map_err(|_| wrong())?).map_err(|_| wrong())
}
