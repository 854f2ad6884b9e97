//! What this node sent and received, by peer, between two moments.

use std::{collections::BTreeMap, time::Instant};

use super::{Daemon, Peer, PeerPath};
use crate::client::Result;

/// What the daemon counted of each peer since it started.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Counters {
    /// Short name of this machine.
    pub machine: String,
    at: Instant,
    peers: BTreeMap<String, Peer>,
}

/// What was sent and received between two moments.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Moved {
    /// Stable ID of the peer.
    pub id: String,
    /// Short name of the peer.
    pub peer: String,
    /// Bytes received from it.
    pub received: u64,
    /// Bytes sent to it.
    pub sent: u64,
    /// The path at the end of the measurement.
    pub path: PeerPath,
}

impl Counters {
    /// How long after `earlier` these were read, in seconds.
    pub fn seconds_since(&self, earlier: &Self) -> f64 {
        self.at.duration_since(earlier.at).as_secs_f64()
    }

    /// What was sent and received since `earlier`, the most first. None if the daemon was restarted in
    /// between, which resets its counters.
    pub fn since(&self, earlier: &Self) -> Option<Vec<Moved>> {
        let mut moved = Vec::new();
        for (key, now) in &self.peers {
            let (rx, tx) = earlier.peers.get(key).map_or((0, 0), |it| (it.rx_bytes, it.tx_bytes));
            let (received, sent) = (now.rx_bytes.checked_sub(rx)?, now.tx_bytes.checked_sub(tx)?);
            if received > 0 || sent > 0 {
                let (id, peer) = (now.id.clone(), now.short_name().to_owned());
                moved.push(Moved { id, peer, received, sent, path: now.path() });
            }
        }
        moved.sort_by(|a, b| {
            let sum = |it: &Moved| it.received.saturating_add(it.sent);
            sum(b).cmp(&sum(a)).then_with(|| a.peer.cmp(&b.peer))
        });
        Some(moved)
    }
}

impl Daemon {
    /// What the daemon has counted of each peer (`GET status`).
    ///
    /// # Errors
    ///
    /// The same as [`status`](Self::status), and
    /// [`DaemonLoggedOut`](crate::ErrorKind::DaemonLoggedOut) if this node is in no tailnet.
    pub async fn counters(&self) -> Result<Counters> {
        let status = self.status().await?.running()?;
        let machine = status.machine().to_owned();
        Ok(Counters { machine, at: Instant::now(), peers: status.peers })
    }
}
