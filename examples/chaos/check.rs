//! What must hold after each change, and in the end.

use std::path::Path;

use serde_json::{Map, Value, json};
use sqlx::{AnyConnection, Row as _};
use tailsteward::sandbox::Sandbox;

use super::changes::is_sacrificed;

/// The sandbox as it is: its state without what moves by itself, and how long its audit log is.
pub(crate) struct World {
    pub(crate) state: Value,
    pub(crate) audited: usize,
}

impl World {
    pub(crate) fn of(sandbox: &Sandbox, path: &Path) -> Self {
        sandbox.save(path).expect("the state can be saved");
        let saved = std::fs::read(path).expect("it can be read");
        let mut saved: Value = serde_json::from_slice(&saved).expect("it is JSON");
        let mut state = saved["tailnets"][0].take();
        let audited = state["audit"]["entries"].as_array().map_or(0, Vec::len);
        if let Some(fields) = state.as_object_mut() {
            for moving in ["clock", "rng", "audit", "tokens", "seed"] {
                fields.remove(moving);
            }
        }
        Self { state, audited }
    }

    /// What can be undone of it, where nothing was done that cannot.
    pub(crate) fn reversible(&self) -> Value {
        let mut kept = Map::new();
        let devices = self.state["devices"].as_array().into_iter().flatten();
        let devices = devices.filter(|device| !is_sacrificed(device)).map(|device| {
            let fields = ["id", "name", "tags", "authorized", "enabled_routes", "attributes"];
            fields.map(|field| device[field].clone())
        });
        kept.insert("devices".to_owned(), json!(devices.collect::<Vec<_>>()));
        for section in ["dns", "settings", "contacts"] {
            kept.insert(section.to_owned(), self.state[section].clone());
        }
        kept.insert("policy".to_owned(), self.state["policy"]["text"].clone());
        let users = self.state["users"].as_array().into_iter().flatten();
        let users = users.map(|user| ["id", "role", "standing"].map(|field| user[field].clone()));
        kept.insert("users".to_owned(), json!(users.collect::<Vec<_>>()));
        let services = self.state["services"].as_object().into_iter().flatten();
        let services = services.map(|(name, service)| json!([name, service["fields"]]));
        kept.insert("services".to_owned(), json!(services.collect::<Vec<_>>()));
        kept.into()
    }
}

/// An entry of the journal, with how its steps ended.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) change: i64,
    pub(crate) outcome: Option<String>,
    pub(crate) steps: Vec<Option<String>>,
}

/// The entries after `last`.
pub(crate) async fn entries(journal: &mut AnyConnection, last: i64) -> Vec<Entry> {
    let query = "SELECT id, outcome FROM changes WHERE id > $1 ORDER BY id";
    let rows = sqlx::query(query).bind(last).fetch_all(&mut *journal).await;
    let mut entries = Vec::new();
    for row in rows.expect("the journal can be read") {
        let change: i64 = row.get(0);
        let query = "SELECT outcome FROM steps WHERE change_id = $1 ORDER BY id";
        let steps = sqlx::query(query).bind(change).fetch_all(&mut *journal).await;
        let steps = steps.expect("the journal can be read").iter().map(|row| row.get(0)).collect();
        entries.push(Entry { change, outcome: row.get(1), steps });
    }
    entries
}

fn may_have_effect(step: Option<&str>) -> bool {
    step.is_none_or(|outcome| matches!(outcome, "done" | "unknown"))
}

/// What is wrong after one call, if anything is.
pub(crate) fn violation(before: &World, after: &World, entries: &[Entry]) -> Option<String> {
    let mut steps = entries.iter().flat_map(|entry| &entry.steps);
    let changed = before.state != after.state;
    let wrote = after.audited > before.audited;
    if changed && !steps.clone().any(|step| may_have_effect(step.as_deref())) {
        return Some(format!("an effect is not in the journal as done or unknown: {entries:?}"));
    }
    if wrote && steps.next().is_none() {
        return Some(format!(
            "the API has recorded a change, and the journal has none: {entries:?}"
        ));
    }
    let is_final = |entry: &Entry, wanted: &[&str]| {
        entry.outcome.as_deref().is_some_and(|outcome| wanted.contains(&outcome))
    };
    if changed
        && !entries.is_empty()
        && entries.iter().all(|entry| is_final(entry, &["failed", "rolled_back"]))
    {
        return Some(format!("what failed or was rolled back took effect: {entries:?}"));
    }
    for entry in entries {
        let open = entry.steps.iter().any(|step| step.as_deref().is_none_or(|it| it == "unknown"));
        if is_final(entry, &["done"]) && open {
            return Some(format!("an entry is done, and a step of it is not known: {entry:?}"));
        }
    }
    None
}
