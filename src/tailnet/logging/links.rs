//! Which event groups of the audit log are changes that this server made, as far as that is certain.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{ConfigurationAuditLog, Window, audit::event};
use crate::{
    Credential,
    change::{
        Outcome,
        journal::{Entry, Find, Step},
    },
    client::Result,
    tailnet::{Tailnet, resource},
};

/// The maximum number of journal entries that are compared.
const MAX_ENTRIES: usize = 500;
/// The maximum number of steps of an entry that are compared.
const MAX_STEPS: usize = 500;
/// How far the clocks of this server and of the API may differ.
const SKEW: SignedDuration = SignedDuration::from_secs(5);
/// How long a change may take, and how much longer for each of its steps.
const LONGEST: SignedDuration = SignedDuration::from_secs(60);
const LONGEST_STEP: SignedDuration = SignedDuration::from_secs(2);

/// A resource in the audit log: the ID of a target, or an event that only one resource has.
type Place = String;

/// A change of the journal that touched a resource.
struct Touched {
    change: i64,
    from: Timestamp,
    until: Timestamp,
    /// How many of its steps took effect on the resource.
    steps: usize,
}

/// The numbers of the changes that caused event groups, by the key of the group. A change and a group belong
/// together if the actor is the credential in use, and if in the time of the change the resource has exactly
/// as many groups as the change has steps, and no other change.
pub(super) async fn of(
    tailnet: &Tailnet,
    window: Window,
    groups: &[(String, Vec<ConfigurationAuditLog>)],
) -> Result<BTreeMap<String, i64>> {
    let touched = touched(tailnet, window).await?;
    if touched.is_empty() {
        return Ok(BTreeMap::new());
    }
    let Some(ours) = Ours::of(tailnet).await else { return Ok(BTreeMap::new()) };
    let mut at: BTreeMap<Place, Vec<(Timestamp, &String, bool)>> = BTreeMap::new();
    for (key, logs) in groups {
        let places: BTreeSet<(Place, Timestamp)> = logs.iter().flat_map(places).collect();
        let is_ours = logs.iter().all(|it| ours.made(it));
        for (place, time) in places {
            at.entry(place).or_default().push((time, key, is_ours));
        }
    }
    let mut links: BTreeMap<String, Option<i64>> = BTreeMap::new();
    for (place, changes) in &touched {
        let none = Vec::new();
        let groups = at.get(place).unwrap_or(&none);
        for change in changes {
            let is_alone = changes.iter().all(|it| {
                it.change == change.change || it.until < change.from || it.from > change.until
            });
            let within: Vec<_> =
                groups.iter().filter(|it| (change.from..=change.until).contains(&it.0)).collect();
            let keys: BTreeSet<&String> = within.iter().map(|it| it.1).collect();
            let is_read = change.from >= window.start();
            if !is_alone || !is_read || keys.len() != change.steps || !within.iter().all(|it| it.2)
            {
                continue;
            }
            for key in keys {
                let link = links.entry(key.clone()).or_insert(Some(change.change));
                // Two changes cannot have caused one group.
                *link = link.filter(|it| *it == change.change);
            }
        }
    }
    Ok(links.into_iter().filter_map(|(key, change)| Some((key, change?))).collect())
}

/// The resources that the changes in the journal touched in the window.
async fn touched(tailnet: &Tailnet, window: Window) -> Result<BTreeMap<Place, Vec<Touched>>> {
    let mut touched: BTreeMap<Place, Vec<Touched>> = BTreeMap::new();
    let Some(journal) = &tailnet.actor().journal else { return Ok(touched) };
    let find = Find {
        tailnet: tailnet.label(),
        since: Some(window.start()),
        limit: MAX_ENTRIES,
        ..Find::default()
    };
    let (entries, _) = journal.list(&find).await?;
    for entry in entries.iter().filter(|it| it.at <= window.end()) {
        let steps = journal.steps(entry.change, 0, MAX_STEPS).await?;
        let mut places: BTreeMap<Place, usize> = BTreeMap::new();
        for step in steps.iter().filter(|it| it.outcome == Some(Outcome::Done)) {
            *places.entry(place(step)).or_default() += 1;
        }
        for (place, steps) in places {
            touched.entry(place).or_default().push(Touched::of(entry, steps));
        }
    }
    Ok(touched)
}

impl Touched {
    fn of(entry: &Entry, steps: usize) -> Self {
        let planned = i32::try_from(entry.planned).unwrap_or(i32::MAX);
        let longest = LONGEST.saturating_add(LONGEST_STEP.saturating_mul(planned));
        let (from, until) = (entry.at.checked_sub(SKEW), entry.at.checked_add(longest));
        let (from, until) = (from.unwrap_or(entry.at), until.unwrap_or(entry.at));
        Self { change: entry.change, from, until, steps }
    }
}

/// The resource of a step, as the audit log writes it.
fn place(step: &Step) -> Place {
    if step.kind == "policy file" { "TAILNET.UPDATE.ACL".to_owned() } else { step.id.clone() }
}

/// The resources of an entry, with its time.
fn places(log: &ConfigurationAuditLog) -> Vec<(Place, Timestamp)> {
    let time = log.event_time.as_deref().and_then(|it| it.parse().ok());
    let id = log.target.as_ref().and_then(|it| it.id.clone());
    let places = [id, Some(event(log))].into_iter().flatten().filter(|it| !it.is_empty());
    places.filter_map(|it| Some((it, time?))).collect()
}

/// The actor that the credential in use is in the audit log.
struct Ours<'a> {
    tailnet: &'a Tailnet,
    /// The ID of the user whose API key it is.
    user: Option<String>,
}

impl<'a> Ours<'a> {
    async fn of(tailnet: &'a Tailnet) -> Option<Self> {
        let credential = &tailnet.settings().credential;
        let Credential::ApiKey(_) = credential else { return Some(Self { tailnet, user: None }) };
        let key = tailnet.keys().record(credential.public_id()).await.ok()?;
        let user = key.get("userId").map(resource::text)?;
        Some(Self { tailnet, user: Some(user).filter(|it| !it.is_empty()) })
    }

    /// Whether this credential made the change through the API.
    fn made(&self, log: &ConfigurationAuditLog) -> bool {
        let Some(actor) = &log.actor else { return false };
        let id = actor.id.as_deref().unwrap_or_default();
        let by_api = log.origin.as_ref().is_some_and(|it| it.to_string() == "CONFIG_API");
        let is_ours = match &self.user {
            Some(user) => user == id,
            None => self.tailnet.keys().is_ours(id),
        };
        by_api && is_ours
    }
}
