//! Device tools.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use crate::{
    Error,
    client::Result,
    tool::{Toolset, edit, list, query},
};

mod attributes;
mod bulk;
mod change;
pub(crate) mod export;
mod lifecycle;
pub(crate) mod listing;
mod read;

use self::{
    attributes::{
        BatchUpdateDeviceAttributes, DeleteDeviceAttribute, GetDeviceAttributes, SetDeviceAttribute,
    },
    bulk::{ApproveDevices, DeauthorizeDevices, QuarantineDevice, RemoveDevices},
    change::{AuthorizeDevice, ExpireDeviceKey, ForceUpdate, RevokeDevice, UpdateDevice},
    export::DeviceExport,
    lifecycle::{FindDuplicateDevices, FindStaleDevices},
    listing::ListDevices,
    read::{GetDeviceDetails, GetDeviceLogs, GetDeviceStatus},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "devices",
    about: "The devices of the tailnet.",
    instructions: "`device` takes a name, an ID, an IP address or the start of a name; destructive \
                   tools need the full name, ID or IP.",
    default: true,
    tools: &[
        list::<ListDevices>(),
        query::<GetDeviceDetails>(),
        query::<GetDeviceStatus>(),
        query::<GetDeviceLogs>(),
        edit::<AuthorizeDevice>(),
        edit::<RevokeDevice>(),
        edit::<UpdateDevice>(),
        edit::<ExpireDeviceKey>(),
        edit::<ForceUpdate>(),
        query::<GetDeviceAttributes>(),
        edit::<SetDeviceAttribute>(),
        edit::<DeleteDeviceAttribute>(),
        edit::<BatchUpdateDeviceAttributes>(),
    ],
};

pub(crate) const LIFECYCLE: Toolset = Toolset {
    name: "lifecycle_management",
    about: "Devices to approve, to clean up, or to cut off: several at once.",
    instructions: "",
    default: false,
    tools: &[
        list::<FindStaleDevices>(),
        list::<FindDuplicateDevices>(),
        edit::<ApproveDevices>(),
        edit::<DeauthorizeDevices>(),
        edit::<RemoveDevices>(),
        edit::<QuarantineDevice>(),
        query::<DeviceExport>(),
    ],
};

/// Parses a duration such as `7d` or `12h`.
pub(crate) fn duration(field: &str, text: &str) -> Result<SignedDuration> {
    let wrong =
        || Error::invalid_input(field, format!("is `{text}`; write it as `30m`, `12h` or `7d`"));
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if length.is_negative() { Err(wrong()) } else { Ok(length) }
}

/// Parses a time: RFC 3339, or a duration before `now` such as `24h`.
pub(crate) fn instant(field: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
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
