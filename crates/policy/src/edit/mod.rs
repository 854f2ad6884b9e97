//! Edits a policy file and keeps the rest of it as written: comments, order, spacing and line endings.

mod block;
mod error;
mod plan;
mod remove_user;
mod section;
mod splice;
mod step;
mod style;
mod trivia;

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hujson::Document;
use error::shortened;
use plan::plan;
use splice::Patch;
use step::Step;
use trivia::{comments, texts};

pub use error::EditError;
pub use remove_user::{UserRemoval, remove_user};

/// What an edit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Adds an element, member or name.
    Add,
    /// Removes it.
    Remove,
    /// Replaces a value, or creates it.
    Set,
}

/// One change of a policy file.
///
/// What it does depends on what the section holds:
///
/// | section | `add` | `remove` | `set` |
/// | --- | --- | --- | --- |
/// | a list: `acls`, `grants`, `ssh`, `nodeAttrs`, `tests`, `sshTests`, `autoApprovers.exitNode` | `value`, at the end or before `index` | by `index` or by `value` | `value` at `index` |
/// | lists by name: `groups`, `tagOwners`, `ipsets`, `postures`, `autoApprovers.routes`, `autoApprovers.services` | `value` to the list `name`; several if it is a list | `value` from it; without value the list `name` itself | the list `name` |
/// | values by name: `hosts` | `value` as `name` | `name` | `value` as `name` |
/// | one value: `randomizeClientPort`, `disableIPv4` | | the section | `value` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
// The description in the JSON schema, shorter than the docs above.
#[cfg_attr(feature = "schemars", schemars(description = "One change."))]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// What to do.
    pub op: Op,
    /// Like `grants`, `groups`, `autoApprovers.routes`.
    pub section: String,
    /// Name in the section, as `group:dev`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Member, address, or rule as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<String>"))]
    pub value: Option<Value>,
    /// Index in the list, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
}

/// The result of [`apply`]: the new text and notes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The policy file after the edits.
    pub text: String,
    /// Notes for the user: removed comments, sections that were created, edits that changed nothing.
    pub notes: Vec<String>,
}

/// Applies the edits to the policy file, one after another.
///
/// New elements are formatted like those around them. Removing an element also removes the comments that
/// belong to it: on the lines directly above it, and after it on its line. A comment stays if a blank line
/// separates it from the element or if it is on the line of the opening bracket. A comment above the first
/// of several elements stays, too, if no other element has a comment above it; it is taken to be about the
/// list. Section names match in any case and keep their spelling; a section that is `null` counts as empty.
/// Adding something that exists already is not an error.
///
/// # Errors
///
/// [`EditError`]; nothing is changed then. Each edit is checked: the new text must parse to exactly the
/// intended value, and must still have all comments that the notes do not list as removed.
pub fn apply(text: &str, edits: &[Edit]) -> Result<Edited, EditError> {
    let mut doc = Document::parse_strict(text)?;
    let mut notes = Vec::new();
    if doc.root().as_object().is_none() {
        return Err(EditError::NoObject { is: doc.root().what() });
    }
    for (edit, number) in edits.iter().zip(1..) {
        doc = make(edit, number, &doc, &mut notes)?;
    }
    let mark = if text.starts_with('\u{feff}') { "\u{feff}" } else { "" };
    Ok(Edited { text: format!("{mark}{}", doc.text()), notes })
}

fn make(
    edit: &Edit,
    number: usize,
    doc: &Document,
    notes: &mut Vec<String>,
) -> Result<Document, EditError> {
    let plan = plan(edit, number, doc.root())?;
    notes.extend(plan.notes);
    let not_safe = EditError::Unsafe { edit: number };
    let mut meant = doc.root().to_json();
    let mut doc = doc.clone();
    let mut gone = Vec::new();
    for step in plan.steps {
        for step in step.clone().refined(doc.root()) {
            let (after, went) = take(&step, &doc).ok_or(not_safe.clone())?;
            doc = after;
            gone.extend(went);
        }
        step.carry_out(&mut meant).ok_or(not_safe.clone())?;
    }
    if doc.root().to_json() != meant {
        return Err(not_safe);
    }
    notes.extend(
        gone.iter().map(|it| format!("edit {number}: removed the comment {}", shortened(it))),
    );
    Ok(doc)
}

/// The document after the step, and the comments that the step removed; `None` if other comments got lost.
fn take(step: &Step, doc: &Document) -> Option<(Document, Vec<String>)> {
    let patch = Patch::of(doc, step)?;
    let (went, mut stay) = (patch.gone.clone(), all_comments(doc));
    stay.retain(|it| !went.contains(it));
    let after = Document::parse_strict(&patch.on(doc.text())?).ok()?;
    let same = texts(doc.text(), &stay) == texts(after.text(), &all_comments(&after));
    same.then(|| (after, texts(doc.text(), &went)))
}

/// The text without its comments. What follows a comment stays on its line.
///
/// ```
/// use tailsteward_policy::edit::without_comments;
///
/// assert_eq!(without_comments("{ // why\n\"a//b\": 1 /* x\ny */ }"), "{ \n\"a//b\": 1 \n }");
/// ```
pub fn without_comments(text: &str) -> String {
    let (mut plain, mut done) = (String::with_capacity(text.len()), 0);
    for comment in comments(text, 0..text.len()) {
        plain.push_str(text.get(done..comment.start).unwrap_or_default());
        let inside = text.get(comment.clone()).unwrap_or_default();
        plain.extend(inside.chars().filter(|it| *it == '\n'));
        done = comment.end;
    }
    plain.push_str(text.get(done..).unwrap_or_default());
    plain
}

fn all_comments(doc: &Document) -> Vec<Range<usize>> {
    comments(doc.text(), 0..doc.text().len())
}
