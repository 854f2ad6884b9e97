//! What depends on a device: why it should not be removed along with others.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Device, Devices};
use crate::{Error, ErrorKind, client::Result};

/// Devices that were seen within this time are in use.
pub const IN_USE: SignedDuration = SignedDuration::from_hours(24 * 7);

/// The services that each device hosts, by the ID of the device.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosts {
    services: BTreeMap<String, Vec<String>>,
    /// What could not be read.
    pub(crate) note: Option<String>,
}

impl Devices<'_> {
    /// Reads which devices host services. What the credential may not read is left out, with a note.
    pub(crate) async fn hosts(&self) -> Result<Hosts> {
        let services = self.tailnet().services();
        let read = async {
            let mut hosts = Hosts::default();
            for service in services.list().await?.iter() {
                let Some(name) = service.name.as_deref().filter(|it| !it.is_empty()) else {
                    continue;
                };
                for host in services.hosts_of(name).await? {
                    let id = host.stable_node_id.unwrap_or_default();
                    hosts.services.entry(id).or_default().push(name.to_owned());
                }
            }
            Ok::<_, Error>(hosts)
        };
        match read.await {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Forbidden | ErrorKind::PlanLimit | ErrorKind::NotFound
                ) =>
            {
                let note = format!("which devices host services is unknown: {error}");
                Ok(Hosts { note: Some(note), ..Hosts::default() })
            }
            read => read,
        }
    }
}

impl Hosts {
    /// What depends on the device: the routes and services that it serves.
    pub(crate) fn roles(&self, device: &Device) -> Vec<String> {
        let services = [device.node_id.as_deref(), device.id.as_deref()];
        let services = services.into_iter().flatten().find_map(|id| self.services.get(id));
        let mut roles = Vec::new();
        if device.is_subnet_router() {
            roles.push("subnet router".to_owned());
        }
        if device.is_exit_node() {
            roles.push("exit node".to_owned());
        }
        roles.extend(services.map(|it| format!("hosts {}", it.join(", "))));
        roles
    }

    /// The kind of reason to leave the device out of a change over a filter; `None` if there is none.
    pub(crate) fn reason(&self, device: &Device, now: Timestamp) -> Option<&'static str> {
        let services = [device.node_id.as_deref(), device.id.as_deref()];
        let is_host = services.into_iter().flatten().any(|id| self.services.contains_key(id));
        let in_use = device.silence(now).is_some_and(|it| it < IN_USE);
        let reasons = [
            (device.is_subnet_router(), "subnet routers"),
            (device.is_exit_node(), "exit nodes"),
            (is_host, "service hosts"),
            (in_use, "seen within 7 days"),
        ];
        reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }
}
