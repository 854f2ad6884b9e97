//! Subnet routes and exit nodes.
//!
//! A device advertises routes, and an admin or the policy file approves (enables) them; a route is
//! served only if both hold. This file reads routes; [`plan`] plans changes to them.

use ipnet::IpNet;
use serde::Serialize;
use serde_json::Value;

use crate::{
    client::Result,
    tailnet::{
        Tailnet,
        devices::{Device, find, status::Status},
    },
};

mod approvers;
mod check;
mod findings;
pub mod plan;
#[cfg(feature = "server")]
pub(crate) mod tools;

use self::approvers::Approvers;

/// The routes of an exit node: a device advertises both.
pub(crate) const EXIT: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// The subnet routes and exit nodes of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Routes<'a> {
    tailnet: &'a Tailnet,
}

/// A device that advertises exit routes or has them enabled.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ExitNode {
    /// Short name of the device.
    pub device: String,
    /// Whether the device is connected.
    pub online: bool,
    /// Whether the device offers to be an exit node.
    pub advertised: bool,
    /// Whether the device is approved as an exit node, for both IPv4 and IPv6.
    pub approved: bool,
    /// Where the device is, if the API reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Value>,
    /// The device's preferred DERP region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Round-trip time to the preferred DERP region in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Why others cannot use the exit node, and other remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl ExitNode {
    fn of(device: &Device) -> Self {
        let advertised = EXIT.iter().filter(|it| advertises(device, it)).count();
        let approved = EXIT.iter().filter(|it| enables(device, it)).count();
        let status = Status::of(device, jiff::Timestamp::now());
        let region = status.preferred_region;
        let mut notes = Vec::new();
        if advertised == 0 {
            notes.push("it no longer advertises itself as an exit node");
        }
        if approved == 0 {
            notes.push("it needs approval as an exit node");
        }
        if approved == 1 {
            notes.push("it is approved for only one IP version: approve the other one too");
        }
        if device.is_shared_in() {
            notes.push("it is a shared-in device");
        }
        Self {
            device: device.short_name().to_owned(),
            online: device.is_online(),
            advertised: advertised > 0,
            approved: approved == EXIT.len(),
            location: device.extra.get("location").filter(|it| !it.is_null()).cloned(),
            latency_ms: region.as_ref().and_then(|it| status.latency_ms.get(it).copied()),
            region,
            notes: notes.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// The subnet routes of one device.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Router {
    /// Short name of the device.
    pub device: String,
    /// Whether the device is connected.
    pub online: bool,
    /// Routes that are advertised and enabled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<String>,
    /// Routes that are advertised but need approval.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
    /// Routes that are enabled but not advertised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_advertised: Vec<String>,
}

/// A route that needs approval.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Pending {
    /// The route, such as `10.20.0.0/16`.
    pub route: String,
    /// The place in the policy file that would auto-approve the route if it were advertised again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_approver: Option<String>,
}

/// The subnet routes of all devices, with findings.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Subnets {
    /// The subnet routers.
    pub routers: Vec<Router>,
    /// Overlaps and possible mistakes.
    pub findings: Vec<String>,
    /// What could not be read, and why.
    pub notes: Vec<String>,
}

impl<'a> Routes<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists the devices that advertise exit routes or have them enabled, sorted by name
    /// (`GET /tailnet/{tailnet}/devices`).
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `devices:core:read`.
    pub async fn exit_nodes(&self) -> Result<Vec<ExitNode>> {
        let list = self.tailnet.devices().list().await?;
        let mut nodes: Vec<ExitNode> =
            list.iter().filter(|it| it.is_exit_node()).map(ExitNode::of).collect();
        nodes.sort_by(|a, b| a.device.cmp(&b.device));
        Ok(nodes)
    }

    /// Lists all subnet routers, or only `device` (`GET /tailnet/{tailnet}/devices`), with overlaps
    /// between their routes and what the policy file auto-approves (`GET /tailnet/{tailnet}/acl`).
    /// If the credential may not read the policy file, a note says so.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `devices:core:read`;
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such device.
    pub async fn subnets(&self, device: Option<&str>) -> Result<Subnets> {
        let list = self.tailnet.devices().list().await?;
        let only = device.map(|it| find::find(&list, it)).transpose()?;
        let approvers = Approvers::of(self.tailnet).await?;
        let mut judge = approvers.judge();
        let all: Vec<&Device> = list.iter().filter(|it| it.is_subnet_router()).collect();
        let wanted = all.iter().filter(|it| only.is_none_or(|only| only.key() == it.key()));
        let mut routers: Vec<Router> = wanted
            .map(|it| Router {
                device: it.short_name().to_owned(),
                online: it.is_online(),
                serves: subnets(it.advertised_routes.as_deref(), |route| enables(it, route)),
                pending: subnets(it.advertised_routes.as_deref(), |route| !enables(it, route))
                    .into_iter()
                    .map(|route| Pending { auto_approver: judge.of(it, &route), route })
                    .collect(),
                not_advertised: subnets(it.enabled_routes.as_deref(), |route| {
                    !advertises(it, route)
                }),
            })
            .collect();
        routers.sort_by(|a, b| a.device.cmp(&b.device));
        Ok(Subnets {
            routers,
            findings: findings::of(&all, only),
            notes: approvers.unknown().into_iter().collect(),
        })
    }

    pub(crate) fn tailnet(self) -> &'a Tailnet {
        self.tailnet
    }
}

pub(crate) fn is_exit(route: &str) -> bool {
    EXIT.contains(&route)
}

fn advertises(device: &Device, route: &str) -> bool {
    has(device.advertised_routes.as_deref(), route)
}

fn enables(device: &Device, route: &str) -> bool {
    has(device.enabled_routes.as_deref(), route)
}

fn has(list: Option<&[String]>, route: &str) -> bool {
    list.unwrap_or_default().iter().any(|it| it == route)
}

/// The subnet routes in a list that meet a condition, sorted.
fn subnets(list: Option<&[String]>, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let list = list.unwrap_or_default().iter();
    let mut routes: Vec<String> = list.filter(|it| !is_exit(it) && fits(it)).cloned().collect();
    routes.sort();
    routes.dedup();
    routes
}

/// The subnet routes that a device serves: advertised and enabled.
fn served(device: &Device) -> impl Iterator<Item = IpNet> {
    let served = subnets(device.advertised_routes.as_deref(), |it| enables(device, it));
    served.into_iter().filter_map(|it| it.parse().ok())
}
