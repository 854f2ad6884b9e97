//! Versions of the policy file that are recorded in the journal.

use jiff::Timestamp;
use serde::Serialize;

use super::{PolicyFileOf, change, named};
use crate::{
    Error, ErrorKind,
    change::{
        Outcome,
        journal::{Entry, Find, Step},
    },
    client::Result,
    policy::merge,
    tailnet::changes::COVERS,
};

/// How many journal entries are read at once when searching by time.
const PAGE_SIZE: usize = 50;

/// Selects a recorded text of the policy file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recorded {
    /// The text after the change with this number.
    After(i64),
    /// The text before the change with this number.
    Before(i64),
    /// The text that was live at this time, as far as the journal knows.
    At(Timestamp),
}

/// A page of recorded versions, newest first.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct VersionList {
    /// Total number of recorded changes of the policy file.
    pub total: u64,
    /// Number of versions on this page.
    pub shown: usize,
    /// Short name of the live text; absent if it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<String>,
    /// What the list covers, and what has more.
    pub covers: &'static str,
    /// The versions on this page.
    pub versions: Vec<Version>,
    /// The value of `before` for the next page: the number of the oldest version here. Absent on the
    /// last page.
    #[serde(skip)]
    pub next: Option<i64>,
    /// Says if the live text is not the newest recorded version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A recorded change of the policy file.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Version {
    /// Number of the change in the journal.
    pub version: i64,
    /// When the change started.
    pub at: Timestamp,
    /// Who requested the change.
    pub principal: String,
    /// The tool that made the change.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// Outcome of the change.
    pub outcome: Outcome,
    /// Short name of the new text.
    pub after: String,
    /// Short name of the old text.
    pub before: String,
    /// Number of added and removed lines, such as `+3 -1`.
    pub lines: String,
    /// Whether the new text is the live one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub live: bool,
}

/// A recorded text of the policy file.
pub(super) struct Found {
    pub(super) text: String,
    /// Which text it is, such as `the text after change 3`.
    pub(super) what: String,
    pub(super) warnings: Vec<String>,
}

impl PolicyFileOf<'_> {
    /// Lists the recorded versions, newest first, starting before the change `before`.
    ///
    /// # Errors
    ///
    /// [`Journal`](ErrorKind::Journal) if the journal cannot be read.
    pub async fn versions(&self, before: Option<i64>, limit: usize) -> Result<VersionList> {
        let page = self.tailnet.changes().list(&find(before, limit)).await?;
        let live = self.get().await.ok().map(|it| it.text);
        let mut versions = Vec::with_capacity(page.changes.len());
        let mut newest: Option<String> = None;
        for entry in page.changes {
            let Some(step) = self.step(&entry).await? else { continue };
            let (from, to) = (change::text(&step.change.from), change::text(&step.change.to));
            // If several versions have the live text, only the newest one is marked as live.
            let is_live = took_effect(&entry)
                && live.as_deref() == Some(to)
                && !versions.iter().any(|it: &Version| it.live);
            if took_effect(&entry) && newest.is_none() {
                newest = Some(to.to_owned());
            }
            versions.push(Version::of(entry, from, to, is_live));
        }
        let moved = before.is_none() && newest.is_some() && live.is_some() && newest != live;
        let note = moved.then(|| {
            "the live policy file was changed elsewhere, or it is not known whether the last \
             change took effect"
                .to_owned()
        });
        Ok(VersionList {
            total: page.total,
            shown: versions.len(),
            live: live.as_deref().map(named),
            covers: COVERS,
            versions,
            next: page.next,
            note,
        })
    }

    /// Reads a recorded text of the policy file.
    pub(super) async fn recorded(&self, which: Recorded) -> Result<Found> {
        let (number, after) = match which {
            Recorded::After(number) => (number, true),
            Recorded::Before(number) => (number, false),
            Recorded::At(at) => return self.at(at).await,
        };
        let entry = self.tailnet.changes().entry(number).await?;
        let Some(step) = self.step(&entry).await? else {
            return Err(none(format!("change {number} is not a change of the policy file")));
        };
        if after && !took_effect(&entry) {
            return Err(Error::refused(
                format!("change {number} did not take effect ({})", entry.outcome.as_str()),
                "`before` restores the text from before this change",
            ));
        }
        Ok(if after { made_by(&entry, &step) } else { before(&entry, &step) })
    }

    /// The text that was live at a time: the new text of the last change before it, or the old text
    /// of the first change after it.
    async fn at(&self, at: Timestamp) -> Result<Found> {
        let mut later: Option<(Entry, Step)> = None;
        let mut next = None;
        loop {
            let page = self.tailnet.changes().list(&find(next, PAGE_SIZE)).await?;
            for entry in page.changes.into_iter().filter(took_effect) {
                let Some(step) = self.step(&entry).await? else { continue };
                if entry.at > at {
                    later = Some((entry, step));
                    continue;
                }
                let mut found = made_by(&entry, &step);
                found.warnings.extend(self.gap(&entry, &step, later.as_ref()).await);
                return Ok(found);
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        let Some((entry, step)) = later else {
            return Err(none("no change of the policy file is recorded".to_owned()));
        };
        let mut found = before(&entry, &step);
        found.warnings.push(format!(
            "nothing is recorded before {at}: this is the text from before the first later change"
        ));
        Ok(found)
    }

    /// A warning if the file was changed elsewhere between a change and the next known text.
    async fn gap(
        &self,
        entry: &Entry,
        step: &Step,
        later: Option<&(Entry, Step)>,
    ) -> Option<String> {
        let (until, then) = match later {
            Some((next, of)) => {
                (format!("change {}", next.change), change::text(&of.change.from).to_owned())
            }
            None => ("now".to_owned(), self.get().await.ok()?.text),
        };
        (then != change::text(&step.change.to)).then(|| {
            format!(
                "the file was changed elsewhere between change {} and {until}: another text may \
                 have been live then",
                entry.change
            )
        })
    }

    /// The one step of a change of the policy file; `None` for a change of something else.
    async fn step(&self, entry: &Entry) -> Result<Option<Step>> {
        let steps = self.tailnet.changes().steps(entry.change, 1).await?;
        Ok(steps.into_iter().find(|it| it.kind == change::KIND))
    }
}

impl Version {
    fn of(entry: Entry, from: &str, to: &str, live: bool) -> Self {
        let lines = merge::changed_lines(from, to);
        let came = lines.iter().filter(|it| it.starts_with('+')).count();
        Self {
            version: entry.change,
            at: entry.at,
            principal: entry.principal,
            tool: entry.tool,
            outcome: entry.outcome,
            after: named(to),
            before: named(from),
            lines: format!("+{came} -{}", lines.len() - came),
            live,
        }
    }
}

fn find(before: Option<i64>, limit: usize) -> Find {
    Find { resource: Some(change::KIND.to_owned()), before, limit, ..Find::default() }
}

/// Whether the change took effect, or may have.
fn took_effect(entry: &Entry) -> bool {
    matches!(entry.outcome, Outcome::Done | Outcome::Unknown)
}

fn made_by(entry: &Entry, step: &Step) -> Found {
    let unknown = entry.outcome == Outcome::Unknown;
    let warning = format!("it is unknown whether change {} took effect", entry.change);
    Found {
        text: change::text(&step.change.to).to_owned(),
        what: format!("the text after change {} of {}", entry.change, entry.at),
        warnings: unknown.then_some(warning).into_iter().collect(),
    }
}

fn before(entry: &Entry, step: &Step) -> Found {
    Found {
        text: change::text(&step.change.from).to_owned(),
        what: format!("the text before change {} of {}", entry.change, entry.at),
        warnings: Vec::new(),
    }
}

fn none(why: String) -> Error {
    Error::new(ErrorKind::NotFound, why)
        .with_remedy("list the recorded versions of the policy file")
}
