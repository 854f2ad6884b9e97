//! Tools that change DNS.

use schemars::JsonSchema;
use serde::Deserialize;

use super::WRITES;
use crate::{
    Error, Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tailnet::dns::Wanted,
    tool::Edit,
};

/// A domain with its own nameservers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Split {
    /// Domain, such as `corp.example.com`.
    domain: String,
    /// Nameserver addresses, in order.
    nameservers: Vec<String>,
}

/// Change several parts of the DNS configuration at once; absent parts stay unchanged.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ConfigureDns {
    /// IPs or https:// URLs, in order.
    nameservers: Option<Vec<String>>,
    /// Devices use the nameservers, not those of their network.
    override_local_dns: Option<bool>,
    /// True turns MagicDNS on.
    magic_dns: Option<bool>,
    /// Search domains, in order.
    search_paths: Option<Vec<String>>,
    /// All split DNS routes.
    split_dns: Option<Vec<Split>>,
    /// Resolvers also used with an exit node.
    with_exit_node: Option<Vec<String>>,
}

impl Edit for ConfigureDns {
    const NAME: &'static str = "configure_dns";
    // The configuration applies to every device.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetDnsConfiguration, Operation::SetDnsConfiguration];
    const SCOPES: &'static [&'static str] = WRITES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let mut wanted = Wanted {
            nameservers: self.nameservers,
            override_local_dns: self.override_local_dns,
            magic_dns: self.magic_dns,
            search_paths: self.search_paths,
            split: None,
            with_exit_node: self.with_exit_node,
        };
        if let Some(domains) = self.split_dns {
            let mut split = std::collections::BTreeMap::new();
            for Split { domain, nameservers } in domains {
                if split.insert(domain.clone(), nameservers).is_some() {
                    return Err(Error::invalid_input("split_dns", format!("has `{domain}` twice")));
                }
            }
            wanted.split = Some(split);
        }
        if wanted.is_empty() {
            let fields = "nameservers, override_local_dns, magic_dns, search_paths, split_dns and \
                          with_exit_node";
            return Err(Error::nothing_to_change(fields));
        }
        tailnet.dns().plan_configuration(&wanted).await
    }
}

/// Replace the nameservers, in order; an empty list turns MagicDNS off.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ConfigureNameservers {
    /// IPs or https:// URLs.
    nameservers: Vec<String>,
}

impl Edit for ConfigureNameservers {
    const NAME: &'static str = "configure_nameservers";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::GetDnsConfiguration,
        Operation::SetDnsNameservers,
        Operation::SetDnsPreferences,
        Operation::SetDnsConfiguration,
    ];
    const SCOPES: &'static [&'static str] = WRITES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.dns().plan_nameservers(&self.nameservers).await
    }
}

/// Send names under a domain to its own nameservers (split DNS), replacing those it had.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AddDnsRoute {
    /// Domain, such as `corp.example.com`.
    domain: String,
    /// Addresses that replace those of the domain.
    nameservers: Vec<String>,
}

impl Edit for AddDnsRoute {
    const NAME: &'static str = "add_dns_route";
    const RISK: Risk = Risk::Change;
    // Replacing the resolvers of a domain can break name resolution.
    const WORST: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::GetDnsConfiguration,
        Operation::UpdateSplitDns,
        Operation::SetDnsConfiguration,
    ];
    const SCOPES: &'static [&'static str] = WRITES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.dns().plan_route(&self.domain, &self.nameservers).await
    }
}

/// Remove a domain's split DNS nameservers.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RemoveDnsRoute {
    /// Domain, such as `corp.example.com`.
    domain: String,
}

impl Edit for RemoveDnsRoute {
    const NAME: &'static str = "remove_dns_route";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetDnsConfiguration, Operation::UpdateSplitDns];
    const SCOPES: &'static [&'static str] = WRITES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.dns().plan_delete_route(&self.domain).await
    }
}

/// Replace the DNS search domains, in order.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SetSearchPaths {
    /// Search domains; may be empty.
    search_paths: Vec<String>,
}

impl Edit for SetSearchPaths {
    const NAME: &'static str = "set_search_paths";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetDnsConfiguration, Operation::SetDnsSearchPaths];
    const SCOPES: &'static [&'static str] = WRITES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.dns().plan_search_paths(&self.search_paths).await
    }
}

/// Enable MagicDNS, so that devices have DNS names.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct EnableMagicDns {}

impl Edit for EnableMagicDns {
    const NAME: &'static str = "enable_magic_dns";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetDnsConfiguration, Operation::SetDnsPreferences];
    const SCOPES: &'static [&'static str] = WRITES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.dns().plan_magic_dns(true).await
    }
}

/// Disable MagicDNS: device names and HTTPS certificates stop working.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DisableMagicDns {}

impl Edit for DisableMagicDns {
    const NAME: &'static str = "disable_magic_dns";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = EnableMagicDns::OPERATIONS;
    const SCOPES: &'static [&'static str] = WRITES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.dns().plan_magic_dns(false).await
    }
}
