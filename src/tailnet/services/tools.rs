//! Tools for services.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Definition, Service, ServiceDetails, Update};
use crate::{
    Error, Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tool::{Edit, List, Page, PageSize, Part, Query, Toolset, edit, list, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "services",
    about: "Tailscale Services: names with their own addresses, hosted by devices.",
    instructions: "A service needs a device that hosts it, and approval of that host.",
    default: false,
    tools: &[
        list::<ServicesList>(),
        query::<ServicesGet>(),
        edit::<ServicesCreate>(),
        edit::<ServicesUpdate>(),
        edit::<ServicesDelete>(),
        edit::<ServicesApproveHost>(),
    ],
};

/// List which services exist, with their display names, addresses, ports and tags.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ServicesList {}

/// One service as the list shows it.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addrs: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

impl Row {
    fn of(service: &Service) -> Self {
        let list = |it: &Option<Vec<String>>| it.clone().unwrap_or_default();
        Self {
            name: service.name.clone().unwrap_or_default(),
            display_name: service.display_name.clone().filter(|it| !it.is_empty()),
            comment: service.comment.clone().filter(|it| !it.is_empty()),
            addrs: list(&service.addrs),
            ports: list(&service.ports),
            tags: list(&service.tags),
        }
    }
}

impl List for ServicesList {
    const NAME: &'static str = "services_list";
    const OPERATIONS: &'static [Operation] = &[Operation::ListServices];
    const PAGE: PageSize = PageSize { usual: 50, max: 200 };
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        let services = tailnet.services().list().await?;
        let mut sorted: Vec<_> = services.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        Page::of("services", sorted.into_iter().map(Row::of), &part)
    }
}

/// Show a service with the devices that host it and their approval.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ServicesGet {
    /// Service name, such as `svc:web`.
    service: String,
}

impl Query for ServicesGet {
    const NAME: &'static str = "services_get";
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetService, Operation::ListServiceHosts, Operation::ListTailnetDevices];
    type Output = ServiceDetails;

    async fn call(self, tailnet: &Tailnet) -> Result<ServiceDetails> {
        tailnet.services().get(&self.service).await
    }
}

/// Create a service.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ServicesCreate {
    /// Service name, such as `svc:web`.
    service: String,
    /// `tcp:443`, `8000-8010` or `do-not-validate`.
    ports: Vec<String>,
    /// Tags, such as `tag:web`.
    #[serde(default)]
    tags: Vec<String>,
    /// Comment, free text.
    #[serde(default)]
    comment: String,
    /// Name shown to people.
    #[serde(default)]
    display_name: String,
    /// IPv4 address; by default any free one.
    ipv4: Option<String>,
}

impl Edit for ServicesCreate {
    const NAME: &'static str = "services_create";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetService, Operation::GetPolicyFile, Operation::UpdateService];
    // Without read access to the policy file, the plan only warns that tags were not checked.
    const SCOPES: &'static [&'static str] = &["services"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let definition = Definition {
            ports: self.ports,
            tags: self.tags,
            comment: self.comment,
            display_name: self.display_name,
            ipv4: self.ipv4,
        };
        tailnet.services().plan_create(&self.service, &definition).await
    }
}

/// Change a service; absent fields stay unchanged.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ServicesUpdate {
    /// Service name, such as `svc:web`.
    service: String,
    /// Ports that replace all it has.
    ports: Option<Vec<String>>,
    /// Tags that replace all it has.
    tags: Option<Vec<String>>,
    /// Comment, free text.
    comment: Option<String>,
    /// Name shown to people.
    display_name: Option<String>,
    /// IPv4 address in 100.64.0.0/10.
    ipv4: Option<String>,
}

impl Edit for ServicesUpdate {
    const NAME: &'static str = "services_update";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = ServicesCreate::OPERATIONS;
    const SCOPES: &'static [&'static str] = ServicesCreate::SCOPES;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let update = Update {
            ports: self.ports,
            tags: self.tags,
            comment: self.comment,
            display_name: self.display_name,
            ipv4: self.ipv4,
        };
        if update.is_empty() {
            let fields = "ports, tags, comment, display_name and ipv4";
            return Err(Error::nothing_to_change(fields));
        }
        tailnet.services().plan_update(&self.service, &update).await
    }
}

/// Delete a service; its hosts lose their approval.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ServicesDelete {
    /// Service name, such as `svc:web`.
    service: String,
}

impl Edit for ServicesDelete {
    const NAME: &'static str = "services_delete";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetService, Operation::ListServiceHosts, Operation::DeleteService];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.services().plan_delete(&self.service).await
    }
}

/// Approve or reject a device as a host of a service.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ServicesApproveHost {
    /// Service name, such as `svc:web`.
    service: String,
    /// Device name, start of name, ID or IP.
    device: String,
    /// True approves the host, false rejects it.
    approved: bool,
}

impl Edit for ServicesApproveHost {
    const NAME: &'static str = "services_approve_host";
    const RISK: Risk = Risk::Change;
    // A service becomes unreachable without its last host.
    const WORST: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListTailnetDevices,
        Operation::GetServiceDeviceApproval,
        Operation::ListServiceHosts,
        Operation::UpdateServiceDeviceApproval,
    ];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.services().plan_approval(&self.service, &self.device, self.approved).await
    }
}
