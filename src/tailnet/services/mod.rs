//! Tailscale Services: names with their own addresses, which devices host.
//!
//! This file reads them; [`plan`] plans changes to them.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::Value;

pub use crate::api::types::{ServiceHostInfo as Host, VipServiceInfo as Service};
use crate::{
    Operation,
    client::{
        Result,
        call::{self, Call},
    },
    tailnet::{Tailnet, devices::Device},
};

pub(crate) mod change;
mod check;
pub mod plan;
#[cfg(feature = "server")]
pub(crate) mod tools;

pub use self::plan::{Definition, Update};

/// The maximum number of hosts to show for one service.
const SHOWN: usize = 100;

/// The services of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Services<'a> {
    tailnet: &'a Tailnet,
}

/// A service and the devices that host it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ServiceDetails {
    /// The service with all fields of the API.
    pub service: Value,
    /// Number of devices that advertise the service.
    pub hosted_by: usize,
    /// Number of those devices that are approved.
    pub approved: usize,
    /// The hosts, approved ones first; at most 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostState>,
    /// Why the service is not reachable, and what could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A device that advertises a service.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct HostState {
    /// Short name of the device; absent if the credential may not list devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// ID of the device.
    pub id: String,
    /// `not-approved`, `approved:auto` (by the policy file) or `approved:manual`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// The configuration state, in the API's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configured: Option<String>,
    /// Other fields of the API.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl HostState {
    fn of(host: Host, devices: &[Device]) -> Self {
        let id = host.stable_node_id.unwrap_or_default();
        let device = devices.iter().find(|it| it.key() == id || it.id.as_deref() == Some(&*id));
        Self {
            device: device.map(|it| it.short_name().to_owned()),
            approval: host.approval_level.map(|it| it.to_string()),
            configured: host.configured.filter(|it| !it.is_empty()),
            extra: host.extra.into_iter().filter(|(_, value)| !call::is_empty(value)).collect(),
            id,
        }
    }

    /// Whether the host is approved, by an admin or by the policy file.
    pub fn is_approved(&self) -> bool {
        self.approval.as_deref().is_some_and(|it| it.starts_with("approved"))
    }
}

impl<'a> Services<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists all services (`GET /tailnet/{tailnet}/services`). Cached for a few seconds.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `services:read`.
    pub async fn list(&self) -> Result<Arc<Vec<Service>>> {
        let client = self.tailnet.client();
        client
            .cached("services".to_owned(), async {
                let response = self.tailnet.api()?.list_services().send().await?;
                Ok(response.into_inner().vip_services.unwrap_or_default())
            })
            .await
    }

    /// Reads a service (`GET /tailnet/{tailnet}/services/{serviceName}`) with its hosts
    /// (`GET /tailnet/{tailnet}/services/{serviceName}/devices`) and their names.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such service.
    pub async fn get(&self, service: &str) -> Result<ServiceDetails> {
        let name = check::name("service", service)?;
        let service = change::SERVICE.get(self.tailnet, &name).await?;
        let hosts = self.hosts_of(&name).await?;
        let (devices, unknown) = match self.tailnet.devices().list().await {
            Ok(devices) => (devices, None),
            Err(error) => (Arc::default(), Some(error)),
        };
        let mut hosts: Vec<HostState> =
            hosts.into_iter().map(|it| HostState::of(it, &devices)).collect();
        hosts.sort_by_key(|it| !it.is_approved());
        let hosted_by = hosts.len();
        let approved = hosts.iter().filter(|it| it.is_approved()).count();
        hosts.truncate(SHOWN);
        let mut notes = Vec::new();
        if hosts.is_empty() {
            notes.push("no device hosts it: run `tailscale serve --service` on one");
        } else if approved == 0 {
            notes.push("no host is approved, so it is unreachable: approve one");
        }
        let mut notes: Vec<String> = notes.into_iter().map(str::to_owned).collect();
        notes.extend(unknown.map(|it| format!("device names could not be read: {it}")));
        Ok(ServiceDetails { service, hosted_by, approved, hosts, notes })
    }

    /// Lists the devices that advertise a service.
    pub(crate) async fn hosts_of(&self, name: &str) -> Result<Vec<Host>> {
        let operation = Operation::ListServiceHosts;
        let path = [("serviceName", name)];
        let answer = self.tailnet.client().call(operation, Call::on(&path)).await?;
        call::typed_list(operation, call::records(answer, "hosts"))
    }

    pub(crate) fn tailnet(self) -> &'a Tailnet {
        self.tailnet
    }
}
