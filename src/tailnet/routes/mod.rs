//! Routes through devices: subnets behind them, and ways out to the internet.
//!
//! A device advertises routes, and an admin or the policy file enables them; only what is both is
//! served. Reads are in this file. A change is planned ([`plan`]), which only reads, and then
//! applied.

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

/// The ways out to the internet: both of them, as a device advertises them.
pub(crate) const EXIT: [&str; 2] = ["0.0.0.0/0", "::/0"];

/// The routes through the devices of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Routes<'a> {
    tailnet: &'a Tailnet,
}

/// A device that offers to be an exit node, or may be one.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ExitNode {
    /// Its short name.
    pub device: String,
    /// Whether it is connected.
    pub online: bool,
    /// Whether it offers to be one.
    pub advertised: bool,
    /// Whether it may be one, for both versions of IP.
    pub approved: bool,
    /// Where it is, as far as it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Value>,
    /// The relay region that it prefers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Its round trip there in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// What keeps others from using it.
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
            notes.push("it does not offer to be one any more");
        }
        if approved == 0 {
            notes.push("it needs approval as an exit node");
        }
        if approved == 1 {
            notes.push("it is approved for one version of IP only: approve the other, too");
        }
        if device.is_shared_in() {
            notes.push("it is shared in from another tailnet");
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

/// The subnets behind one device.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Router {
    /// Its short name.
    pub device: String,
    /// Whether it is connected.
    pub online: bool,
    /// Advertised and enabled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<String>,
    /// Advertised, and waiting for approval.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Pending>,
    /// Enabled, and not advertised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_advertised: Vec<String>,
}

/// A route that needs approval.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Pending {
    /// The route.
    pub route: String,
    /// The place in the policy file that would approve it, if it were advertised anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_approver: Option<String>,
}

/// The subnets behind the devices, and what is odd about them.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Subnets {
    /// By device.
    pub routers: Vec<Router>,
    /// What is odd about them, and what they are to each other.
    pub findings: Vec<String>,
    /// What is not known.
    pub notes: Vec<String>,
}

impl<'a> Routes<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists the devices that offer to be exit nodes, or may be ones
    /// (`GET /tailnet/{tailnet}/devices`), by name.
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

    /// Lists the devices that route subnets, or one of them (`GET /tailnet/{tailnet}/devices`), and
    /// says what their routes are to each other and to the policy file
    /// (`GET /tailnet/{tailnet}/acl`). What the credential may not read of that is left out.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `devices:core:read`;
    /// [`NotFound`](crate::ErrorKind::NotFound) for a device that is not there.
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

/// The routes of a list that lead to subnets and fit, in order.
fn subnets(list: Option<&[String]>, fits: impl Fn(&str) -> bool) -> Vec<String> {
    let list = list.unwrap_or_default().iter();
    let mut routes: Vec<String> = list.filter(|it| !is_exit(it) && fits(it)).cloned().collect();
    routes.sort();
    routes.dedup();
    routes
}

/// The subnets that a device really serves: offered and allowed.
fn served(device: &Device) -> impl Iterator<Item = IpNet> {
    let served = subnets(device.advertised_routes.as_deref(), |it| enables(device, it));
    served.into_iter().filter_map(|it| it.parse().ok())
}
