//! Whether what Funnel needs is there, in the order in which it is needed.

use serde::Serialize;

use super::{Funnel, plan::USUAL_PORTS};
use crate::{
    client::Result,
    local::{Peer, Prefs, Status},
};

/// The name of the capability that lists the ports, before its query.
const PORTS: &str = "https://tailscale.com/cap/funnel-ports";

/// What a Funnel needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Requirement {
    /// What is needed: `magic_dns`, `https`, `funnel_attribute` or `shields_down`.
    pub need: &'static str,
    /// Whether it is there.
    pub met: bool,
    /// The change that would provide it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<&'static str>,
}

/// Whether a Funnel can work on this node.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ready {
    /// Short name of the machine.
    pub machine: String,
    /// Name of the node in MagicDNS, without a dot at its end.
    pub host: String,
    /// Stable ID of the node.
    pub id: String,
    /// What is needed.
    pub requirements: Vec<Requirement>,
    /// The ports that a Funnel may have, single ones and ranges.
    pub ports: Vec<String>,
    /// The node.
    pub(super) node: Peer,
    /// Login of its owner; empty if it is tagged, or unknown.
    pub(super) owner: String,
}

impl Ready {
    /// Whether a need is met.
    pub fn has(&self, need: &str) -> bool {
        self.requirements.iter().any(|it| it.need == need && it.met)
    }

    /// Whether a Funnel may have this port.
    pub fn allows(&self, port: u16) -> bool {
        self.ports.iter().any(|it| match it.split_once('-') {
            None => it.parse() == Ok(port),
            Some((first, last)) => {
                let (first, last) = (first.parse::<u16>(), last.parse::<u16>());
                first.is_ok_and(|it| it <= port) && last.is_ok_and(|it| port <= it)
            }
        })
    }

    /// Judges what the daemon says.
    pub fn of(status: &Status, prefs: &Prefs) -> Self {
        let node = status.node.clone().unwrap_or_default();
        let magic_dns = status.tailnet.as_ref().is_some_and(|it| it.magic_dns);
        let https = node.has("https") && !status.cert_domains.is_empty();
        let need = |need, met: bool, mend: &'static str| Requirement {
            need,
            met,
            mend: (!met).then_some(mend),
        };
        let requirements = vec![
            need("magic_dns", magic_dns, "turn on MagicDNS in the tailnet's DNS settings"),
            need("https", https, "turn on HTTPS certificates in the tailnet's settings"),
            need(
                "funnel_attribute",
                node.has("funnel"),
                "give this node the attribute `funnel` in nodeAttrs of the policy file",
            ),
            need("shields_down", !prefs.shields_up, "turn off shields up on this machine"),
        ];
        let ports = node.cap_map.keys().filter_map(|it| it.strip_prefix(PORTS)?.strip_prefix('?'));
        let lists = ports.flat_map(|query| {
            let found = query.split('&').filter_map(|it| it.strip_prefix("ports="));
            found.flat_map(|it| it.split(',')).map(str::to_owned).collect::<Vec<_>>()
        });
        let mut ports: Vec<String> = lists.filter(|it| !it.is_empty()).collect();
        if ports.is_empty() {
            ports = USUAL_PORTS.map(|port| port.to_string()).to_vec();
        }
        let owner = status.users.get(&node.user_id.to_string()).map(|it| it.login_name.clone());
        let owner = owner.filter(|_| node.tags.is_empty()).unwrap_or_default();
        Self {
            machine: status.machine().to_owned(),
            host: node.full_name().to_owned(),
            id: node.id.clone(),
            requirements,
            ports,
            node,
            owner,
        }
    }
}

impl Funnel<'_> {
    /// Whether a Funnel can work on this node, by its daemon.
    ///
    /// # Errors
    ///
    /// The same as [`Daemon::status`](crate::local::Daemon::status), and
    /// [`DaemonLoggedOut`](crate::ErrorKind::DaemonLoggedOut).
    pub async fn ready(&self) -> Result<Ready> {
        let status = self.daemon().own_status().await?.running()?;
        let prefs = self.daemon().prefs().await?;
        Ok(Ready::of(&status, &prefs))
    }
}
