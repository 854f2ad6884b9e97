//! What the daemon of the server's machine knows.

use serde::Serialize;

use crate::{
    Error, Tailnet,
    client::Result,
    tailnet::this_node::{PathOf, PeerTraffic},
};

/// The longest measurement in seconds.
const LONGEST: u32 = 60;

/// What the server's machine moved while it was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// How many peers there are with traffic.
    total: usize,
    #[serde(flatten)]
    moved: PeerTraffic,
}

impl Measured {
    pub(super) async fn in_seconds(tailnet: &Tailnet, seconds: u32, most: usize) -> Result<Self> {
        if !(1..=LONGEST).contains(&seconds) {
            let should = format!("must be between 1 and {LONGEST}");
            return Err(Error::invalid_input("this_node_seconds", should));
        }
        let mut moved = tailnet.this_node().traffic(seconds).await?;
        let total = moved.peers.len();
        moved.peers.truncate(most);
        Ok(Self { total, moved })
    }
}

/// How the server's machine reaches its peers.
#[derive(Debug, Serialize)]
pub(crate) struct Paths {
    machine: String,
    /// How many peers there are.
    total: usize,
    peers: Vec<PathOf>,
    notes: Vec<&'static str>,
}

impl Paths {
    pub(super) async fn of(tailnet: &Tailnet, device: Option<&str>, most: usize) -> Result<Self> {
        let (machine, mut peers) = tailnet.this_node().paths(device).await?;
        let total = peers.len();
        peers.truncate(most);
        let mut notes = vec!["bytes are counted since the daemon of this machine started"];
        if peers.iter().any(|it| it.path == crate::local::PeerPath::Idle) {
            notes.push("an idle peer has no path at present; ping it to find one");
        }
        Ok(Self { machine, total, peers, notes })
    }
}
