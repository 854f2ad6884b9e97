//! Names that are in the lists of devices and services, for what nobody outside can ask.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use super::{Found, Kind, Record, ask::Asked};
use crate::{
    Error, Tailnet,
    tailnet::{
        devices::{Device, here},
        dns::status::suffix,
        services::Service,
    },
};

/// What is known of the tailnet besides its DNS.
pub(super) struct Known {
    devices: Arc<Vec<Device>>,
    services: Arc<Vec<Service>>,
    /// The tailnet's domain.
    pub(super) suffix: Option<String>,
    /// Why the devices are not known.
    pub(super) unlisted: Option<Error>,
}

/// Something with a name and addresses.
#[derive(Debug, Clone, Copy)]
pub(super) enum Host<'a> {
    Device(&'a Device),
    Service(&'a Service),
    /// Nothing has that name.
    None,
}

impl Known {
    pub(super) async fn of(tailnet: &Tailnet) -> Self {
        let (devices, unlisted) = match tailnet.devices().list().await {
            Ok(devices) => (devices, None),
            Err(error) => (Arc::default(), Some(error)),
        };
        // A service that nobody may list has no name here; everything else still has.
        let services = tailnet.services().list().await.unwrap_or_default();
        Self { suffix: suffix(&devices), devices, services, unlisted }
    }

    /// Whether this machine is one of the devices.
    pub(super) fn is_here(&self) -> bool {
        here::own_address().is_some_and(|own| self.devices.iter().any(|it| it.has_address(own)))
    }

    /// What has the full name.
    pub(super) fn host(&self, name: &str) -> Option<Host<'_>> {
        let same = |it: &str| it.trim_end_matches('.').eq_ignore_ascii_case(name);
        let device = self.devices.iter().find(|it| it.name.as_deref().is_some_and(same));
        if let Some(device) = device {
            return Some(Host::Device(device));
        }
        let label = name.strip_suffix(self.suffix.as_deref()?)?.strip_suffix('.')?;
        let named = |it: &&Service| {
            it.name.as_deref().and_then(|it| it.strip_prefix("svc:")) == Some(label)
        };
        self.services.iter().find(named).map(Host::Service)
    }

    /// The device that has the address.
    pub(super) fn owner(&self, address: IpAddr) -> Option<&Device> {
        self.devices.iter().find(|it| it.has_address(address))
    }

    /// The routers that may lead to the address, each with its route.
    pub(super) fn routers(&self, address: IpAddr) -> Vec<(&Device, &str)> {
        let leads = |route: &&String| {
            route.parse::<IpNet>().is_ok_and(|it| it.prefix_len() > 0 && it.contains(&address))
        };
        self.devices
            .iter()
            .filter_map(|it| {
                let routes = it.enabled_routes.as_deref().unwrap_or_default();
                Some((it, routes.iter().find(leads)?.as_str()))
            })
            .collect()
    }
}

/// What the list says.
pub(super) fn answer(host: Host<'_>, kind: Kind) -> Asked {
    let addresses = match host {
        Host::Device(device) => device.addresses(),
        Host::Service(service) => service.addrs.as_deref().unwrap_or_default(),
        Host::None => return Asked::of(Found::NoSuchName),
    };
    let fits = |it: &&String| match kind {
        Kind::A => !it.contains(':'),
        Kind::Aaaa => it.contains(':'),
        _ => false,
    };
    let word = if kind == Kind::A { "A" } else { "AAAA" };
    let record = |it: &String| Record { kind: word.to_owned(), value: it.clone(), ttl: None };
    let records: Vec<Record> = addresses.iter().filter(fits).map(record).collect();
    let found = if records.is_empty() { Found::NoSuchRecords } else { Found::Answered };
    Asked { records, ..Asked::of(found) }
}
