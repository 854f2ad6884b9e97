//! What can be wrong with an edit.

use serde_json::Value;

use super::super::hujson::{Node, SyntaxError};

/// What keeps a file from being edited. Edits are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text cannot be read.
    #[error("the policy file is not HuJSON: {0}")]
    Syntax(#[from] SyntaxError),
    /// The text is not an object.
    #[error("the policy file is {is}; it must be an object, at least {{}}")]
    NoObject {
        /// What it is: `a list`.
        is: &'static str,
    },
    /// No section has the name.
    #[error("edit {edit}: no `section` is called `{section}`; {instead}")]
    UnknownSection {
        /// The number of the edit.
        edit: usize,
        /// The name.
        section: String,
        /// What would be right.
        instead: String,
    },
    /// A field of the edit is missing, too much or does not fit.
    #[error("edit {edit}: `{field}` {problem}")]
    Field {
        /// The number of the edit.
        edit: usize,
        /// The field.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// The file has something else in this place.
    #[error(
        "edit {edit}: `{place}` is {is} in the file; it must be {must} before it can be edited"
    )]
    Kind {
        /// The number of the edit.
        edit: usize,
        /// The section, or the name in it.
        place: String,
        /// What it is.
        is: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// The file has a section twice, in different spelling.
    #[error("edit {edit}: the file has both `{one}` and `{other}`; join them first")]
    Twice {
        /// The number of the edit.
        edit: usize,
        /// The first.
        one: String,
        /// The second.
        other: String,
    },
    /// What is to be removed or replaced is not there.
    #[error("edit {edit}: `{place}` has no {what}; {there}")]
    Absent {
        /// The number of the edit.
        edit: usize,
        /// The section, or the name in it.
        place: String,
        /// What was looked for.
        what: String,
        /// What is there.
        there: String,
    },
    /// What is to be removed is there more than once.
    #[error(
        "edit {edit}: `{section}` has this value more than once; give the `index`, one of {indexes}"
    )]
    Ambiguous {
        /// The number of the edit.
        edit: usize,
        /// The section.
        section: String,
        /// Where it is.
        indexes: String,
    },
    /// What is to be added is there with another value.
    #[error("edit {edit}: `{section}` has {name:?} already, as {value}; use `set` to replace it")]
    Exists {
        /// The number of the edit.
        edit: usize,
        /// The section.
        section: String,
        /// The name.
        name: String,
        /// Its value.
        value: String,
    },
    /// The edited text would lack a value or lose a comment. Nothing was changed.
    #[error(
        "edit {edit}: the text around it is too unusual to edit safely; send the complete file"
    )]
    Unsafe {
        /// The number of the edit.
        edit: usize,
    },
}

/// A value in few characters.
pub(super) fn short(value: &Value) -> String {
    shortened(&value.to_string())
}

/// A text in few characters, on one line.
pub(super) fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// What a list has: `it has 2: 0: "a", 1: "b"`.
pub(super) fn elements(list: &[Node]) -> String {
    let shown = list.iter().enumerate().map(|(at, it)| format!("{at}: {}", short(&it.to_json())));
    what_is_there(list.len(), shown)
}

/// What an object has: `it has 2: "a", "b"`.
pub(super) fn names(node: Option<&Node>) -> String {
    let members = node.and_then(Node::as_object).unwrap_or_default();
    what_is_there(members.len(), members.iter().map(|it| format!("{:?}", it.name)))
}

fn what_is_there(count: usize, shown: impl Iterator<Item = String>) -> String {
    let most = 8;
    let shown = shown.take(most).collect::<Vec<_>>().join(", ");
    match count {
        0 => "it is empty".to_owned(),
        _ if count > most => format!("it has {count}: {shown}, …"),
        _ => format!("it has {count}: {shown}"),
    }
}
