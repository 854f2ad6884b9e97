//! What changed, and the devices.

use serde::{Deserialize, Serialize};

/// What is different from the last report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// When the last report was made.
    pub last: String,
    /// The changes.
    pub changes: Vec<Change>,
    /// How many more.
    pub more: usize,
    /// What the policy file's change does, one effect per line; empty if it did not change.
    pub policy: Vec<String>,
    /// The score of the last report, and of this one, where they are known.
    pub score: (Option<u8>, Option<u8>),
    /// What could not be compared, and why.
    pub notes: Vec<String>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What changed: `new device`, `device gone`, `renamed`, `tags`, `routes`, `role`, `new user`, `user gone`.
    pub what: String,
    /// Of which device or user.
    pub name: String,
    /// The value before; empty if there was none.
    pub from: String,
    /// The value now; empty if there is none.
    pub to: String,
}

/// How many there are of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Of what.
    pub name: String,
    /// How many.
    pub count: usize,
}

/// The devices of the tailnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// Own devices.
    pub total: usize,
    /// Own devices that are connected now.
    pub online: usize,
    /// Devices shared in from other tailnets, which are counted nowhere else.
    pub shared_in: usize,
    /// By operating system, the most common first.
    pub systems: Vec<Count>,
    /// By minor version of the client, the newest first.
    pub versions: Vec<VersionCount>,
    /// By how long ago they were added.
    pub ages: Vec<Count>,
    /// By owner: tagged, or of users.
    pub owners: Vec<Count>,
    /// The devices, the worst first.
    pub devices: Vec<DeviceRow>,
    /// How many more devices there are.
    pub more: usize,
}

/// How many devices run a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionCount {
    /// The version, such as `1.82`; `unknown` if the API gives none.
    pub version: String,
    /// How many devices run it.
    pub count: usize,
    /// How many of these lack the fix of a security bulletin that concerns them.
    pub vulnerable: usize,
    /// How many minor versions it is behind the newest of this tailnet; none if that is not known.
    pub behind: Option<u32>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRow {
    /// The name without the tailnet's domain.
    pub name: String,
    /// The tags, or the login name of the user.
    pub owner: String,
    /// The operating system.
    pub os: String,
    /// The version of the client.
    pub version: String,
    /// `connected`, `never`, `unknown`, or when it last was.
    pub seen: String,
    /// What is wrong with it, the worst first.
    pub problems: Vec<String>,
    /// How serious the worst of it is: `critical`, `high`, `medium`, `low`, `info`; empty if nothing is.
    pub severity: String,
}
