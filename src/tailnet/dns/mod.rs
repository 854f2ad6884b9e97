//! The DNS of a tailnet: one configuration for all its devices.
//!
//! Reads are in this file. A change is planned ([`plan`]), which only reads, and then applied.

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

/// The DNS of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct DnsOf<'a> {
    tailnet: &'a Tailnet,
}

/// All of the DNS configuration. Unknown fields are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Configuration {
    /// The resolvers for all names that have none of their own, in order.
    #[serde(deserialize_with = "or_default")]
    pub nameservers: Vec<Resolver>,
    /// Domains with resolvers of their own.
    #[serde(rename = "splitDNS", deserialize_with = "split")]
    pub split: BTreeMap<String, Vec<Resolver>>,
    /// Domains that names without dots are looked for in, in order.
    #[serde(deserialize_with = "or_default")]
    pub search_paths: Vec<String>,
    /// Its switches.
    #[serde(deserialize_with = "or_default")]
    pub preferences: Preferences,
    /// What else there is.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A resolver.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Resolver {
    /// An IP address, or the URL of DNS over HTTPS.
    #[serde(deserialize_with = "or_default")]
    pub address: String,
    /// Whether devices ask it while they use an exit node, too.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "std::ops::Not::not")]
    pub use_with_exit_node: bool,
    /// What else there is.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The switches of a DNS configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Preferences {
    /// Whether the nameservers count for more than what a device's network says.
    #[serde(rename = "overrideLocalDNS", deserialize_with = "or_default")]
    pub override_local_dns: bool,
    /// Whether devices are found by their names.
    #[serde(rename = "magicDNS", deserialize_with = "or_default")]
    pub magic_dns: bool,
    /// What else there is.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Absent, null and empty mean the same.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A domain without resolvers is not split.
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
    /// A resolver with just an address.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }

    /// Whether its address is all there is to say.
    fn is_plain(&self) -> bool {
        !self.use_with_exit_node && self.extra.is_empty()
    }

    /// Its address if that is all there is to say, or everything.
    pub(crate) fn brief(&self) -> Value {
        if self.is_plain() { json!(self.address) } else { json!(self) }
    }
}

/// Resolvers in few words.
pub(crate) fn brief(resolvers: &[Resolver]) -> Value {
    resolvers.iter().map(Resolver::brief).collect()
}

impl Configuration {
    /// The resolvers of a domain, where it has its own.
    pub fn split_of(&self, domain: &str) -> Option<&[Resolver]> {
        let found = self.split.iter().find(|(it, _)| it.eq_ignore_ascii_case(domain));
        found.map(|(_, list)| list.as_slice())
    }

    /// The same, if all of it could be read: who replaces it, or puts it back, loses what could not.
    fn readable(self) -> Result<Self> {
        match self.unreadable() {
            None => Ok(self),
            Some(odd) => Err(Error::new(
                ErrorKind::Unsupported,
                format!("the configuration has a part that nobody here can read ({odd})"),
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

    /// Reads all of the configuration (`GET /tailnet/{tailnet}/dns/configuration`).
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `dns:read`.
    pub async fn configuration(&self) -> Result<Configuration> {
        let operation = Operation::GetDnsConfiguration;
        let answer = self.tailnet.client().call(operation, Call::default()).await?;
        call::typed(operation, &answer)
    }

    /// The same, for whoever changes it.
    async fn current(&self) -> Result<Configuration> {
        self.configuration().await?.readable()
    }

    /// Says what the configuration means for the devices.
    ///
    /// # Errors
    ///
    /// As [`configuration`](Self::configuration).
    pub async fn status(&self) -> Result<Status> {
        Ok(Status::of(&self.configuration().await?))
    }

    /// Says whether devices are found by their names, and under which domain. The domain comes from
    /// the names of the devices, and is absent where the credential may not list them.
    ///
    /// # Errors
    ///
    /// As [`configuration`](Self::configuration).
    pub async fn magic_dns(&self) -> Result<MagicDns> {
        let now = self.configuration().await?;
        Ok(match self.tailnet.devices().list().await {
            Ok(devices) => MagicDns::of(&now, &devices),
            Err(error) => MagicDns::unnamed(&now, &error),
        })
    }
}
