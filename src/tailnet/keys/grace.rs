//! Revokes rotated keys when their grace period is over.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    Keys,
    change::{KEY, REVOKE_AFTER, rotated},
};
use crate::{
    Error, ErrorKind,
    change::{
        Outcome, Plan,
        journal::{Find, Step},
    },
    client::Result,
};

/// A rotated key whose grace period is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Due {
    /// ID of the old key.
    pub key: String,
    /// ID of the key that replaced it.
    pub new: String,
    /// When the grace period ended.
    pub until: Timestamp,
    /// Number of the rotation in the journal.
    pub change: i64,
    /// Who requested the rotation.
    pub principal: String,
}

/// How many of the latest rotations are searched.
const ROTATIONS: usize = 200;
/// How the journal describes the resources of a rotation: the old key and the new one.
const ROTATION: &str = "2 keys";

impl Keys<'_> {
    /// Lists rotated keys whose grace period is over, from the latest 200 rotations in the journal.
    /// Some may have been revoked already.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) without a journal.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<Due>> {
        let mut due: Vec<Due> = Vec::new();
        let mut replaced = HashMap::new();
        let changes = self.tailnet().changes();
        // Searches by resource: a rotation through the library has no tool name.
        let about = Some(ROTATION.to_owned());
        let find = Find { resource: about, limit: ROTATIONS, ..Find::default() };
        // After an undo, the new key is gone and the old one is in use again.
        for entry in changes.list(&find).await?.changes {
            if entry.undone_by.is_some() {
                continue;
            }
            let steps = changes.steps(entry.change, 2).await?;
            if let Some((old, new)) = rotated(&steps) {
                replaced.insert(old.to_owned(), new.to_owned());
            }
            if let Some((key, new, until)) = over(&steps, entry.at, now) {
                due.push(Due { key, new, until, change: entry.change, principal: entry.principal });
            }
        }
        // The new key may have been rotated, too: follow the chain to the latest one.
        for it in &mut due {
            for _ in 0..replaced.len() {
                let Some(next) = replaced.get(&it.new) else { break };
                it.new.clone_from(next);
            }
        }
        Ok(due)
    }

    /// Plans to revoke a rotated key whose grace period is over. This needs no confirmation: the
    /// rotation was confirmed.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if the old key is revoked already;
    /// [`Refused`](ErrorKind::Refused) if the new key does not exist, or if the old key is the
    /// credential that this program uses.
    pub async fn plan_due(&self, due: &Due) -> Result<Plan> {
        let mut plan = self.plan_delete(&due.key).await?;
        match KEY.get(self.tailnet(), &due.new).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::refused(
                    format!(
                        "`{}` is kept: its replacement `{}` no longer exists",
                        due.key, due.new
                    ),
                    "rotate the key again, or revoke it",
                ));
            }
            Err(error) => return Err(error),
        }
        plan.notes.push(format!(
            "change {} replaced it with {}, and its grace period ended at {}",
            due.change, due.new, due.until
        ));
        Ok(plan)
    }
}

/// The old key, the new key and the end of the grace period, if these are the steps of a rotation
/// whose grace period is over.
fn over(steps: &[Step], at: Timestamp, now: Timestamp) -> Option<(String, String, Timestamp)> {
    let (_, new) = rotated(steps)?;
    let done = |it: &&Step| it.outcome == Some(Outcome::Done);
    let noted = steps.iter().filter(done).find(|it| it.change.field == REVOKE_AFTER)?;
    let grace: SignedDuration = noted.change.to.as_str()?.parse().ok()?;
    let until = at.saturating_add(grace).unwrap_or(Timestamp::MAX);
    (until <= now).then(|| (noted.id.clone(), new.to_owned(), until))
}
