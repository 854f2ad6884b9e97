//! How this node reaches its peers, and what it moves.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{ThisNode, peer, round_ms, seconds_ago};
use crate::{
    Error, ErrorKind,
    client::Result,
    local::{Moved, Peer, PeerPath, Ping, PingKind, UserMetrics},
};

/// The pause between two pings.
const PAUSE: Duration = Duration::from_millis(200);

/// The answers of a peer to pings.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PeerPing {
    /// Short name of this machine, which pinged.
    pub machine: String,
    /// Short name of the peer.
    pub peer: String,
    /// Whether the peer is connected to the coordination server.
    pub online: bool,
    /// How many pings were sent.
    pub sent: usize,
    /// How many were answered.
    pub answered: usize,
    /// How the last answered one went. None if none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PeerPath>,
    /// Where it went: the peer's address, or the relay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// The shortest round trip in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_ms: Option<f64>,
    /// The round trip of each that was answered, in milliseconds.
    pub ms: Vec<f64>,
    /// Why the last one was not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How packets go to a peer at present.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PathOf {
    /// Short name of the peer.
    pub peer: String,
    /// Whether it is connected to the coordination server.
    pub online: bool,
    /// How packets go.
    pub path: PeerPath,
    /// Where they go: the peer's address, the relay, or the peer's home DERP region.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub via: String,
    /// Bytes received from it since the daemon started.
    pub received: u64,
    /// Bytes sent to it since the daemon started.
    pub sent: u64,
    /// Seconds since the last handshake. None if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake_seconds: Option<i64>,
}

/// What this node moved in some seconds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct PeerTraffic {
    /// Short name of this machine.
    pub machine: String,
    /// How long it was measured, in seconds.
    pub seconds: f64,
    /// Bytes received from all peers.
    pub received: u64,
    /// Bytes sent to all peers.
    pub sent: u64,
    /// Peers with traffic, the most first.
    pub peers: Vec<MovedOf>,
    /// Bytes of either direction by path, as the daemon has counted them since it started.
    pub by_path_since_start: std::collections::BTreeMap<String, u64>,
}

/// What was moved to and from one peer.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct MovedOf {
    /// Short name of the peer.
    pub peer: String,
    /// Bytes received from it.
    pub received: u64,
    /// Bytes sent to it.
    pub sent: u64,
    /// The path at the end of the measurement.
    pub path: PeerPath,
}

impl ThisNode<'_> {
    /// Pings a peer `times` times from this node. The first ping often goes through a relay, while the direct
    /// path is found.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if this node knows no such peer. A peer that does not answer is no
    /// error.
    pub async fn ping(&self, name: &str, times: usize) -> Result<PeerPing> {
        let status = self.daemon().status().await?.running()?;
        self.ping_peer(status.machine(), peer(&status, "peer", name)?, times).await
    }

    /// Pings a peer that is known, from `machine`, which this node is.
    pub(super) async fn ping_peer(
        self,
        machine: &str,
        peer: &Peer,
        times: usize,
    ) -> Result<PeerPing> {
        let address = peer.address().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("`{}` has no address", peer.short_name()))
        })?;
        let mut found = PeerPing {
            machine: machine.to_owned(),
            peer: peer.short_name().to_owned(),
            online: peer.online,
            sent: 0,
            answered: 0,
            path: None,
            via: None,
            least_ms: None,
            ms: Vec::new(),
            error: None,
        };
        for number in 0..times {
            if number > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let ping = self.daemon().ping(address, PingKind::Disco).await?;
            found.take(&ping);
            // A peer that is not connected would be waited for each time.
            if !peer.online && found.answered == 0 {
                break;
            }
        }
        Ok(found)
    }

    /// How packets go to the peers that this node has exchanged some with, the most bytes first; or to the
    /// peer that is named.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if this node knows no such peer.
    pub async fn paths(&self, name: Option<&str>) -> Result<(String, Vec<PathOf>)> {
        let status = self.daemon().status().await?.running()?;
        let now = Timestamp::now();
        let path = |it: &Peer| PathOf {
            peer: it.short_name().to_owned(),
            online: it.online,
            path: it.path(),
            via: match it.path() {
                PeerPath::Direct => it.cur_addr.clone(),
                PeerPath::PeerRelay => it.peer_relay.clone(),
                _ => it.relay.clone(),
            },
            received: it.rx_bytes,
            sent: it.tx_bytes,
            handshake_seconds: seconds_ago(it.last_handshake.as_ref(), now),
        };
        let mut paths: Vec<PathOf> = if let Some(name) = name {
            vec![path(peer(&status, "device", name)?)]
        } else {
            let used = |it: &&Peer| it.rx_bytes > 0 || it.tx_bytes > 0 || it.active;
            status.peers.values().filter(used).map(path).collect()
        };
        paths.sort_by(|a, b| {
            let sum = |it: &PathOf| it.received.saturating_add(it.sent);
            sum(b).cmp(&sum(a)).then_with(|| a.peer.cmp(&b.peer))
        });
        Ok((status.machine().to_owned(), paths))
    }

    /// What this node sends and receives within `seconds`, by peer.
    ///
    /// # Errors
    ///
    /// [`DaemonDown`](ErrorKind::DaemonDown) if the daemon starts anew in between.
    pub async fn traffic(&self, seconds: u32) -> Result<PeerTraffic> {
        let before = self.daemon().counters().await?;
        tokio::time::sleep(Duration::from_secs(u64::from(seconds))).await;
        let after = self.daemon().counters().await?;
        let moved = after.since(&before).ok_or_else(|| {
            Error::new(
                ErrorKind::DaemonDown,
                "the Tailscale daemon was restarted during the measurement",
            )
            .with_remedy("measure again")
        })?;
        let metrics = self.daemon().user_metrics().await?;
        let sum = |of: fn(&Moved) -> u64| moved.iter().map(of).fold(0, u64::saturating_add);
        Ok(PeerTraffic {
            machine: after.machine.clone(),
            seconds: (after.seconds_since(&before) * 10.0).round() / 10.0,
            received: sum(|it| it.received),
            sent: sum(|it| it.sent),
            by_path_since_start: by_path(&metrics),
            peers: moved.into_iter().map(MovedOf::of).collect(),
        })
    }
}

impl MovedOf {
    fn of(moved: Moved) -> Self {
        let Moved { peer, received, sent, path, .. } = moved;
        Self { peer, received, sent, path }
    }
}

impl PeerPing {
    fn take(&mut self, ping: &Ping) {
        self.sent += 1;
        if !ping.error.is_empty() {
            self.error = Some(crate::visible::visible_up_to(&ping.error, 200).into_owned());
            return;
        }
        self.error = None;
        self.answered += 1;
        let (path, via) = if !ping.endpoint.is_empty() {
            (PeerPath::Direct, &ping.endpoint)
        } else if !ping.peer_relay.is_empty() {
            (PeerPath::PeerRelay, &ping.peer_relay)
        } else {
            (PeerPath::Derp, &ping.derp_region)
        };
        self.path = Some(path);
        self.via = Some(via.clone()).filter(|it| !it.is_empty());
        let ms = round_ms(ping.seconds);
        self.ms.push(ms);
        self.least_ms = Some(self.least_ms.map_or(ms, |it| it.min(ms)));
    }
}

/// Bytes of both directions by path, without paths that were never used.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counters are whole and positive, far below where floats lose ones"
)]
fn by_path(metrics: &UserMetrics) -> std::collections::BTreeMap<String, u64> {
    let mut sums = std::collections::BTreeMap::new();
    for (path, bytes) in metrics.inbound_bytes.iter().chain(&metrics.outbound_bytes) {
        *sums.entry(path.clone()).or_insert(0) += *bytes as u64;
    }
    sums.retain(|_, bytes| *bytes > 0);
    sums
}
