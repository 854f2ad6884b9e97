//! Whether this machine reaches a port, and where it breaks if it does not.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::Serialize;

use super::{ThisNode, peer};
use crate::{
    Error, ErrorKind, Tailnet,
    client::Result,
    local::{Dialled, Peer, PeerPath, Status},
    policy::Answer,
    tailnet::policy_file::compute::compute,
};

/// How often the peer is pinged.
const PINGS: usize = 3;

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepState {
    /// The step works.
    Good,
    /// The step fails.
    Broken,
    /// The step could not be checked.
    Unknown,
}

/// Where a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Broken {
    /// The policy file does not allow it.
    Policy,
    /// The peer is not connected to the coordination server.
    Offline,
    /// The peer is connected, but does not answer pings.
    Path,
    /// The peer can be reached, but the port does not accept a connection.
    Port,
}

/// One step on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// What was looked at: `policy`, `online`, `ping` or `connect`.
    pub step: &'static str,
    /// How it went.
    pub state: StepState,
    /// What was found.
    pub found: String,
}

/// Whether this machine reaches a port.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Explained {
    /// Short name of this machine.
    pub machine: String,
    /// Short name of the peer, or of the router in front of the address.
    pub to: String,
    /// Address and port.
    pub at: String,
    /// Whether the connection was accepted. None if it could not be tried.
    pub reached: Option<bool>,
    /// The first step that fails. None if the connection works, or if that is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaks_at: Option<Broken>,
    /// What was found on the way.
    pub steps: Vec<Step>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The end of the way: a peer, and the address behind it.
struct Target<'s> {
    peer: &'s Peer,
    address: IpAddr,
    /// Whether the address is behind the peer, which is its subnet router.
    is_behind: bool,
}

impl ThisNode<'_> {
    /// Whether this machine reaches TCP `port` of a peer, or of an address behind a subnet router: what the
    /// policy file says, whether the peer is connected, whether it answers pings, and whether a connection is
    /// accepted.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if this node knows no route to it. A step that cannot be checked is
    /// unknown, which is not an error.
    pub async fn explain(&self, to: &str, port: u16) -> Result<Explained> {
        let status = self.daemon().status().await?.running()?;
        let target = target(&status, to)?;
        let at = SocketAddr::new(target.address, port);
        let mut explained = Explained {
            machine: status.machine().to_owned(),
            to: target.peer.short_name().to_owned(),
            at: at.to_string(),
            reached: None,
            breaks_at: None,
            steps: Vec::new(),
            next: None,
        };
        explained.take_policy(policy(self.tailnet(), &status, &target, port).await);
        explained.take_online(target.peer);
        explained.take_ping(self.ping_peer(status.machine(), target.peer, PINGS).await);
        explained.take_connection(self.daemon().dial(at, !status.tun).await, &target);
        Ok(explained)
    }
}

fn target<'s>(status: &'s Status, to: &str) -> Result<Target<'s>> {
    let found = peer(status, "to", to);
    let address: Option<IpAddr> = to.trim().parse().ok();
    match (found, address) {
        (Ok(peer), _) => {
            let own = peer.address();
            let address = address.or(own).ok_or_else(|| {
                let why = format!("`{}` has no address", peer.short_name());
                Error::new(ErrorKind::NotFound, why)
            })?;
            Ok(Target { peer, address, is_behind: false })
        }
        (Err(error), Some(address)) => {
            let routes = |it: &&Peer| longest(it, address).is_some();
            let able = status.peers.values().filter(routes);
            let peer = able.max_by_key(|it| longest(it, address)).ok_or(error)?;
            Ok(Target { peer, address, is_behind: true })
        }
        (Err(error), None) => Err(error),
    }
}

/// The prefix length of the most specific route of a peer to an address; its exit routes do not count.
fn longest(peer: &Peer, address: IpAddr) -> Option<u8> {
    let nets = peer.allowed.iter().filter_map(|it| it.parse::<IpNet>().ok());
    nets.filter(|it| it.prefix_len() > 0 && it.contains(&address)).map(|it| it.prefix_len()).max()
}

/// What the policy file says.
async fn policy(
    tailnet: &Tailnet,
    status: &Status,
    target: &Target<'_>,
    port: u16,
) -> Result<Answer> {
    let from = status.id().to_owned();
    let to = if target.is_behind { target.address.to_string() } else { target.peer.id.clone() };
    let judged = tailnet.policy_file().judged(None).await?;
    let answer = compute(move || judged.compiled().ask(&from, &to, None, port)).await?;
    answer.map_err(|why| {
        let why = format!(
            "the policy file cannot be checked for this machine and its destination: {why}"
        );
        Error::new(ErrorKind::NotFound, why)
    })
}

impl Explained {
    fn step(&mut self, step: &'static str, state: StepState, found: impl Into<String>) {
        self.steps.push(Step { step, state, found: found.into() });
    }

    /// The first place where it breaks counts.
    fn breaks(&mut self, at: Broken, next: impl Into<String>) {
        if self.breaks_at.is_none() {
            self.breaks_at = Some(at);
            self.next = Some(next.into());
        }
    }

    fn take_policy(&mut self, answer: Result<Answer>) {
        match answer {
            Ok(answer) if answer.allowed => {
                let by = answer
                    .by
                    .first()
                    .map(|it| format!(" by {} ({})", it.rule, it.at))
                    .unwrap_or_default();
                self.step("policy", StepState::Good, format!("allowed{by}"));
            }
            Ok(answer) => {
                let why = answer.because.first().map_or("no rule allows it", String::as_str);
                self.step("policy", StepState::Broken, why);
                self.breaks(
                    Broken::Policy,
                    "add a grant or an ACL rule to the policy file that allows it",
                );
            }
            Err(error) => self.step("policy", StepState::Unknown, error.to_string()),
        }
    }

    fn take_online(&mut self, peer: &Peer) {
        if peer.expired {
            self.step("online", StepState::Broken, "the peer's key has expired");
            self.breaks(Broken::Offline, "run `tailscale up` on the other machine to log in again");
        } else if peer.online {
            self.step("online", StepState::Good, "connected to the coordination server");
        } else {
            let seen = peer.last_seen.as_ref().and_then(crate::wire::Timestamp::instant);
            let seen = seen.map_or_else(String::new, |it| format!(", last seen {it:.0}"));
            self.step(
                "online",
                StepState::Broken,
                format!("not connected to the coordination server{seen}"),
            );
            self.breaks(Broken::Offline, "turn on the other machine, or start Tailscale on it");
        }
    }

    fn take_ping(&mut self, ping: Result<super::PeerPing>) {
        match ping {
            Ok(ping) if ping.answered > 0 => {
                let how = match ping.path {
                    Some(PeerPath::Direct) => "directly",
                    Some(PeerPath::PeerRelay) => "through a peer relay",
                    _ => "through a DERP relay",
                };
                let via = ping.via.map(|it| format!(" ({it})")).unwrap_or_default();
                let ms = ping.least_ms.unwrap_or_default();
                let (answered, sent) = (ping.answered, ping.sent);
                let found = format!("answered {answered} of {sent} {how}{via}, {ms} ms");
                self.step("ping", StepState::Good, found);
            }
            Ok(ping) => {
                let why = ping.error.unwrap_or_else(|| "no answer".to_owned());
                self.step("ping", StepState::Broken, why);
                let next = "check the other machine's network: it must allow outgoing UDP, and HTTPS to DERP relays";
                self.breaks(Broken::Path, next);
            }
            Err(error) => self.step("ping", StepState::Unknown, error.to_string()),
        }
    }

    fn take_connection(&mut self, dialled: Result<Dialled>, target: &Target<'_>) {
        let where_ =
            if target.is_behind { "the machine behind the router" } else { "the other machine" };
        match dialled {
            Ok(Dialled::Open) => {
                self.reached = Some(true);
                // A connection is the better proof.
                self.breaks_at = None;
                self.next = None;
                self.step("connect", StepState::Good, "the connection was accepted");
            }
            Ok(Dialled::Refused) => {
                self.reached = Some(false);
                self.step(
                    "connect",
                    StepState::Broken,
                    "connection refused: nothing listens on the port",
                );
                let next = format!(
                    "start the service on {where_}, on an address that is reachable from the tailnet"
                );
                self.breaks(Broken::Port, next);
            }
            Ok(Dialled::Silent) => {
                self.reached = Some(false);
                self.step("connect", StepState::Broken, "no answer within 5 seconds");
                let next = format!(
                    "check the firewall of {where_}, and whether it blocks incoming connections"
                );
                self.breaks(Broken::Port, next);
            }
            Ok(Dialled::Failed(why)) => {
                self.reached = Some(false);
                self.step("connect", StepState::Broken, why);
                self.breaks(Broken::Port, format!("check {where_}"));
            }
            Err(error) => {
                let remedy = error.advice().map(|it| format!("; {it}")).unwrap_or_default();
                self.step("connect", StepState::Unknown, format!("not tried: {error}{remedy}"));
            }
        }
    }
}
