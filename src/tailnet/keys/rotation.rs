//! Rotates keys, and finds keys that need rotation.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::{
    Keys, Kind,
    change::{self, KEY, is_gone},
    grace::Due,
    make,
};
use crate::{
    Error, ErrorKind,
    change::{Item, OnFailure, Plan, Risk},
    client::{Result, call},
    tailnet::resource,
};

/// The maximum age of keys in days, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Policy(pub BTreeMap<Kind, u32>);

impl Default for Policy {
    /// 90 days for auth keys and API access tokens, 365 days for OAuth clients. Federated
    /// identities have no secret, and no maximum age.
    fn default() -> Self {
        Self(BTreeMap::from([(Kind::Auth, 90), (Kind::Api, 90), (Kind::Client, 365)]))
    }
}

/// A key that violates the policy or needs attention.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// ID of the key.
    pub key: String,
    /// Kind of the key.
    pub kind: Kind,
    /// Description of the key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What is wrong with the key.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
}

/// The result of a rotation check.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Maximum age of keys in days, by kind.
    pub max_age_days: Policy,
    /// Number of keys checked.
    pub checked: usize,
    /// Keys that need attention.
    pub findings: Vec<Finding>,
    /// What could not be checked, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Keys<'_> {
    /// Plans to rotate a key: to create one like it and, once that works, to revoke the old key at
    /// once or after `grace`. A server revokes it by itself when the grace period is over; other
    /// programs call [`plan_due`](Self::plan_due). If the new key cannot be created, the old one
    /// stays valid.
    ///
    /// # Errors
    ///
    /// [`Refused`](ErrorKind::Refused) for kinds that the API cannot create, and for the credential
    /// that this program uses if `grace` is zero.
    pub async fn plan_rotate(&self, id: &str, grace: SignedDuration) -> Result<Plan> {
        let key = KEY.get(self.tailnet(), id).await?;
        let kind = Kind::of(&key);
        let refused = |why: &str, remedy: &str| {
            Err(Error::refused(format!("`{id}` cannot be rotated: {why}"), remedy))
        };
        match kind {
            Kind::Api => {
                return refused(
                    "access tokens can be created only in the admin console",
                    "create a new one there, deploy it, then revoke this one",
                );
            }
            Kind::Federated => {
                return refused("a federated identity has no secret", "update it, or revoke it");
            }
            Kind::Auth | Kind::Client => {}
        }
        if self.is_ours(id) && grace.is_zero() {
            return refused(
                "it is the credential in use",
                "give a `grace` period, deploy the new secret, then revoke the old key",
            );
        }
        let plan = make(&format!("replacement of {id}"), &key);
        let old = if grace.is_zero() {
            change::of_keys(KEY.plan_delete(id, id, &key)).items
        } else {
            vec![Item::new(&change::Keys, id, id, vec![change::revoke_after(grace)])]
        };
        let mut plan = Plan::new(plan.items.into_iter().chain(old).collect());
        plan.on_failure = OnFailure::Stop;
        if self.is_ours(id) && self.tailnet().settings().tailnet == "-" {
            plan.warnings.push(
                "with the tailnet `-`, the journal is tied to the credential: set \
                 TAILSCALE_TAILNET before you deploy the new secret, or revoke the old key yourself"
                    .to_owned(),
            );
        }
        plan.least = Risk::Danger;
        plan.warnings.push(if grace.is_zero() {
            "whatever uses the old key needs the new secret: revoking the old key is irreversible"
                .to_owned()
        } else {
            "the old key stops working after the grace period: a server with this journal that may \
             rotate keys revokes it then, or when it next runs"
                .to_owned()
        });
        Ok(plan)
    }

    /// Checks the age, expiry and owner of all keys that the credential can list, and finds rotated
    /// keys whose grace period is over. The API does not report when a key was last used.
    ///
    /// # Errors
    ///
    /// Same as [`list`](Self::list).
    pub async fn check_rotation(&self, policy: &Policy, now: Timestamp) -> Result<Report> {
        let keys = self.records().await?;
        let mut notes = Vec::new();
        let owners = match self.tailnet().users().list().await {
            Ok(users) => Some(
                users
                    .iter()
                    .filter_map(|it| Some((it.id.clone()?, status(it))))
                    .collect::<BTreeMap<_, _>>(),
            ),
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                notes.push("the credential may not read users: owners were not checked".to_owned());
                None
            }
            Err(error) => return Err(error),
        };
        let due = match self.due(now).await {
            // Without a journal, no grace periods are known.
            Err(error) if error.kind() == ErrorKind::Unsupported => Vec::new(),
            due => due?,
        };
        let mut findings = Vec::new();
        for key in keys.iter().filter(|it| !is_gone(it)) {
            let look = Look { key, policy, now, ours: self.is_ours(&id(key)) };
            findings.extend(look.age());
            findings.extend(look.expiry());
            findings.extend(owners.as_ref().and_then(|it| look.owner(it)));
            let over = due.iter().find(|it| it.key == id(key));
            let has_new = |it: &Due| keys.iter().any(|key| id(key) == it.new && !is_gone(key));
            findings.extend(over.map(|it| look.due(it, has_new(it))));
        }
        let checked = keys.iter().filter(|it| !is_gone(it)).count();
        Ok(Report { max_age_days: policy.clone(), checked, findings, notes })
    }
}

fn status(user: &super::super::users::User) -> String {
    user.status.as_ref().map(ToString::to_string).unwrap_or_default()
}

pub(super) fn id(key: &Value) -> String {
    call::member(key, "id").map(resource::text).unwrap_or_default()
}

/// The check of one key.
struct Look<'a> {
    key: &'a Value,
    policy: &'a Policy,
    now: Timestamp,
    /// Whether this program uses the key as its credential.
    ours: bool,
}

impl Look<'_> {
    fn finding(&self, problem: String, remedy: String) -> Finding {
        let description = self.key.get("description").and_then(Value::as_str).unwrap_or_default();
        let remedy = if self.ours {
            format!("it is the credential in use: configure another one, then {remedy}")
        } else {
            remedy
        };
        Finding {
            key: id(self.key),
            kind: Kind::of(self.key),
            description: description.to_owned(),
            problem,
            remedy,
        }
    }

    fn time(&self, field: &str) -> Option<Timestamp> {
        let text = self.key.get(field).and_then(Value::as_str)?;
        crate::wire::Timestamp::new(text).instant()
    }

    fn age(&self) -> Option<Finding> {
        let kind = Kind::of(self.key);
        let most = *self.policy.0.get(&kind)?;
        let days = self.now.duration_since(self.time("created")?).as_hours() / 24;
        let old = days > i64::from(most);
        old.then(|| self.finding(format!("{days} days old, more than {most}"), self.replacing()))
    }

    /// How to replace the key with a new one.
    fn replacing(&self) -> String {
        let id = id(self.key);
        match Kind::of(self.key) {
            Kind::Auth | Kind::Client => format!("rotate {id}"),
            Kind::Api => format!("create a new one in the admin console, then revoke {id}"),
            Kind::Federated => format!("revoke {id}"),
        }
    }

    fn expiry(&self) -> Option<Finding> {
        let ends = matches!(Kind::of(self.key), Kind::Auth | Kind::Api);
        let expires = self.time("expires");
        if expires.is_some_and(|it| it <= self.now) {
            let problem = "it has expired, but is still listed".to_owned();
            return Some(self.finding(problem, format!("revoke {}", id(self.key))));
        }
        // If the API gives few details, a missing expiry does not mean that the key never expires.
        let is_detailed = call::member(self.key, "created").is_some();
        (ends && is_detailed && expires.is_none())
            .then(|| self.finding("it never expires".to_owned(), self.replacing()))
    }

    fn owner(&self, owners: &BTreeMap<String, String>) -> Option<Finding> {
        let owner = call::member(self.key, "userId").map(resource::text)?;
        let problem = match owners.get(&owner).map(String::as_str) {
            None => format!("its owner {owner} is not a user of this tailnet"),
            Some("suspended") => format!("its owner {owner} is suspended"),
            Some(_) => return None,
        };
        Some(self.finding(problem, format!("revoke {}", id(self.key))))
    }

    fn due(&self, due: &Due, has_new: bool) -> Finding {
        let problem = format!("it was replaced, and its grace period ended at {}", due.until);
        if has_new {
            return self.finding(problem, format!("revoke {}", id(self.key)));
        }
        self.finding(
            format!("{problem}, but its replacement {} no longer exists", due.new),
            self.replacing(),
        )
    }
}
