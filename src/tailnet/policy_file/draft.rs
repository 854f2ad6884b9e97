//! Plans a new policy file: from a text, from edits, or from a recorded version.

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

/// A requested change of the policy file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Draft {
    /// The new policy file.
    pub wanted: Wanted,
    /// Which checks to skip.
    pub allow: Allow,
}

/// The content of a new policy file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Wanted {
    /// A complete new text.
    Text {
        /// The new text.
        text: String,
        /// The `etag` of the policy file that the text was made from.
        etag: String,
    },
    /// The live policy file with these edits; the rest keeps its formatting and comments.
    Edits(Vec<Edit>),
}

impl Draft {
    /// A complete new `text`, made from the version `etag`.
    pub fn new(text: impl Into<String>, etag: impl Into<String>) -> Self {
        let wanted = Wanted::Text { text: text.into(), etag: etag.into() };
        Self { wanted, allow: Allow::default() }
    }

    /// The live policy file with `edits`.
    pub fn edits(edits: Vec<Edit>) -> Self {
        Self { wanted: Wanted::Edits(edits), allow: Allow::default() }
    }
}

impl PolicyFileOf<'_> {
    /// Plans to replace the policy file after checking the new text: it parses, it is valid both
    /// offline and at Tailscale, its tests pass, and it locks nobody out. The plan's notes show the
    /// result of each check. If the live file has changed since the draft's version, the two
    /// changes are merged, provided that they touch different lines.
    ///
    /// # Errors
    ///
    /// [`Refused`](ErrorKind::Refused) if a check fails; [`Stale`](ErrorKind::Stale) if somebody
    /// else changed the same lines, or if this process has not read the draft's version.
    pub async fn plan_text(&self, draft: &Draft) -> Result<Plan> {
        let live = self.get().await?.versioned()?;
        let (text, note) = self.on_top_of(&live, draft).await?;
        let mut plan = self.planned(&live, &text, draft.allow).await?;
        plan.notes.splice(0..0, note);
        Ok(plan)
    }

    /// Plans to restore a recorded text, after the same checks as [`plan_text`](Self::plan_text).
    ///
    /// # Errors
    ///
    /// Same as [`plan_text`](Self::plan_text); [`NotFound`](ErrorKind::NotFound) if no such version
    /// is recorded.
    pub async fn plan_rollback(&self, to: Recorded, allow: Allow) -> Result<Plan> {
        let found = self.recorded(to).await?;
        let live = self.get().await?.versioned()?;
        let mut plan = self.planned(&live, &found.text, allow).await?.warned(found.warnings);
        plan.notes.insert(0, format!("rolls back to {}", found.what));
        Ok(plan)
    }

    async fn planned(&self, live: &PolicyFile, text: &str, allow: Allow) -> Result<Plan> {
        let plan = change::plan(&live.text, text);
        if plan.is_empty() {
            return Ok(plan);
        }
        Ok(plan.checked(pipeline::check(self.tailnet, &live.text, text, allow).await?))
    }

    /// The draft's text on top of the live file, and notes about how it was made.
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
                "is required: the version that `text` is based on, as returned when it was read",
            ));
        }
        if etag == live.etag {
            return Ok((ours.clone(), Vec::new()));
        }
        let Some(base) = self.tailnet.client().policy_texts().text(etag) else {
            let message = format!("the policy file is no longer the version `{etag}`");
            return Err(Error::new(
                ErrorKind::Stale,
                format!("{message}, and that version was not read here"),
            )
            .with_remedy("read it again, and make the change to the current text"));
        };
        if base == live.text {
            return Ok((ours.clone(), Vec::new()));
        }
        let who = conflict::changed_by(self.tailnet, &base, &live.text).await;
        match merge::three_way(&base, ours, &live.text) {
            Merge::Clean(both) => {
                let note = format!("merged with a change that was made meanwhile{who}");
                Ok((both, vec![note]))
            }
            Merge::Conflict(places) => Err(conflict::conflict(&who, &places)),
        }
    }
}
