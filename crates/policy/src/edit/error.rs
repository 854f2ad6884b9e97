//! Errors of edits.

use serde_json::Value;

use super::super::hujson::{Node, SyntaxError};

/// Why a file cannot be edited. Edits are numbered from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The policy file is not `HuJSON`.
    #[error("the policy file is not HuJSON: {0}")]
    Syntax(#[from] SyntaxError),
    /// The policy file is not an object.
    #[error("the policy file is {is}; it must be an object, at least {{}}")]
    NoObject {
        /// What the file is instead: `a list`.
        is: &'static str,
    },
    /// No section has this name.
    #[error("edit {edit}: no `section` is called `{section}`; {instead}")]
    UnknownSection {
        /// The number of the edit.
        edit: usize,
        /// The name given in the edit.
        section: String,
        /// The closest section name, or all of them.
        instead: String,
    },
    /// A field of the edit is missing, not allowed or invalid.
    #[error("edit {edit}: `{field}` {problem}")]
    Field {
        /// The number of the edit.
        edit: usize,
        /// The field.
        field: &'static str,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// The file has a value of another type where the edit needs a list or object.
    #[error(
        "edit {edit}: `{place}` is {is} in the file; it must be {must} before it can be edited"
    )]
    Kind {
        /// The number of the edit.
        edit: usize,
        /// The section, or the name in the section.
        place: String,
        /// The type found: `a text`.
        is: &'static str,
        /// The type needed: `a list`.
        must: &'static str,
    },
    /// The file has a section twice, spelled in different case.
    #[error("edit {edit}: the file has both `{one}` and `{other}`; join them first")]
    Twice {
        /// The number of the edit.
        edit: usize,
        /// The first spelling.
        one: String,
        /// The second spelling.
        other: String,
    },
    /// The value to remove or replace does not exist.
    #[error("edit {edit}: `{place}` has no {what}; {there}")]
    Absent {
        /// The number of the edit.
        edit: usize,
        /// The section, or the name in the section.
        place: String,
        /// What the edit refers to: a value, a name or an index.
        what: String,
        /// What exists instead.
        there: String,
    },
    /// The value to remove occurs more than once.
    #[error(
        "edit {edit}: `{section}` has this value more than once; give the `index`, one of {indexes}"
    )]
    Ambiguous {
        /// The number of the edit.
        edit: usize,
        /// The section.
        section: String,
        /// The indexes at which the value occurs.
        indexes: String,
    },
    /// The name to add already exists, with another value.
    #[error("edit {edit}: `{section}` has {name:?} already, as {value}; use `set` to replace it")]
    Exists {
        /// The number of the edit.
        edit: usize,
        /// The section.
        section: String,
        /// The name to add.
        name: String,
        /// The value that the name has now, as JSON.
        value: String,
    },
    /// The edit would break the file or lose a comment. Nothing was changed.
    #[error(
        "edit {edit}: the text around it is too unusual to edit safely; send the complete file"
    )]
    Unsafe {
        /// The number of the edit.
        edit: usize,
    },
}

/// The value as JSON, cut to 60 characters.
pub(super) fn short(value: &Value) -> String {
    shortened(&value.to_string())
}

/// The text on one line, cut to 60 characters.
pub(super) fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Lists the elements for an error message: `it has 2: 0: "a", 1: "b"`.
pub(super) fn elements(list: &[Node]) -> String {
    let shown = list.iter().enumerate().map(|(at, it)| format!("{at}: {}", short(&it.to_json())));
    what_is_there(list.len(), shown)
}

/// Lists the member names for an error message: `it has 2: "a", "b"`.
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
