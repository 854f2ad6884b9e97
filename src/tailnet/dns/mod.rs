//! The DNS configuration of a tailnet, which applies to all its devices.
//!
//! This file reads it; [`plan`] plans changes to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Error, ErrorKind, Operation,
    client::{
        Result, UNREADABLE,
        call::{self, Call},
    },
    tailnet::Tailnet,
};

pub(crate) mod change;
mod check;
pub mod plan;
#[cfg(feature = "server")]
pub mod resolve;
pub mod status;
#[cfg(feature = "server")]
pub(crate) mod tools;

pub use self::{
    plan::Wanted,
    status::{MagicDns, Status},
};

/// The DNS configuration of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct DnsOf<'a> {
    tailnet: &'a Tailnet,
}

/// A complete DNS configuration. Fields that this program does not know are kept in `extra`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Configuration {
    /// Global nameservers, for names that match no split DNS domain, in order.
    #[serde(deserialize_with = "or_default")]
    pub nameservers: Vec<Resolver>,
    /// Split DNS: the resolvers of each domain.
    #[serde(rename = "splitDNS", deserialize_with = "split")]
    pub split: BTreeMap<String, Vec<Resolver>>,
    /// Search domains, in order.
    #[serde(deserialize_with = "or_default")]
    pub search_paths: Vec<String>,
    /// The on/off settings.
    #[serde(deserialize_with = "or_default")]
    pub preferences: Preferences,
    /// Fields that this program does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A DNS resolver.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Resolver {
    /// An IP address, or a DNS-over-HTTPS URL.
    #[serde(deserialize_with = "or_default")]
    pub address: String,
    /// Whether devices also use the resolver while they use an exit node.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub use_with_exit_node: bool,
    /// Fields that this program does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The on/off settings of a DNS configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Preferences {
    /// Whether devices use the nameservers instead of those of their local network.
    #[serde(rename = "overrideLocalDNS", deserialize_with = "or_default")]
    pub override_local_dns: bool,
    /// Whether MagicDNS is on, so that devices have DNS names.
    #[serde(rename = "magicDNS", deserialize_with = "or_default")]
    pub magic_dns: bool,
    /// Fields that this program does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Deserializes a field; null counts as absent.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Deserializes split DNS and drops domains without resolvers.
fn split<'de, D>(deserializer: D) -> Result<BTreeMap<String, Vec<Resolver>>, D::Error>
where
    D: Deserializer<'de>,
{
    let read: BTreeMap<String, Option<Vec<Resolver>>> = or_default(deserializer)?;
    let of = |(domain, list): (String, Option<Vec<Resolver>>)| {
        Some((domain, list.filter(|it| !it.is_empty())?))
    };
    Ok(read.into_iter().filter_map(of).collect())
}

impl Resolver {
    /// Makes a resolver with only an address.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }

    /// Whether the resolver has only an address.
    fn is_plain(&self) -> bool {
        !self.use_with_exit_node && self.extra.is_empty()
    }

    /// The address if the resolver has nothing else, otherwise an object with all fields.
    pub(crate) fn brief(&self) -> Value {
        if self.is_plain() { json!(self.address) } else { json!(self) }
    }
}

/// A list of resolvers as JSON: an address each, or an object if there is more than an address.
pub(crate) fn brief(resolvers: &[Resolver]) -> Value {
    resolvers.iter().map(Resolver::brief).collect()
}

impl Configuration {
    /// The split DNS resolvers of a domain.
    pub fn split_of(&self, domain: &str) -> Option<&[Resolver]> {
        let found = self.split.iter().find(|(it, _)| it.eq_ignore_ascii_case(domain));
        found.map(|(_, list)| list.as_slice())
    }

    /// Returns the configuration, or an error if some of it could not be read: replacing it would
    /// lose that part.
    fn readable(self) -> Result<Self> {
        match self.unreadable() {
            None => Ok(self),
            Some(odd) => Err(Error::new(
                ErrorKind::Unsupported,
                format!("the DNS configuration has a part that cannot be read ({odd})"),
            )
            .with_remedy("change it in the admin console")),
        }
    }

    fn unreadable(&self) -> Option<String> {
        let resolvers = self.nameservers.iter().chain(self.split.values().flatten());
        let rest = [&self.extra, &self.preferences.extra];
        let mut rest = rest.into_iter().chain(resolvers.map(|it| &it.extra)).flat_map(Map::keys);
        rest.find(|it| it.starts_with(UNREADABLE)).cloned()
    }
}

impl<'a> DnsOf<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Reads the complete DNS configuration (`GET /tailnet/{tailnet}/dns/configuration`).
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `dns:read`.
    pub async fn configuration(&self) -> Result<Configuration> {
        let operation = Operation::GetDnsConfiguration;
        let answer = self.tailnet.client().call(operation, Call::default()).await?;
        call::typed(operation, &answer)
    }

    /// Reads the complete configuration for a change; fails if some of it cannot be read.
    async fn current(&self) -> Result<Configuration> {
        self.configuration().await?.readable()
    }

    /// Reads the DNS configuration and explains what it means for devices.
    ///
    /// # Errors
    ///
    /// Same as [`configuration`](Self::configuration).
    pub async fn status(&self) -> Result<Status> {
        Ok(Status::of(&self.configuration().await?))
    }

    /// Reads whether MagicDNS is on, and the tailnet's domain. The domain is taken from device
    /// names; it is absent if the credential may not list devices.
    ///
    /// # Errors
    ///
    /// Same as [`configuration`](Self::configuration).
    pub async fn magic_dns(&self) -> Result<MagicDns> {
        let now = self.configuration().await?;
        Ok(match self.tailnet.devices().list().await {
            Ok(devices) => MagicDns::of(&now, &devices),
            Err(error) => MagicDns::unnamed(&now, &error),
        })
    }
}
