//! Tools that find devices to clean up.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration;
use crate::{
    Operation, Tailnet,
    client::Result,
    tailnet::devices::{Filter, name::with_prefix},
    tool::{List, Page, Part},
};

/// How long a device must be silent to be stale, unless the call says.
const STALE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Operations that read devices and which of them host services.
const READS: &[Operation] =
    &[Operation::ListTailnetDevices, Operation::ListServices, Operation::ListServiceHosts];
/// Without access to services, a note says that hosts are unknown.
const SCOPES: &[&str] = &["devices:core:read"];

/// Find stale devices: silent for long, or never connected since they were created.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct FindStaleDevices {
    /// Minimum silence, default `30d`.
    silent_for: Option<String>,
    /// Operating system, such as `linux`.
    os: Option<String>,
    /// Part of the owner's login name.
    user: Option<String>,
    /// Devices with all of these tags.
    tags: Vec<String>,
}

/// A page with notes.
#[derive(Debug, Serialize)]
pub(crate) struct Noted {
    #[serde(flatten)]
    page: Page,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl List for FindStaleDevices {
    const NAME: &'static str = "find_stale_devices";
    const OPERATIONS: &'static [Operation] = READS;
    const SCOPES: &'static [&'static str] = SCOPES;
    type Output = Noted;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Noted> {
        let silent_for = self.silent_for.map(|it| duration("silent_for", &it)).transpose()?;
        let filter = filter(self.os, self.user, &self.tags);
        let stale = tailnet.devices().stale(silent_for.unwrap_or(STALE), &filter).await?;
        let page = Page::keyed("devices", &stale.devices, &part, |it| it.id.as_str(), Ok)?;
        Ok(Noted { page: page.out_of(stale.looked_at), notes: stale.notes })
    }
}

/// Find duplicate devices: re-installed, cloned, or renamed because their name was taken.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct FindDuplicateDevices {
    /// Operating system, such as `linux`.
    os: Option<String>,
    /// Part of the owner's login name.
    user: Option<String>,
    /// Devices with all of these tags.
    tags: Vec<String>,
}

impl List for FindDuplicateDevices {
    const NAME: &'static str = "find_duplicate_devices";
    const OPERATIONS: &'static [Operation] = READS;
    const SCOPES: &'static [&'static str] = SCOPES;
    type Output = Noted;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Noted> {
        let filter = filter(self.os, self.user, &self.tags);
        let found = tailnet.devices().duplicates(&filter).await?;
        let page = Page::of("groups", &found.groups, &part)?;
        Ok(Noted { page, notes: found.notes })
    }
}

fn filter(os: Option<String>, user: Option<String>, tags: &[String]) -> Filter {
    let all_tags = tags.iter().map(|tag| with_prefix(tag)).collect();
    Filter { os, user, all_tags, ..Filter::default() }
}
