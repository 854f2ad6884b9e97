//! What changed since the last report. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Gathered, cut, exactly, first};
use crate::{
    checks,
    policy::{Effect, Policy},
    report::{Change, Changes, Part},
};

/// How many changes are listed.
const CHANGES: usize = 100;
/// How many lines about the policy file are listed.
const LINES: usize = 20;
/// How many devices a report keeps for the next one.
const MAX_DEVICES: usize = 20_000;

/// What a report keeps for the next one to compare with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Snapshot {
    /// When it was made.
    at: Timestamp,
    /// Own devices by ID. None if they could not be read.
    #[serde(default)]
    devices: Option<BTreeMap<String, DeviceThen>>,
    /// How many devices there were, if they were too many to be kept.
    #[serde(default)]
    too_many: Option<usize>,
    /// Users by ID.
    #[serde(default)]
    users: Option<BTreeMap<String, UserThen>>,
    /// The policy file.
    #[serde(default)]
    policy: Option<String>,
    #[serde(default)]
    score: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct DeviceThen {
    name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    routes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct UserThen {
    login: String,
    role: String,
}

/// What changed, of which thing, from which value to which one.
type Difference = (&'static str, String, String, String);

impl Snapshot {
    pub(super) fn of(gathered: &Gathered, audit: &checks::Report) -> Self {
        let facts = &gathered.facts;
        let own = facts.devices.as_ref().ok().map(|all| {
            all.iter().filter(|it| !it.shared_in).map(DeviceThen::of).collect::<BTreeMap<_, _>>()
        });
        let count = own.as_ref().map_or(0, BTreeMap::len);
        let user = |it: &checks::User| {
            (it.id.clone(), UserThen { login: cut(&it.login), role: cut(&it.role) })
        };
        Self {
            at: gathered.now,
            devices: own.filter(|_| count <= MAX_DEVICES),
            too_many: Some(count).filter(|it| *it > MAX_DEVICES),
            users: facts.users.as_ref().ok().map(|all| all.iter().map(user).collect()),
            policy: facts.policy.as_ref().ok().map(|it| it.policy.document().text().to_owned()),
            score: audit.score.points,
        }
    }
}

impl DeviceThen {
    fn of(it: &checks::Device) -> (String, Self) {
        let sorted = |list: &[String]| {
            let mut list = list.to_vec();
            list.sort_unstable();
            list
        };
        let (tags, routes) = (sorted(&it.tags), sorted(&it.enabled));
        (it.id.clone(), Self { name: cut(&it.name), tags, routes })
    }

    fn compare(before: Option<&Self>, after: Option<&Self>, found: &mut Vec<Difference>) {
        let none = String::new;
        match (before, after) {
            (None, Some(it)) => found.push(("new device", it.name.clone(), none(), none())),
            (Some(it), None) => found.push(("device gone", it.name.clone(), none(), none())),
            (Some(before), Some(after)) => {
                let mut differs = |what, from: String, to: String| {
                    if from != to {
                        found.push((what, after.name.clone(), from, to));
                    }
                };
                differs("renamed", before.name.clone(), after.name.clone());
                differs("tags", before.tags.join(" "), after.tags.join(" "));
                differs("routes", before.routes.join(" "), after.routes.join(" "));
            }
            (None, None) => {}
        }
    }
}

impl UserThen {
    fn compare(before: Option<&Self>, after: Option<&Self>, found: &mut Vec<Difference>) {
        let none = String::new;
        match (before, after) {
            (None, Some(it)) => found.push(("new user", it.login.clone(), none(), it.role.clone())),
            (Some(it), None) => {
                found.push(("user gone", it.login.clone(), it.role.clone(), none()));
            }
            (Some(before), Some(after)) if before.role != after.role => {
                let (from, to) = (before.role.clone(), after.role.clone());
                found.push(("role", after.login.clone(), from, to));
            }
            _ => {}
        }
    }
}

impl Gathered {
    pub(super) fn changes(&self, now: &Snapshot) -> Part<Changes> {
        let last = match &self.last {
            Ok(last) => last,
            Err(why) => return Part::Unknown(why.clone()),
        };
        let (mut found, mut notes) = (Vec::new(), Vec::new());
        match (&last.devices, &now.devices) {
            (Some(before), Some(after)) => compare(before, after, DeviceThen::compare, &mut found),
            _ if last.too_many.or(now.too_many).is_some() => {
                notes.push(format!("devices are not compared: there are more than {MAX_DEVICES}"));
            }
            _ => notes.push(
                "devices are not compared: one of both reports could not read them".to_owned(),
            ),
        }
        match (&last.users, &now.users) {
            (Some(before), Some(after)) => compare(before, after, UserThen::compare, &mut found),
            _ => notes
                .push("users are not compared: one of both reports could not read them".to_owned()),
        }
        let policy = match (&last.policy, &now.policy) {
            (Some(before), Some(after)) if before == after => Vec::new(),
            (Some(before), Some(_)) => self.effect(before).unwrap_or_else(|why| {
                notes.push(why);
                Vec::new()
            }),
            _ => {
                notes.push(
                    "the policy file is not compared: one of both reports could not read it"
                        .to_owned(),
                );
                Vec::new()
            }
        };
        let change = |(what, name, from, to): Difference| Change {
            what: what.to_owned(),
            name,
            from: cut(&from),
            to: cut(&to),
        };
        let (changes, more) = first(found.into_iter().map(change).collect(), CHANGES);
        let score = (last.score, now.score);
        Part::Known(Changes { last: exactly(last.at), changes, more, policy, score, notes })
    }

    /// What the policy file's change does, one effect per line.
    fn effect(&self, before: &str) -> Result<Vec<String>, String> {
        let changed =
            |why: &str| format!("the policy file changed; what that does is unknown: {why}");
        let after = self.facts.policy.as_ref().map_err(|it| changed(&it.text))?;
        let inventory = self.inventory.as_ref().map_err(|it| changed(&it.text))?;
        let before = Policy::parse(before).map_err(|it| changed(&it.to_string()))?;
        let (before, after) = (before.compile(inventory), after.policy.compile(inventory));
        let lines = Effect::between(&before, &after).first_lines(LINES);
        if lines.is_empty() {
            return Ok(vec!["Only comments or layout changed.".to_owned()]);
        }
        Ok(lines.iter().map(|it| crate::visible::visible_up_to(it, 300).into_owned()).collect())
    }
}

fn compare<T>(
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
    one: fn(Option<&T>, Option<&T>, &mut Vec<Difference>),
    found: &mut Vec<Difference>,
) {
    for (id, it) in after {
        one(before.get(id), Some(it), found);
    }
    for (_, it) in before.iter().filter(|(id, _)| !after.contains_key(*id)) {
        one(Some(it), None, found);
    }
}
