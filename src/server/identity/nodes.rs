//! The nodes of the tailnet as callers: the Tailscale daemon says who is behind a connection, and what grants
//! of the policy file allow.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::{Connection, Forwarded, NotAllowed};
use crate::{
    catalogue::Allowance,
    client::{Error, Result},
    guard::{CallerNode, Principal},
    local::{Daemon, Status, WhoIs},
    server::{holder::Holder, refusal::Refusal},
    visible::visible_up_to,
};

/// How long the daemon may take to say who somebody is.
const WHOIS_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it is known which node this machine is.
const OWN_FRESH: Duration = Duration::from_secs(5);
/// The most characters of a login or a node's name.
const MAX_NAME: usize = 255;
/// The domain whose capabilities Tailscale defines.
const RESERVED: &str = "tailscale.com";

/// Which nodes may call, and by which capability.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeRules {
    /// The name of the capability in grants, such as `example.com/cap/tailsteward`.
    pub capability: String,
    /// Whether programs of this machine may call through its own Tailscale address.
    pub allow_self: bool,
    /// Whether nodes of other tailnets may call.
    pub allow_shared: bool,
}

impl NodeRules {
    /// Rules by which only nodes of this tailnet may call, and not this machine itself.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) unless `capability` has the form
    /// `DOMAIN/PATH` and is not of Tailscale.
    pub fn new(capability: &str) -> Result<Self> {
        let (domain, path) = capability.split_once('/').unwrap_or_default();
        let is_reserved = domain == RESERVED || domain.ends_with(".tailscale.com");
        let is_plain = |it: char| it.is_ascii_alphanumeric() || "-._/".contains(it);
        let fits = domain.contains('.') && !path.is_empty() && capability.chars().all(is_plain);
        if !fits || is_reserved || capability.len() > MAX_NAME {
            return Err(Error::invalid_input(
                "--capability",
                "must be a name under a domain that you own, such as `example.com/cap/tailsteward`; tailscale.com \
                 is reserved",
            ));
        }
        let capability = capability.to_owned();
        Ok(Self { capability, allow_self: false, allow_shared: false })
    }
}

/// The nodes of the tailnet, as the daemon on this machine knows them.
#[derive(Debug)]
pub struct Nodes {
    daemon: Daemon,
    rules: NodeRules,
    /// Which node this machine is, and the suffix of its tailnet's names.
    own: Mutex<Option<(Instant, Own)>>,
}

#[derive(Debug, Clone)]
struct Own {
    id: String,
    suffix: String,
}

impl Nodes {
    /// The nodes that `daemon` knows.
    pub fn new(daemon: Daemon, rules: NodeRules) -> Self {
        Self { daemon, rules, own: Mutex::default() }
    }

    /// The state of this machine in its tailnet.
    ///
    /// # Errors
    ///
    /// If the daemon does not answer, or this machine is in no tailnet.
    pub async fn status(&self) -> Result<Status> {
        self.daemon.own_status().await?.running()
    }

    /// This node's name in `MagicDNS`, if its tailnet has that.
    pub(in crate::server) fn magic_name(status: &Status) -> Option<String> {
        let has_names = status.tailnet.as_ref().is_some_and(|it| it.magic_dns);
        let name = status.node.as_ref()?.full_name();
        (has_names && !name.is_empty()).then(|| name.to_owned())
    }

    /// The names by which other nodes reach this one.
    pub(in crate::server) fn names(status: &Status) -> Vec<String> {
        let node = status.node.as_ref();
        let both = node.into_iter().flat_map(|it| [it.full_name(), it.short_name()]);
        let names = both.filter(|it| !it.is_empty()).map(str::to_owned);
        let addresses = status.addresses.iter().map(|it| match it {
            IpAddr::V4(it) => it.to_string(),
            IpAddr::V6(it) => format!("[{it}]"),
        });
        names.chain(addresses).collect()
    }

    /// Who is behind a TCP connection, asked at most every few seconds.
    pub(in crate::server) async fn of_connection(
        &self,
        connection: &Connection,
    ) -> Result<Holder, Refusal> {
        let Some(peer) = connection.peer() else {
            return Err(Refusal::NotAllowed(NotAllowed::NotOfTailnet));
        };
        connection.holder(self.behind(peer)).await
    }

    /// Who sent a request that `tailscale serve` handed on.
    pub(in crate::server) async fn of_request(
        &self,
        forwarded: &Forwarded,
    ) -> Result<Holder, Refusal> {
        if forwarded.is_funnel {
            return Err(Refusal::NotAllowed(NotAllowed::Funnel));
        }
        let Some(address) = forwarded.address else {
            return Err(Refusal::NotAllowed(NotAllowed::NotOfTailnet));
        };
        let holder = self.identify(SocketAddr::new(address, 0)).await?;
        // Serve names no login for a tagged node.
        if forwarded.login.as_ref().is_some_and(|it| holder.login() != Some(it)) {
            return Err(Refusal::NotAllowed(NotAllowed::Disagree));
        }
        Ok(holder)
    }

    /// Who is behind a peer, which must be of a tailnet's addresses or, since daemons without a network device
    /// connect from there, a loopback address.
    pub(in crate::server) async fn behind(&self, peer: SocketAddr) -> Result<Holder, Refusal> {
        let address = peer.ip().to_canonical();
        if !address.is_loopback() && !is_of_tailnets(address) {
            return Err(Refusal::NotAllowed(NotAllowed::NotOfTailnet));
        }
        self.identify(peer).await
    }

    async fn identify(&self, peer: SocketAddr) -> Result<Holder, Refusal> {
        let unknown = |error: &Error| {
            tracing::warn!(%error, "the Tailscale daemon does not say who calls");
            Refusal::Unknown(error.to_string())
        };
        let asked = async {
            let (own, found) = tokio::try_join!(self.own(), self.daemon.whois(peer))?;
            Ok::<_, Error>((own, found))
        };
        let late = || Error::new(crate::ErrorKind::Timeout, "the Tailscale daemon is too slow");
        let asked = tokio::time::timeout(WHOIS_TIMEOUT, asked).await;
        let (own, found) = asked.unwrap_or_else(|_| Err(late())).map_err(|it| unknown(&it))?;
        let found = found.ok_or(Refusal::NotAllowed(NotAllowed::NotOfTailnet))?;
        self.judge(&own, &found).map_err(Refusal::NotAllowed)
    }

    /// Which node this machine is. It can log in anew as another one.
    async fn own(&self) -> Result<Own> {
        let mut known = self.own.lock().await;
        if let Some((_, own)) = known.as_ref().filter(|it| it.0.elapsed() < OWN_FRESH) {
            return Ok(own.clone());
        }
        *known = None;
        let status = self.status().await?;
        let suffix = status.tailnet.as_ref().map(|it| it.suffix.clone()).unwrap_or_default();
        let own = Own { id: status.id().to_owned(), suffix };
        *known = Some((Instant::now(), own.clone()));
        Ok(own)
    }

    /// Whether the node may call, and as whom.
    fn judge(&self, own: &Own, found: &WhoIs) -> Result<Holder, NotAllowed> {
        let node = caller(own, found);
        // Without an ID it could be any node.
        if node.node_id.is_empty() {
            return Err(NotAllowed::NotOfTailnet);
        }
        if node.node_id == own.id && !self.rules.allow_self {
            return Err(NotAllowed::OwnNode);
        }
        if node.is_shared && !self.rules.allow_shared {
            return Err(NotAllowed::Shared);
        }
        let capability = &self.rules.capability;
        let entries = found.capabilities.get(capability).map(Vec::as_slice).unwrap_or_default();
        if entries.is_empty() {
            return Err(NotAllowed::NoCapability(capability.clone()));
        }
        let allowances = Allowance::read_all(capability, entries).map_err(|error| {
            tracing::warn!(node = node.title(), %error, "a grant cannot be used; its node is refused");
            NotAllowed::Malformed(error.to_string())
        })?;
        if !allowances.iter().any(|it| it.has_tools() || it.metrics) {
            return Err(NotAllowed::NothingAllowed(capability.clone()));
        }
        Ok(Holder::limited(Principal::of_node(node, allowances.into())))
    }
}

fn caller(own: &Own, found: &WhoIs) -> CallerNode {
    let shown = |text: &str| visible_up_to(text, MAX_NAME).into_owned();
    let name = shown(found.node.name.trim_end_matches('.'));
    let mut node = CallerNode::new(name, found.node.stable_id.clone(), found.node.user);
    node.tags = found.node.tags.iter().map(|it| shown(it)).collect();
    let has_person = node.tags.is_empty() && !found.user.login_name.is_empty();
    node.login = has_person.then(|| shown(&found.user.login_name));
    node.is_shared = found.node.is_of_another(&own.suffix);
    node
}

/// Whether nodes of a tailnet have addresses like that.
fn is_of_tailnets(address: IpAddr) -> bool {
    match address {
        // 100.64.0.0/10
        IpAddr::V4(it) => it.octets()[0] == 100 && it.octets()[1] & 0xc0 == 64,
        // fd7a:115c:a1e0::/48
        IpAddr::V6(it) => it.segments()[..3] == [0xfd7a, 0x115c, 0xa1e0],
    }
}

#[cfg(test)]
mod tests {
    use super::is_of_tailnets;

    #[test]
    fn addresses_of_tailnets_are_known_in_every_form() {
        for (address, is) in [
            ("100.64.0.1", true),
            ("100.127.255.254", true),
            ("::ffff:100.64.0.1", true),
            ("fd7a:115c:a1e0::1", true),
            ("100.63.255.255", false),
            ("100.128.0.0", false),
            ("::ffff:192.168.1.1", false),
            ("fd7a:115c:a1e1::1", false),
            ("2001:db8::1", false),
        ] {
            let parsed: Result<std::net::IpAddr, _> = address.parse();
            assert_eq!(parsed.map(|it| is_of_tailnets(it.to_canonical())), Ok(is), "{address}");
        }
    }
}
