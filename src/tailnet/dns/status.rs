//! Explains a DNS configuration.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Configuration, brief};
use crate::{
    Error,
    tailnet::devices::{Device, name::domain},
};

/// A DNS configuration, with an explanation.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Global nameservers, for names that match no split DNS domain, in order.
    pub nameservers: Value,
    /// Whether devices use the nameservers instead of those of their local network.
    pub override_local_dns: bool,
    /// Whether MagicDNS is on.
    pub magic_dns: bool,
    /// Split DNS: the resolvers of each domain.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub split_dns: BTreeMap<String, Value>,
    /// Search domains, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search_paths: Vec<String>,
    /// Fields of the API that this program does not know.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub other: Map<String, Value>,
    /// What the configuration means for devices, and possible mistakes in it.
    pub notes: Vec<String>,
}

impl Status {
    /// Explains a configuration.
    pub fn of(it: &Configuration) -> Self {
        let split = it.split.iter().map(|(domain, list)| (domain.clone(), brief(list)));
        Self {
            nameservers: brief(&it.nameservers),
            override_local_dns: it.preferences.override_local_dns,
            magic_dns: it.preferences.magic_dns,
            split_dns: split.collect(),
            search_paths: it.search_paths.clone(),
            other: it.extra.iter().chain(&it.preferences.extra).map(owned).collect(),
            notes: notes(it),
        }
    }
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn notes(it: &Configuration) -> Vec<String> {
    let mut notes = Vec::new();
    notes.push(match (it.nameservers.is_empty(), it.preferences.override_local_dns) {
        (true, false) => "all other names go to the resolvers of a device's local network",
        (true, true) => "override_local_dns has no effect: there is no nameserver to override with",
        (false, true) => {
            "all other names go to the nameservers, not to the resolvers of a \
                          device's local network"
        }
        (false, false) => {
            "devices prefer their local network's resolvers, and use the nameservers where those \
             do not suffice"
        }
    });
    if !it.preferences.magic_dns {
        notes.push("MagicDNS is off: device names do not resolve until it is enabled");
    }
    notes.into_iter().map(str::to_owned).collect()
}

/// The state of MagicDNS.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MagicDns {
    /// Whether MagicDNS is on.
    pub on: bool,
    /// The tailnet's domain, which all device names end in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// The full name of a device, as an example.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// Number of nameservers.
    pub nameservers: usize,
    /// What the state means, and what MagicDNS needs.
    pub notes: Vec<String>,
}

impl MagicDns {
    pub(super) fn of(now: &Configuration, devices: &[Device]) -> Self {
        let suffix = suffix(devices);
        let own = |it: &&Device| !it.is_shared_in() && it.name.is_some();
        let example = devices.iter().find(own).and_then(|it| it.name.clone());
        let mut status = Self::bare(now);
        if suffix.is_none() {
            status
                .notes
                .push("the tailnet's domain is not known: no device has a full name".to_owned());
        }
        Self { suffix, example, ..status }
    }

    pub(super) fn unnamed(now: &Configuration, error: &Error) -> Self {
        let mut status = Self::bare(now);
        status.notes.push(format!("the tailnet's domain is not known: {error}"));
        status
    }

    fn bare(now: &Configuration) -> Self {
        let (on, nameservers) = (now.preferences.magic_dns, now.nameservers.len());
        let note = match (on, nameservers) {
            (true, _) => {
                "device names resolve, with or without the domain; HTTPS certificates depend on \
                 this; removing the last nameserver turns it off"
            }
            (false, 0) => {
                "there is no nameserver: Tailscale may refuse to enable MagicDNS without one"
            }
            (false, _) => "it has a nameserver, so it can be enabled",
        };
        Self { on, suffix: None, example: None, nameservers, notes: vec![note.to_owned()] }
    }
}

/// The tailnet's domain: the most common domain in the names of its own devices.
pub(super) fn suffix(devices: &[Device]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for device in devices.iter().filter(|it| !it.is_shared_in()) {
        if let Some(suffix) = device.name.as_deref().and_then(domain) {
            *counts.entry(suffix).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(suffix, _)| suffix.to_ascii_lowercase())
}
