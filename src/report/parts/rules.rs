//! The audit, the policy file, users and keys.

use serde::{Deserialize, Serialize};

use crate::report::{Count, Part};

/// The compliance audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compliance {
    /// The score, 0 to 100; none if nothing that counts could be looked at.
    pub points: Option<u8>,
    /// The score with how much was looked at, in words.
    pub score: String,
    /// The checks: failing, then unknown, accepted, passed, and those that do not apply.
    pub checks: Vec<CheckRow>,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRow {
    /// Its ID.
    pub id: String,
    /// What is wrong if it fails.
    pub title: String,
    /// How serious that is.
    pub severity: String,
    /// `fail`, `unknown`, `accepted`, `ok` or `does_not_apply`.
    pub verdict: String,
    /// What fails it, with what was seen; of an accepted one, who accepted it and why.
    pub subjects: Vec<String>,
    /// How many more.
    pub more: usize,
    /// Why it is unknown or does not apply; empty otherwise.
    pub why: String,
    /// What to do if it fails.
    pub remedy: String,
    /// Where the advice comes from.
    pub source: String,
}

/// What is found in the policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyPart {
    /// Rules of the file that allow connections.
    pub rules: usize,
    /// Findings that grant too much, the worst first.
    pub findings: Vec<PolicyFinding>,
    /// Rules and names without use.
    pub without_use: Vec<PolicyFinding>,
    /// How many more findings there are.
    pub more: usize,
    /// Who reaches the most devices.
    pub widest: Vec<Reach>,
    /// Why findings about devices and users may be missing; none if they were all looked at.
    pub without_inventory: Option<String>,
}

/// A finding in the policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFinding {
    /// `high`, `medium` or `low`.
    pub weight: String,
    /// What was found.
    pub message: String,
    /// Where in the file, such as `grants[3]`.
    pub path: String,
    /// The line.
    pub line: usize,
}

/// How many devices somebody reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// A user or a tag.
    pub who: String,
    /// How many devices its devices reach, on any port.
    pub devices: usize,
}

/// Users and keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// The users.
    pub users: Part<Users>,
    /// The keys.
    pub keys: Part<Keys>,
}

/// The users of the tailnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// How many.
    pub total: usize,
    /// By role, the most powerful first.
    pub roles: Vec<Count>,
    /// By status.
    pub statuses: Vec<Count>,
    /// Those who wait for approval, are suspended, or were not seen for 90 days.
    pub notable: Vec<Person>,
    /// How many more.
    pub more: usize,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The login name.
    pub login: String,
    /// The role.
    pub role: String,
    /// The status.
    pub status: String,
    /// When they were last seen; empty if that is not known.
    pub seen: String,
}

/// The valid keys of the tailnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// By kind.
    pub kinds: Vec<KeyKindRow>,
    /// Kinds that the credential may not see.
    pub hidden: Vec<String>,
    /// The keys, the oldest first.
    pub keys: Vec<KeyRow>,
    /// How many more.
    pub more: usize,
}

/// The keys of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyKindRow {
    /// The kind, such as `auth keys`.
    pub kind: String,
    /// How many.
    pub count: usize,
    /// The age of the oldest in days; none if no key has a time of creation.
    pub oldest_days: Option<i64>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRow {
    /// The ID.
    pub id: String,
    /// The kind.
    pub kind: String,
    /// Its description.
    pub description: String,
    /// Its age in days.
    pub days: Option<i64>,
    /// When it expires; empty if never.
    pub expires: String,
}
