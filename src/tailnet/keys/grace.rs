//! Keys that were replaced, and are to be revoked when their grace is over.

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

/// A key that was replaced, and whose grace is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Due {
    /// The old key's id.
    pub key: String,
    /// The id of the one in its place.
    pub new: String,
    /// When the grace was over.
    pub until: Timestamp,
    /// The rotation's number in the journal.
    pub change: i64,
    /// Who asked for the rotation.
    pub principal: String,
}

/// As many rotations of the past as are looked through.
const ROTATIONS: usize = 200;
/// What the journal says that a rotation is about: the old key and the new one.
const ROTATION: &str = "2 keys";

impl Keys<'_> {
    /// The keys whose grace is over, from the journal: whether they were revoked meanwhile, only the
    /// API knows. The newest 200 rotations are looked through.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) without a journal.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<Due>> {
        let mut due: Vec<Due> = Vec::new();
        let mut replaced = HashMap::new();
        let changes = self.tailnet().changes();
        // A program that uses the library has no tool that could be looked for.
        let about = Some(ROTATION.to_owned());
        let find = Find { resource: about, limit: ROTATIONS, ..Find::default() };
        // What was undone has no new key any more: the old one is in use again.
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
        // What took its place may have been replaced itself.
        for it in &mut due {
            for _ in 0..replaced.len() {
                let Some(next) = replaced.get(&it.new) else { break };
                it.new.clone_from(next);
            }
        }
        Ok(due)
    }

    /// Plans to revoke a key whose grace is over. Its rotation was confirmed, so this is not asked
    /// for again.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if it is revoked already, and
    /// [`Refused`](ErrorKind::Refused) where it should stay: while the new key is not there, and while
    /// the old one is the credential in use here.
    pub async fn plan_due(&self, due: &Due) -> Result<Plan> {
        let mut plan = self.plan_delete(&due.key).await?;
        match KEY.get(self.tailnet(), &due.new).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::refused(
                    format!("`{}` stays: `{}`, made in its place, is gone", due.key, due.new),
                    "rotate the key again, or revoke it",
                ));
            }
            Err(error) => return Err(error),
        }
        plan.notes.push(format!(
            "change {} made {} in its place, and its grace was over at {}",
            due.change, due.new, due.until
        ));
        Ok(plan)
    }
}

/// The old key, the new one and the end of the grace, if these are the steps of a rotation whose
/// grace is over.
fn over(steps: &[Step], at: Timestamp, now: Timestamp) -> Option<(String, String, Timestamp)> {
    let (_, new) = rotated(steps)?;
    let done = |it: &&Step| it.outcome == Some(Outcome::Done);
    let noted = steps.iter().filter(done).find(|it| it.change.field == REVOKE_AFTER)?;
    let grace: SignedDuration = noted.change.to.as_str()?.parse().ok()?;
    let until = at.saturating_add(grace).unwrap_or(Timestamp::MAX);
    (until <= now).then(|| (noted.id.clone(), new.to_owned(), until))
}
