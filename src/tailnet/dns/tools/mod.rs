//! DNS tools.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Operation, Tailnet,
    client::Result,
    tailnet::dns::{
        MagicDns, Status,
        resolve::{Kind, Question, Resolution, ResolverOptions},
    },
    tool::{Query, Toolset, edit, query},
};

mod change;

use self::change::{
    AddDnsRoute, ConfigureDns, ConfigureNameservers, DisableMagicDns, EnableMagicDns,
    RemoveDnsRoute, SetSearchPaths,
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "dns",
    about: "DNS for all devices: nameservers, split DNS, search paths and MagicDNS.",
    instructions: "configure_dns changes several things at once.",
    default: false,
    tools: &[
        query::<GetDnsStatus>(),
        query::<GetMagicDnsStatus>(),
        query::<TestDnsResolution>(),
        edit::<ConfigureDns>(),
        edit::<ConfigureNameservers>(),
        edit::<AddDnsRoute>(),
        edit::<RemoveDnsRoute>(),
        edit::<SetSearchPaths>(),
        edit::<EnableMagicDns>(),
        edit::<DisableMagicDns>(),
    ],
};

// Tailscale's OpenAPI document names no scopes for DNS; the documentation of trust credentials does.
const READS: &[&str] = &["dns:read"];
const WRITES: &[&str] = &["dns"];

/// Show the DNS configuration and explain it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetDnsStatus {}

impl Query for GetDnsStatus {
    const NAME: &'static str = "get_dns_status";
    const OPERATIONS: &'static [Operation] = &[Operation::GetDnsConfiguration];
    const SCOPES: &'static [&'static str] = READS;
    type Output = Status;

    async fn call(self, tailnet: &Tailnet) -> Result<Status> {
        tailnet.dns().status().await
    }
}

/// Show whether MagicDNS is on, its domain, and what it needs.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetMagicDnsStatus {}

impl Query for GetMagicDnsStatus {
    const NAME: &'static str = "get_magic_dns_status";
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetDnsConfiguration, Operation::ListTailnetDevices];
    // Without permission to list devices, the domain is reported as unknown.
    const SCOPES: &'static [&'static str] = READS;
    type Output = MagicDns;

    async fn call(self, tailnet: &Tailnet) -> Result<MagicDns> {
        tailnet.dns().magic_dns().await
    }
}

/// Resolve a DNS name from here as the tailnet's devices would, and show how.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TestDnsResolution {
    /// Domain name to resolve.
    name: String,
    /// Record type, default `A`.
    #[serde(default, rename = "type")]
    kind: Kind,
}

impl Query for TestDnsResolution {
    const NAME: &'static str = "test_dns_resolution";
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetDnsConfiguration, Operation::ListTailnetDevices, Operation::ListServices];
    // Without permission to list devices and services, their names are not answered from the lists.
    const SCOPES: &'static [&'static str] = READS;
    type Output = Resolution;

    async fn call(self, tailnet: &Tailnet) -> Result<Resolution> {
        let question = Question::new(self.name, self.kind);
        let private = tailnet.settings().private_resolvers;
        let options = ResolverOptions { private, ..ResolverOptions::default() };
        tailnet.dns().resolve(&question, &options).await
    }
}
