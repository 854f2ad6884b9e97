//! `[guardrails]` of the config file. Error messages never repeat values from the file.

use serde::Deserialize;

use crate::{
    client::{Error, Result},
    guardrails::{Guardrails, Protected},
};

/// The most windows, and the most approvers.
const MAX_LIST: usize = 100;
const MAX_NAME: usize = 256;

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entry {
    never: Names,
    approval: Names,
    windows: Option<Vec<String>>,
    changes_per_hour: Option<u32>,
    approvers: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Names {
    devices: Vec<String>,
    tags: Vec<String>,
    users: Vec<String>,
    policy: Vec<String>,
}

impl Names {
    fn check(self, place: &str) -> Result<Protected> {
        let Self { devices, tags, users, policy } = self;
        let protected = Protected { devices, tags, users, policy };
        protected.check(place)?;
        Ok(protected)
    }
}

/// Checks the section.
pub(super) fn check(entry: Entry) -> Result<Guardrails> {
    let wrong = |field: &str, should: &str| {
        Error::config(format!("`guardrails.{field}` {should}"), "correct the config file")
    };
    // It could be meant as "never" or "nobody", but means the same as no list.
    if entry.windows.as_ref().is_some_and(Vec::is_empty) {
        return Err(wrong("windows", "is empty; name at least one window, or leave it out"));
    }
    if entry.approvers.as_ref().is_some_and(Vec::is_empty) {
        return Err(wrong("approvers", "is empty; name at least one person, or leave it out"));
    }
    let windows = entry.windows.unwrap_or_default();
    let approvers = entry.approvers.unwrap_or_default();
    if windows.len() > MAX_LIST {
        return Err(wrong("windows", "has more than 100 windows"));
    }
    let windows = windows.iter().enumerate().map(|(at, text)| {
        text.parse().map_err(|should: String| wrong(&format!("windows[{at}]"), &should))
    });
    let windows = windows.collect::<Result<Vec<_>>>()?;
    let is_name = |name: &String| {
        !name.trim().is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_control)
    };
    if approvers.len() > MAX_LIST || !approvers.iter().all(is_name) {
        return Err(wrong("approvers", "must be at most 100 names"));
    }
    Ok(Guardrails {
        never: entry.never.check("guardrails.never")?,
        approval: entry.approval.check("guardrails.approval")?,
        windows,
        changes_per_hour: entry.changes_per_hour,
        approvers,
    })
}
