//! The texts that the journal has of the policy file.

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
};

/// Entries that are read at once while a time is looked for.
const PAGE_SIZE: usize = 50;

/// A text that was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recorded {
    /// What the change with this number made of the file.
    After(i64),
    /// What it was before the change with this number.
    Before(i64),
    /// What was live then, as far as the journal knows.
    At(Timestamp),
}

/// A page of versions, the newest first.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct VersionList {
    /// How many changes of the policy file are recorded.
    pub total: u64,
    /// How many are here.
    pub shown: usize,
    /// What is live now; absent if it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<String>,
    /// The versions.
    pub versions: Vec<Version>,
    /// The oldest version here, if there are older ones: `before` of the next page.
    #[serde(skip)]
    pub next: Option<i64>,
    /// What to make of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A change of the policy file, and the texts before and after it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Version {
    /// The number of the change.
    pub version: i64,
    /// When it began.
    pub at: Timestamp,
    /// Who asked.
    pub principal: String,
    /// The tool that was asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The text that it made, in few words.
    pub after: String,
    /// The text before it.
    pub before: String,
    /// How many lines came and went: `+3 -1`.
    pub lines: String,
    /// It is what is live now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub live: bool,
}

/// A recorded text, and a note about it.
pub(super) struct Found {
    pub(super) text: String,
    /// Which it is: `the text after change 3`.
    pub(super) what: String,
    pub(super) warnings: Vec<String>,
}

impl PolicyFileOf<'_> {
    /// Lists the recorded versions, the newest first, from before the change `before` on.
    ///
    /// # Errors
    ///
    /// [`Journal`](ErrorKind::Journal) if it cannot be read.
    pub async fn versions(&self, before: Option<i64>, limit: usize) -> Result<VersionList> {
        let page = self.tailnet.changes().list(&find(before, limit)).await?;
        let live = self.get().await.ok().map(|it| it.text);
        let mut versions = Vec::with_capacity(page.changes.len());
        let mut newest: Option<String> = None;
        for entry in page.changes {
            let Some(step) = self.step(&entry).await? else { continue };
            let (from, to) = (change::text(&step.change.from), change::text(&step.change.to));
            // Of several with this text, only the last made it live.
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
            "what is live was made elsewhere, or the last change is not \
                                  known to have been made"
                .to_owned()
        });
        Ok(VersionList {
            total: page.total,
            shown: versions.len(),
            live: live.as_deref().map(named),
            versions,
            next: page.next,
            note,
        })
    }

    /// A text that was recorded.
    pub(super) async fn recorded(&self, which: Recorded) -> Result<Found> {
        let (number, after) = match which {
            Recorded::After(number) => (number, true),
            Recorded::Before(number) => (number, false),
            Recorded::At(at) => return self.at(at).await,
        };
        let entry = self.tailnet.changes().entry(number).await?;
        let Some(step) = self.step(&entry).await? else {
            return Err(none(format!("change {number} is not one of the policy file")));
        };
        if after && !took_effect(&entry) {
            return Err(Error::refused(
                format!("change {number} did not take effect ({})", entry.outcome.as_str()),
                "`before` gives the text that it started from",
            ));
        }
        Ok(if after { made_by(&entry, &step) } else { before(&entry, &step) })
    }

    /// What was live at a time: what the last change before it made, or else what the first one
    /// after it started from.
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
            "nothing is recorded from before {at}: it is what the first change after that started from"
        ));
        Ok(found)
    }

    /// Whether the file was changed elsewhere between a change and the next thing that is known.
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
                "it was changed elsewhere between change {} and {until}: another text may have \
                 been live then",
                entry.change
            )
        })
    }

    /// The one step of a change of the policy file.
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

/// Whether the change made its text live, or may have.
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
