//! Traffic, from network flow logs.

use serde::{Deserialize, Serialize};

use crate::report::Relayed;

/// Traffic in bytes. What both ends report counts once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrafficPart {
    /// Start of the time that it is of, RFC 3339. It may be shorter than the window of the report.
    pub from: String,
    /// Its end.
    pub to: String,
    /// Percent of that time that was read.
    pub percent: f64,
    /// All bytes.
    pub bytes: u64,
    /// Bytes within the tailnet.
    pub inside: u64,
    /// Bytes to and from subnets.
    pub subnet: u64,
    /// Bytes through exit nodes.
    pub exit: u64,
    /// What was relayed. None if no paths are reported.
    pub relayed: Option<Relayed>,
    /// The devices that moved the most.
    pub talkers: Vec<Talker>,
    /// How many more devices had traffic.
    pub more: usize,
    /// From tag to tag.
    pub tags: TagTable,
    /// The services with the most traffic.
    pub services: Vec<Service>,
    /// Who sent the most to the internet, through an exit node or as one.
    pub exit_nodes: Vec<ExitTalker>,
    /// How often connections were refused.
    pub refused: u64,
    /// Who refused whom the most often.
    pub refusals: Vec<Refused>,
    /// What is not known, or was not read.
    pub notes: Vec<String>,
}

/// A device that moved much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Talker {
    /// Short name, or the address if it has none.
    pub name: String,
    /// Bytes that it sent to other devices, and to subnets.
    pub sent: u64,
    /// Bytes that it received.
    pub received: u64,
    /// Bytes that it carried as a subnet router.
    pub carried: u64,
    /// Bytes of exit traffic.
    pub exit: u64,
    /// Percent of its bytes that were relayed. None if no path is known.
    pub relayed_percent: Option<f64>,
}

impl Talker {
    /// All of it: what it exchanged with others, what it carried, and its exit traffic.
    pub fn moved(&self) -> u64 {
        let own = self.sent.saturating_add(self.received);
        own.saturating_add(self.carried).saturating_add(self.exit)
    }
}

/// Bytes from tag to tag. A device with several tags counts for each of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TagTable {
    /// Percent of the bytes within the tailnet that went between two tagged devices.
    pub covers_percent: f64,
    /// The tags, the most traffic first.
    pub tags: Vec<String>,
    /// How many more tags had traffic.
    pub more: usize,
    /// For each tag, the bytes to each tag.
    pub bytes: Vec<Vec<u64>>,
}

/// Traffic with one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Who offers it; empty if that is not known.
    pub at: String,
    /// The protocol, with the port if it has one, such as `tcp/443`.
    pub port: String,
    /// Bytes to the service.
    pub received: u64,
    /// Bytes from it.
    pub sent: u64,
}

/// Exit traffic that one device reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitTalker {
    /// Short name.
    pub name: String,
    /// Whether it is an exit node; otherwise it uses one.
    pub is_exit_node: bool,
    /// Bytes that it sent.
    pub sent: u64,
    /// Bytes that it received.
    pub received: u64,
}

/// How often one refused connections of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Who refused.
    pub by: String,
    /// Who was refused.
    pub to: String,
    /// How often.
    pub times: u64,
}
