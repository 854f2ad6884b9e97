//! New policy files, planned: from a text, or from one that was recorded.

use super::{Allow, PolicyFile, PolicyFileOf, Recorded, bare, change, conflict, pipeline};
use crate::{
    Error, ErrorKind,
    change::Plan,
    client::Result,
    policy::{
        edit::{self, Edit},
        merge::{self, Merge},
    },
};

/// A new policy file that somebody wants.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Draft {
    /// What it shall be.
    pub wanted: Wanted,
    /// What would otherwise be refused.
    pub allow: Allow,
}

/// What a policy file shall be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Wanted {
    /// A complete new text.
    Text {
        /// The text.
        text: String,
        /// The version that it was made from.
        etag: String,
    },
    /// What is live, with these edits. All else stays as it is written.
    Edits(Vec<Edit>),
}

impl Draft {
    /// `text`, which was made from the version `etag`.
    pub fn new(text: impl Into<String>, etag: impl Into<String>) -> Self {
        let wanted = Wanted::Text { text: text.into(), etag: etag.into() };
        Self { wanted, allow: Allow::default() }
    }

    /// What is live, with `edits`.
    pub fn edits(edits: Vec<Edit>) -> Self {
        Self { wanted: Wanted::Edits(edits), allow: Allow::default() }
    }
}

impl PolicyFileOf<'_> {
    /// Plans to put a new text in the place of the policy file, after all checks that can be made
    /// before: it parses, is valid, here and at Tailscale, its tests pass, and it cuts nobody off.
    /// The plan's notes say what each found. If the file was changed since the version that the
    /// draft was made from, both changes are put together, where they do not touch.
    ///
    /// # Errors
    ///
    /// [`Refused`](ErrorKind::Refused) if a check says no; [`Stale`](ErrorKind::Stale) if somebody
    /// else changed the same lines, or the draft's version is not known here.
    pub async fn plan_text(&self, draft: &Draft) -> Result<Plan> {
        let live = self.get().await?.versioned()?;
        let (text, note) = self.on_top_of(&live, draft).await?;
        let mut plan = self.planned(&live, &text, draft.allow).await?;
        plan.notes.splice(0..0, note);
        Ok(plan)
    }

    /// Plans to bring a recorded text back, after the same checks as [`plan_text`](Self::plan_text).
    ///
    /// # Errors
    ///
    /// As [`plan_text`](Self::plan_text); [`NotFound`](ErrorKind::NotFound) if no such version is
    /// recorded.
    pub async fn plan_rollback(&self, to: Recorded, allow: Allow) -> Result<Plan> {
        let found = self.recorded(to).await?;
        let live = self.get().await?.versioned()?;
        let mut plan = self.planned(&live, &found.text, allow).await?.warned(found.warnings);
        plan.notes.insert(0, format!("goes back to {}", found.what));
        Ok(plan)
    }

    async fn planned(&self, live: &PolicyFile, text: &str, allow: Allow) -> Result<Plan> {
        let plan = change::plan(&live.text, text);
        if plan.is_empty() {
            return Ok(plan);
        }
        Ok(plan.checked(pipeline::check(self.tailnet, &live.text, text, allow).await?))
    }

    /// What the draft comes to on top of what is live, and notes about it.
    async fn on_top_of(&self, live: &PolicyFile, draft: &Draft) -> Result<(String, Vec<String>)> {
        let (ours, etag) = match &draft.wanted {
            Wanted::Text { text, etag } => (text, etag),
            Wanted::Edits(edits) => {
                let edited = edit::apply(&live.text, edits)
                    .map_err(|wrong| Error::invalid_input("edits", wrong.to_string()))?;
                return Ok((edited.text, edited.notes));
            }
        };
        let etag = bare(etag);
        if etag.is_empty() {
            return Err(Error::invalid_input(
                "etag",
                "is missing: name the version that the text was made from, which is read with it",
            ));
        }
        if etag == live.etag {
            return Ok((ours.clone(), Vec::new()));
        }
        let Some(base) = self.tailnet.client().policy_texts().text(etag) else {
            let message = format!("the policy file is not the version `{etag}` any more");
            return Err(Error::new(
                ErrorKind::Stale,
                format!("{message}, which nobody here has read"),
            )
            .with_remedy("read it again, and make the change on what it is now"));
        };
        if base == live.text {
            return Ok((ours.clone(), Vec::new()));
        }
        let who = conflict::changed_by(self.tailnet, &base, &live.text).await;
        match merge::three_way(&base, ours, &live.text) {
            Merge::Clean(both) => {
                let note = format!("put together with a change that was made meanwhile{who}");
                Ok((both, vec![note]))
            }
            Merge::Conflict(places) => Err(conflict::conflict(&who, &places)),
        }
    }
}
