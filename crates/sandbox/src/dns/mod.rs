//! DNS: one configuration behind five endpoints. The four older endpoints each read and change a part of
//! it.

mod check;
mod configuration;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::audit::{Event, Target};
use super::http::{Call, Failure, Outcome, Reply};
use super::state::null_as_default;

pub(crate) use configuration::{get as get_configuration, set as set_configuration};

/// The DNS configuration of a tailnet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dns {
    nameservers: Vec<Resolver>,
    /// Restricted nameservers by domain. No list is empty: a domain without resolvers is removed.
    split: BTreeMap<String, Vec<Resolver>>,
    search_paths: Vec<String>,
    magic: bool,
    override_local: bool,
}

/// A nameserver. Flags that are false are left out of the JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resolver {
    #[serde(default)]
    address: String,
    #[serde(
        default,
        deserialize_with = "null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    use_with_exit_node: bool,
}

impl Dns {
    /// The seeded configuration: that of a company with a nameserver of its own.
    pub(crate) fn new(tailnet: &str) -> Self {
        let resolver = |address: &str| plain(address.to_owned());
        Self {
            nameservers: vec![resolver("1.1.1.1"), resolver("8.8.8.8")],
            split: BTreeMap::from([(format!("corp.{tailnet}"), vec![resolver("10.20.0.53")])]),
            search_paths: vec![format!("corp.{tailnet}")],
            magic: true,
            override_local: false,
        }
    }

    fn addresses(&self) -> Vec<&str> {
        self.nameservers.iter().map(|resolver| resolver.address.as_str()).collect()
    }

    fn split_addresses(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut domains = BTreeMap::new();
        for (domain, resolvers) in &self.split {
            let addresses = resolvers.iter().map(|resolver| resolver.address.as_str());
            domains.insert(domain.as_str(), addresses.collect());
        }
        domains
    }
}

fn plain(address: String) -> Resolver {
    Resolver { address, use_with_exit_node: false }
}

impl Call<'_> {
    /// Stores a validated configuration and logs the differences.
    fn change_dns(&mut self, next: Dns) {
        let target = Target::tailnet(&self.state.identity);
        let old = std::mem::replace(&mut self.state.dns, next);
        let new = &self.state.dns;
        let mut events = Vec::new();
        if old.magic != new.magic {
            let action = if new.magic { "ENABLE" } else { "DISABLE" };
            let event = Event::new(action, target.clone());
            events.push(event.property("MAGIC_DNS", json!(old.magic), json!(new.magic)));
        }
        let (old, new) = (configuration::wire(&old), configuration::wire(new));
        if old != new {
            let event = Event::new("UPDATE", target);
            events.push(event.property("DNS_CONFIG", old, new));
        }
        self.record_all(events);
    }
}

#[derive(Deserialize)]
struct WantedNameservers {
    #[serde(default, deserialize_with = "null_as_default")]
    dns: Vec<String>,
}

/// `GET /tailnet/{tailnet}/dns/nameservers`.
pub(crate) fn nameservers(call: &mut Call<'_>) -> Outcome {
    Reply::json(&json!({ "dns": call.state.dns.addresses() }))
}

/// `POST /tailnet/{tailnet}/dns/nameservers`: replaces the global nameservers, in order. Removing
/// the last one disables `MagicDNS`. Nameservers that stay keep their other settings.
pub(crate) fn set_nameservers(call: &mut Call<'_>) -> Outcome {
    let WantedNameservers { dns } = call.json()?;
    let mut next = call.state.dns.clone();
    let known = |address: &String| {
        let found = call.state.dns.nameservers.iter().find(|it| it.address == *address);
        found.cloned().unwrap_or_else(|| plain(address.clone()))
    };
    next.nameservers = dns.iter().map(known).collect();
    next.magic &= !next.nameservers.is_empty();
    check::all(&next)?;
    call.change_dns(next);
    let dns = &call.state.dns;
    Reply::json(&json!({ "dns": dns.addresses(), "magicDNS": dns.magic }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WantedPreferences {
    #[serde(rename = "magicDNS")]
    magic_dns: Option<bool>,
}

/// `GET /tailnet/{tailnet}/dns/preferences`.
pub(crate) fn preferences(call: &mut Call<'_>) -> Outcome {
    Reply::json(&json!({ "magicDNS": call.state.dns.magic }))
}

/// `POST /tailnet/{tailnet}/dns/preferences`. `MagicDNS` needs no nameserver, other than the API
/// documentation says.
pub(crate) fn set_preferences(call: &mut Call<'_>) -> Outcome {
    let WantedPreferences { magic_dns } = call.json()?;
    let magic = magic_dns.ok_or_else(|| Failure::bad_request("magicDNS is required"))?;
    let next = Dns { magic, ..call.state.dns.clone() };
    check::all(&next)?;
    call.change_dns(next);
    preferences(call)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WantedSearchPaths {
    #[serde(deserialize_with = "null_as_default")]
    search_paths: Vec<String>,
}

/// `GET /tailnet/{tailnet}/dns/searchpaths`.
pub(crate) fn search_paths(call: &mut Call<'_>) -> Outcome {
    Reply::json(&json!({ "searchPaths": call.state.dns.search_paths }))
}

/// `POST /tailnet/{tailnet}/dns/searchpaths`: replaces the search domains, in order.
pub(crate) fn set_search_paths(call: &mut Call<'_>) -> Outcome {
    let WantedSearchPaths { search_paths: wanted } = call.json()?;
    let next = Dns { search_paths: wanted, ..call.state.dns.clone() };
    check::all(&next)?;
    call.change_dns(next);
    search_paths(call)
}

type WantedSplit = BTreeMap<String, Option<Vec<String>>>;

/// `GET /tailnet/{tailnet}/dns/split-dns`.
pub(crate) fn split(call: &mut Call<'_>) -> Outcome {
    Reply::json(&call.state.dns.split_addresses())
}

/// `PUT /tailnet/{tailnet}/dns/split-dns`: replaces the restricted nameservers of all domains.
pub(crate) fn set_split(call: &mut Call<'_>) -> Outcome {
    let wanted: WantedSplit = call.json()?;
    write_split(call, wanted, Dns { split: BTreeMap::new(), ..call.state.dns.clone() })
}

/// `PATCH /tailnet/{tailnet}/dns/split-dns`: changes only the domains in the body. Null removes a domain.
pub(crate) fn update_split(call: &mut Call<'_>) -> Outcome {
    let wanted: WantedSplit = call.json()?;
    write_split(call, wanted, call.state.dns.clone())
}

fn write_split(call: &mut Call<'_>, wanted: WantedSplit, mut next: Dns) -> Outcome {
    for (domain, addresses) in wanted {
        let domain = check::domain(&domain)?;
        let addresses = addresses.unwrap_or_default();
        if addresses.is_empty() {
            next.split.remove(&domain);
        } else {
            next.split.insert(domain, addresses.into_iter().map(plain).collect());
        }
    }
    check::all(&next)?;
    call.change_dns(next);
    split(call)
}
