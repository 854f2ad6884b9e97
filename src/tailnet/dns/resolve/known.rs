//! Answers MagicDNS names from the lists of devices and services.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use super::{
    Found, Kind, Record,
    ask::{self, Asked},
};
use crate::{
    Error, Tailnet,
    tailnet::{
        devices::{Device, here},
        dns::status::suffix,
        services::Service,
    },
};

/// The devices and services of the tailnet, by name.
pub(super) struct Known {
    devices: Arc<Vec<Device>>,
    services: Arc<Vec<Service>>,
    /// The tailnet's domain, such as `tail1234.ts.net`.
    pub(super) suffix: Option<String>,
    /// Why the devices could not be listed.
    pub(super) unlisted: Option<Error>,
}

/// A device or service that a name belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Host<'a> {
    Device(&'a Device),
    /// A device found by its address, in a reverse lookup.
    AddressOf(&'a Device),
    Service(&'a Service),
    /// No device or service has the name.
    None,
}

impl Known {
    pub(super) async fn of(tailnet: &Tailnet) -> Self {
        let (devices, unlisted) = match tailnet.devices().list().await {
            Ok(devices) => (devices, None),
            Err(error) => (Arc::default(), Some(error)),
        };
        // If services cannot be listed, their names are not answered; device names still are.
        let services = tailnet.services().list().await.unwrap_or_default();
        Self { suffix: suffix(&devices), devices, services, unlisted }
    }

    /// Whether this machine is a device of the tailnet.
    pub(super) fn is_here(&self) -> bool {
        here::own_address().is_some_and(|own| self.devices.iter().any(|it| it.has_address(own)))
    }

    /// The device or service with this full name or reverse name.
    pub(super) fn host(&self, name: &str) -> Option<Host<'_>> {
        let same = |it: &str| it.trim_end_matches('.').eq_ignore_ascii_case(name);
        if name.rsplit('.').next() == Some("arpa") {
            let is = |it: &String| it.parse().is_ok_and(|it| ask::reverse(it) == name);
            let owner = self.devices.iter().find(|it| it.addresses().iter().any(is));
            return owner.map(Host::AddressOf);
        }
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

    /// The subnet routers with an enabled route to the address, each with that route.
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

/// The answer for a device or service, made from its addresses.
pub(super) fn answer(host: Host<'_>, kind: Kind) -> Asked {
    let record = |word: &str, value: &str| Record {
        kind: word.to_owned(),
        value: value.to_owned(),
        ttl: None,
    };
    let of = |addresses: &[String]| -> Vec<Record> {
        let (word, is_ipv6) = match kind {
            Kind::A => ("A", false),
            Kind::Aaaa => ("AAAA", true),
            _ => return Vec::new(),
        };
        let fits = addresses.iter().filter(|it| it.contains(':') == is_ipv6);
        fits.map(|it| record(word, it)).collect()
    };
    let records = match host {
        Host::Device(device) => of(device.addresses()),
        Host::Service(service) => of(service.addrs.as_deref().unwrap_or_default()),
        Host::AddressOf(device) => {
            let name = device.name.as_deref().filter(|_| kind == Kind::Ptr);
            name.map(|it| record("PTR", it)).into_iter().collect()
        }
        Host::None => return Asked::of(Found::NoSuchName),
    };
    let found = if records.is_empty() { Found::NoSuchRecords } else { Found::Answered };
    Asked { records, ..Asked::of(found) }
}
